import type { CountedReading } from "../../energy/batch.ts"
import { boundaryAt } from "../../energy/intervals.ts"
import type { Hex } from "../../protocol/hex.ts"
import { readingDigest } from "../../protocol/reading.ts"
import type { Journal } from "../journal/journal.ts"
import type { StoredReading } from "../journal/readings.ts"
import type { WebContext } from "./context.ts"
import { spanOfToday, type Today, todayOf } from "./today.ts"

/** What is held of one meter: its readings at the boundaries of the day, complete up to a time. */
interface Held {
  readings: (CountedReading & { id: bigint })[]
  upTo: number
}

/**
 * Today's energy as the journal has it, kept until it can have changed: at the next interval boundary, and while a
 * late meter still reports for intervals that are over. The rules look at readings at boundaries alone, so only those
 * are read, and no more than those is held.
 */
export function createDay({
  config,
  journal,
  clock,
}: Pick<WebContext, "config" | "journal" | "clock">): () => Today {
  const { intervalSeconds } = config.rules
  const rules = { version: 1, sharingKey: config.sharingKey, ...config.rules } as const
  const startTimes = config.meters.map(({ startTime }) => startTime)
  const held = config.meters.map((): Held => ({ readings: [], upTo: 0 }))
  let current: { key: string; today: Today } | undefined

  /** Adds what a meter stood at at each boundary since the last look, and forgets what was before midnight. */
  function bringUpToDate(meter: Held, meterId: Hex, midnight: number, to: number): void {
    const { readings } = meter
    readings.splice(
      0,
      readings.findLastIndex(({ time }) => time <= midnight),
    )
    const newest = journal.readings.lastCounted(meterId)
    if (!newest) return
    const first = Math.max(midnight, boundaryAt(meter.upTo, intervalSeconds) + intervalSeconds)
    for (let boundary = first; boundary <= to; boundary += intervalSeconds) {
      const last = readings.at(-1)
      const reading = lastAtOrBefore(journal, boundary, newest, last?.id)
      if (!reading || reading.id === last?.id) continue
      const { id, time, registers, bytes } = reading
      readings.push({ id, time, registers, digest: readingDigest(bytes) })
    }
    meter.upTo = Math.min(newest.time, to)
  }

  return () => {
    const span = spanOfToday(clock.now(), startTimes, intervalSeconds)
    const reported = config.meters.map(({ key }) => journal.readings.state(key.meterId).anchor?.time ?? 0)
    const key = [span.from, span.to, ...reported.map((time) => Math.min(time, span.to))].join(" ")
    if (current?.key === key) return current.today
    const meters = config.meters.map(
      ({ name, household, ratedW, startTime, startWh, restarts, key: { meterId } }, i) => {
        bringUpToDate(held[i]!, meterId, span.midnight, span.to)
        return { name, household, ratedW, startTime, startWh, restarts, meterId, readings: held[i]!.readings }
      },
    )
    current = { key, today: todayOf(config.households, meters, span, rules) }
    return current.today
  }
}

/**
 * The last reading of a meter that counts at or before a time. Among readings that count time rises with the id, so
 * it is found by halving and not by reading a day of them: a meter may report each second.
 * @param newest the last one that counts. @param low an id that the wanted one is not below.
 */
function lastAtOrBefore(
  { readings }: Journal,
  time: number,
  newest: StoredReading,
  low = 0n,
): StoredReading | undefined {
  if (newest.time <= time) return newest
  let high = newest.id - 1n
  let found: StoredReading | undefined
  while (low <= high) {
    const middle = (low + high) / 2n
    const reading = readings.lastCounted(newest.meterId, middle)
    if (reading && reading.time > time) {
      high = reading.id - 1n
    } else {
      found = reading
      low = middle + 1n
    }
  }
  return found
}
