import type { Roof } from "../../energy/anomalies.ts"
import type { Config, Meter } from "../config.ts"
import { lastAtOrBefore } from "../journal/at-time.ts"
import type { Journal } from "../journal/journal.ts"
import type { StoredReading } from "../journal/readings.ts"

const hour = 3600
const hoursShown = 24
const daysShown = 14

/** How far back to look. */
export interface Span {
  hours: number
  days: number
}
/** A reading further from the time that is asked for says nothing about that hour. */
const nearSeconds = hour / 2

/**
 * What meters of generation alone counted in the last hours and days.
 * @param until a full hour, Unix seconds.
 */
export function roofsOf(
  { meters }: Pick<Config, "meters">,
  { readings }: Journal,
  until: number,
  span: Span = { hours: hoursShown, days: daysShown },
): Roof[] {
  return meters.flatMap((meter) => {
    const newest = readings.lastCounted(meter.key.meterId)
    const { generatedWh, importedWh, exportedWh } = newest?.registers ?? {}
    if (!newest || generatedWh === undefined || importedWh !== undefined || exportedWh !== undefined)
      return []
    return [roofOf(readings, meter, newest, until, span)]
  })
}

function roofOf(
  readings: Journal["readings"],
  { name, ratedW }: Meter,
  newest: StoredReading,
  until: number,
  { hours, days }: Span,
): Roof {
  let before: StoredReading | undefined
  const registerAt = (time: number): bigint | undefined => {
    const found = lastAtOrBefore(readings, time, newest, before)
    before = found ?? before
    return found && time - found.time <= nearSeconds ? found.registers.generatedWh : undefined
  }
  const differences = (count: number, step: number) => {
    before = undefined
    const stood = Array.from({ length: count + 1 }, (_, i) => registerAt(until - (count - i) * step))
    return stood.slice(1).map((wh, i) => {
      const earlier = stood[i]
      return wh === undefined || earlier === undefined ? undefined : wh - earlier
    })
  }
  return { name, ratedW, hoursWh: differences(hours, hour), daysWh: differences(days, 24 * hour) }
}
