import { type CountedReading, firstBoundary } from "../../energy/batch.ts"
import {
  addAll,
  type EnergySum,
  energyOfHomes,
  type HomeEnergy,
  type MeterSpan,
  sumOf,
} from "../../energy/day.ts"
import { boundaryAt } from "../../energy/intervals.ts"
import type { Rules } from "../../protocol/evidence.ts"
import type { Hex } from "../../protocol/hex.ts"
import type { Meter } from "../config.ts"
import { lastAtOrBefore } from "../journal/at-time.ts"
import type { DayHead, HomeDaySum, PublicDay } from "../journal/days.ts"
import type { StoredReading } from "../journal/readings.ts"
import { createCalendar, dayAfter, spanOf } from "./calendar.ts"
import type { WebContext } from "./context.ts"
import { publicDay } from "./public-day.ts"

export type Days = ReturnType<typeof createDays>

export type HomeDay = HomeEnergy & EnergySum

/** One day as far as it is over, in whole intervals. */
export interface Today {
  day: string
  /** The figures are over [from, to), Unix seconds, both boundaries. */
  from: number
  to: number
  intervalSeconds: number
  homes: HomeDay[]
}

/** Sums are told to everyone at the latest so long after a day's end, with the homes that have reported by then. */
const publishAfterSeconds = 86_400

/**
 * The energy of each household by day: today from the readings as they come, the days before as the journal keeps
 * them. The rules look at readings at boundaries alone, so only those are read.
 */
