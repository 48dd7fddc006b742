import type { ReadingStore, StoredReading } from "./readings.ts"

/**
 * The last reading of a meter that counts at or before a time. Among readings that count time rises with the id, most
 * often evenly, so it is looked for where it should be: a meter may report each second, and a day of them is not read.
 * @param newest the last one that counts. @param before one that is known to be at or before the time.
 */
export function lastAtOrBefore(
  readings: Pick<ReadingStore, "lastCounted" | "nextCounted">,
  time: number,
  newest: StoredReading,
  before?: StoredReading,
): StoredReading | undefined {
  const { meterId } = newest
  if (newest.time <= time) return newest
  let low = before ?? readings.nextCounted(meterId, 0n)
  if (!low || low.time > time) return undefined
  let high = newest
  for (let even = true; ; even = !even) {
    const reading: StoredReading =
      readings.lastCounted(meterId, between(low, high, even ? time : undefined)) ?? low
    if (reading.time > time) {
      high = reading
      continue
    }
    const next = readings.nextCounted(meterId, reading.id)
    if (!next || next.time > time) return reading
    low = next
  }
}

/** An id from `low` up to the one before `high`: where a time should be, or the middle where it was not. */
function between(low: StoredReading, high: StoredReading, time?: number): bigint {
  const ids = high.id - low.id - 1n
  if (time === undefined) return low.id + ids / 2n
  return low.id + (ids * BigInt(time - low.time)) / BigInt(high.time - low.time)
}
