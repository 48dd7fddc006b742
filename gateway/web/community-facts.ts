import type { PublicDay } from "../journal/days.ts"
import { dayAfter } from "./calendar.ts"
import type { WebContext } from "./context.ts"
import type { Days } from "./days.ts"
import { flowOf } from "./live.ts"
import { metersNow } from "./meters-now.ts"

/** What is of now and for everyone: generation, which is public, and how far settlement is. */
export interface CommunityNow {
  sunW: number | undefined
  /** Time of the oldest reading in it. */
  sunAsOf: number | undefined
  /** What all roofs generated today, Wh. */
  generatedToday: bigint | undefined
  settledUpTo: number
  heldUp: boolean
  latestBatch: bigint | undefined
}

export function communityNow(context: WebContext, days: Days): CommunityNow {
  const { config, journal, clock, settlement } = context
  const now = clock.now()
  const roofs = metersNow(context).filter(({ latest }) => latest?.measures === "generation")
  const { sunW, oldest } = flowOf(roofs, now, config.pace?.speed)
  const day = days.calendar.dayAt(now)
  return {
    sunW,
    sunAsOf: oldest,
    generatedToday: days.generated(day, day)[0]?.wh,
    settledUpTo: settlement.settledUpTo,
    heldUp: settlement.problem !== undefined,
    latestBatch: journal.batches.newest(1)[0]?.number,
  }
}

/** A day of the community as everyone may know it. */
export interface CommunityDay extends Omit<PublicDay, "homes"> {
  generated: bigint | undefined
  /** How many homes' use is in the sums; undefined where none is told. */
  homes: number | undefined
}

/** Days from one to another, both included, as far as there are figures. */
export function communityDays(days: Days, first: string, last: string): CommunityDay[] {
  const published = new Map(days.published(first, last).map((day) => [day.day, day]))
  return days.generated(first, last).map(({ day, wh }) => {
    const { homes = [], used, shared, toGrid, fromGrid } = published.get(day) ?? {}
    return { day, generated: wh, homes: homes.length || undefined, used, shared, toGrid, fromGrid }
  })
}

/** The last days up to today. */
export function lastDays(context: WebContext, days: Days, count: number): CommunityDay[] {
  const today = days.calendar.dayAt(context.clock.now())
  return communityDays(days, dayAfter(today, 1 - count), today)
}
