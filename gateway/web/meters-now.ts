import type { Hex } from "../../protocol/hex.ts"
import type { Meter } from "../config.ts"
import type { StoredReading } from "../journal/readings.ts"
import type { WebContext } from "./context.ts"
import { type LatestReading, type MeterNow, measuresOf } from "./live.ts"

/** A meter's period is taken from this many of its last readings: one that was late does not change it. */
const readingsForPeriod = 4
/** Older readings are stale in any case; what they say besides their time is not looked up. */
const notWorthLooking = 30 * 60

/** What each meter last said that counts. */
export function metersNow(
  { config, journal, clock, unreachable }: Pick<WebContext, "config" | "journal" | "clock" | "unreachable">,
  meters: readonly Meter[] = config.meters,
): MeterNow[] {
  const now = clock.now()
  return meters.map((meter) => ({
    name: meter.name,
    household: meter.household,
    latest: latestOf(meter.key.meterId),
    unreachable: unreachable.get(meter),
  }))

  function latestOf(meterId: Hex): LatestReading | undefined {
    const { anchor } = journal.readings.state(meterId)
    if (!anchor) return undefined
    const measures = measuresOf(anchor.registers)
    if (now - anchor.time > notWorthLooking)
      return { measures, time: anchor.time, powerW: undefined, periodSeconds: undefined }
    const recent: StoredReading[] = []
    for (let i = 0; i < readingsForPeriod; i++) {
      const before = recent.at(-1)
      const reading = journal.readings.lastCounted(meterId, before && before.id - 1n)
      if (!reading) break
      recent.push(reading)
    }
    const gaps = recent.slice(1).map((reading, i) => recent[i]!.time - reading.time)
    return {
      measures,
      time: anchor.time,
      powerW: recent[0]?.powerW,
      periodSeconds: gaps.length > 0 ? Math.min(...gaps) : undefined,
    }
  }
}