export function createDays({ config, journal, clock }: Pick<WebContext, "config" | "journal" | "clock">) {
  const { intervalSeconds } = config.rules
  const calendar = createCalendar(config.timeZone)
  const households = config.households.map(({ address }) => address)
  const rules: Rules = { version: 1, sharingKey: config.sharingKey, ...config.rules }
  const siteStart = firstBoundary(
    config.meters.map(({ startTime }) => startTime),
    intervalSeconds,
  )
  const held = new Map<Meter, StoredReading[]>()
  let current: { key: string; today: Today } | undefined
  let finalBefore = calendar.dayAt(siteStart)
  let lookedAt = ""

  const reported = ({ key }: Meter) => journal.readings.state(key.meterId).anchor?.time ?? 0
  const metersBefore = (time: number) => config.meters.filter(({ startTime }) => startTime < time)

  /** What a meter stood at at each boundary of a span, the one that it begins with included. */
  function boundariesOf(
    meter: Meter,
    from: number,
    to: number,
    known: readonly StoredReading[] = [],
  ): StoredReading[] {
    const first = known.findLastIndex(({ time }) => time <= from)
    const found = known.slice(Math.max(0, first))
    const newest = journal.readings.lastCounted(meter.key.meterId)
    if (!newest) return found
    const last = found.at(-1)
    const next = last && first >= 0 ? boundaryAt(last.time, intervalSeconds) + intervalSeconds : from
    for (let boundary = Math.max(from, next); boundary <= to; boundary += intervalSeconds) {
      const before = found.at(-1)
      const reading = lastAtOrBefore(journal.readings, boundary, newest, before)
      if (reading && reading.id !== before?.id) found.push(reading)
      if (newest.time <= boundary) break
    }
    return found
  }

  function homesWithin(from: number, to: number, known?: Map<Meter, StoredReading[]>): HomeDay[] {
    const meters = metersBefore(Math.max(to, from + 1)).map((meter): MeterSpan => {
      const readings = boundariesOf(meter, from, to, known?.get(meter))
      known?.set(meter, readings)
      const { name, household, ratedW, startTime, startWh, restarts, key } = meter
      const { meterId } = key
      return {
        name,
        household,
        ratedW,
        startTime,
        startWh,
        restarts,
        meterId,
        readings: readings.map(counted),
      }
    })
    return energyOfHomes(households, meters, { from, to }, rules).map((home) => ({
      ...home,
      ...sumOf(home.records),
    }))
  }

  function today(): Today {
    const now = clock.now()
    const day = calendar.dayAt(now)
    const to = boundaryAt(now, intervalSeconds)
    const from = Math.min(to, Math.max(spanOf(calendar, day, intervalSeconds).from, siteStart))
    const key = [day, to, ...config.meters.map((meter) => Math.min(reported(meter), to))].join(" ")
    if (current?.key !== key)
      current = { key, today: { day, from, to, intervalSeconds, homes: homesWithin(from, to, held) } }
    return current.today
  }

  /** Works out a day that is over, unless the journal has it as it would come out. @returns what there was to do. */
  function keepDay(day: string, reported: ReadonlyMap<Meter, number>): { head: DayHead; done: boolean } {
    const { from, to } = spanOf(calendar, day, intervalSeconds)
    const meters = metersBefore(to)
    const upTo = (meter: Meter) => Math.min(reported.get(meter) ?? 0, to)
    const basis = meters.map(upTo).join(" ")
    const before = journal.days.head(day)
    if (before?.from === from && before.to === to && (before.final || before.basis === basis))
      return { head: before, done: false }
    const head = { day, from, to, basis, final: meters.every((meter) => upTo(meter) === to) }
    const homes = homesWithin(Math.max(from, siteStart), to)
    const knownBefore = before?.from === from && before.to === to ? journal.days.sumsOfDay(day) : []
    // Readings of long ago may have left the journal since; what was worked out from them stands.
    if (count(homes) < count(knownBefore)) journal.days.confirm(head)
    else journal.days.put(head, homes)
    return { head, done: true }
  }

  /** Tells everyone a day's sums, once and for ever. */
  function publish({ day, to, final }: DayHead): void {
    if (!final && clock.now() < to + publishAfterSeconds) return
    const [before] = journal.days.published(dayAfter(day, -1), day).slice(-1)
    if (before?.day === day || (before === undefined && day !== calendar.dayAt(siteStart))) return
    const { sumsOfDay, publishedGroups, withRoofs } = journal.days
    journal.days.publish(publicDay(day, sumsOfDay(day), publishedGroups(), withRoofs()))
  }

  return {
    calendar,
    /** The day on which the site began. */
    firstDay: () => calendar.dayAt(siteStart),
    today,

    /** Works out at most one day that is over and not kept yet. @returns whether there may be more to do. */
    keep(): boolean {
      const last = dayAfter(calendar.dayAt(clock.now()), -1)
      const { to } = spanOf(calendar, last, intervalSeconds)
      const upTo = new Map(config.meters.map((meter) => [meter, Math.min(reported(meter), to)]))
      const look = [last, ...upTo.values()].join(" ")
      if (look === lookedAt) return false
      for (let day = finalBefore; day <= last; day = dayAfter(day)) {
        const { head, done } = keepDay(day, upTo)
        publish(head)
        if (head.final && day === finalBefore) finalBefore = dayAfter(day)
        if (done) return true
      }
      lookedAt = look
      return false
    },

    /** A household's intervals of a day, as far as they are known. */
    home(household: Hex, day: string): HomeEnergy | undefined {
      const now = today()
      return day === now.day
        ? now.homes.find((home) => home.household === household)
        : journal.days.home(household, day)
    },

    /** A household's days from one to another, both included; today as far as it is over. */
    sums(household: Hex, first: string, last: string): HomeDaySum[] {
      const now = today()
      const kept = journal.days.sumsOfHome(household, first, last).filter(({ day }) => day !== now.day)
      const home = now.homes.find((other) => other.household === household)
      if (!home || now.day < first || now.day > last) return kept
      const { energy, known, missing } = home
      return [...kept, { household, day: now.day, energy, known, missing }]
    },

    /** What all roofs generated, by day; generation is public. */
    generated(first: string, last: string): { day: string; wh: bigint | undefined }[] {
      const now = today()
      const kept = journal.days.generated(first, last).filter(({ day }) => day !== now.day)
      if (now.day < first || now.day > last) return kept
      const energy = addAll(now.homes.flatMap(({ energy }) => energy ?? []))
      return [...kept, { day: now.day, wh: energy?.generated }]
    },

    published: (first: string, last: string): PublicDay[] => journal.days.published(first, last),
  }
}

function count(sums: readonly EnergySum[]): number {
  return sums.reduce((total, { known }) => total + known, 0)
}

function counted({ time, registers }: StoredReading): CountedReading {
  // Nothing is stated here, so nothing is quoted.
  return { time, registers, digest: "0x" }
}
