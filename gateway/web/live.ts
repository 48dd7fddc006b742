import type { Registers } from "../../energy/judge.ts"
import type { Hex } from "../../protocol/hex.ts"

/** What a meter measures, as its registers tell; "both" when it counts generation and the grid in one. */
export type Measures = "generation" | "grid" | "both"

/** A meter's last reading that counts. */
export interface LatestReading {
  measures: Measures
  /** Signed, W: generation or import are positive, export is negative. Undefined where the meter does not say. */
  powerW: number | undefined
  time: number
  /** How often the meter usually reports, seconds; undefined before its second reading. */
  periodSeconds: number | undefined
}

export interface MeterNow {
  name: string
  household: Hex
  latest: LatestReading | undefined
  /** Why polling it fails, if it does. */
  unreachable: string | undefined
}

export type LeftOutBecause = "never reported" | "stale" | "no power" | "measures both"

export interface LeftOut {
  name: string
  because: LeftOutBecause
  /** Time of its last reading that counts. */
  time: number | undefined
  unreachable: string | undefined
}

/** Power on the site right now. Undefined is not known, and is not 0. */
export interface Flow {
  sunW: number | undefined
  /** Positive comes from the grid, negative goes to it: the sum over all live grid meters. */
  gridW: number | undefined
  /** Generation plus what the grid meters say, over the homes all of whose meters are live. */
  homesW: number | undefined
  /** How many homes `homesW` is the sum of, out of all that have meters. */
  homesCounted: number
  homes: number
  /** Of what homes send out, what other homes take in at the same moment. */
  betweenNeighboursW: number | undefined
  /** Time of the oldest reading in these sums. */
  oldest: number | undefined
  leftOut: LeftOut[]
}

/** No reading is called live that is older than this, seconds. */
const staleAtMost = 30 * 60
/** A reading this young is live whatever the meter's period, real seconds: a message may be a little late. */
const staleAtLeast = 60

/** Whether a reading says how things are now: it is younger than three of its meter's periods, and half an hour. */
export function isStale({ time, periodSeconds }: LatestReading, now: number, speed = 1): boolean {
  const patience = Math.max(3 * (periodSeconds ?? staleAtMost), staleAtLeast * speed)
  return now - time > Math.min(patience, staleAtMost)
}

export function measuresOf(registers: Registers): Measures {
  if (registers.generatedWh === undefined) return "grid"
  return registers.importedWh === undefined && registers.exportedWh === undefined ? "generation" : "both"
}

/**
 * Adds up the latest powers. A meter that is stale or does not say its power is left out, by name and with the reason.
 * @param speed how many of the clock's seconds pass in a real one.
 */
export function flowOf(meters: readonly MeterNow[], now: number, speed = 1): Flow {
  const leftOut: LeftOut[] = []
  const live: { household: Hex; generation: boolean; powerW: number; time: number }[] = []
  for (const { name, household, latest, unreachable } of meters) {
    const leave = (because: LeftOutBecause) =>
      leftOut.push({ name, because, time: latest?.time, unreachable })
    if (!latest) leave("never reported")
    else if (isStale(latest, now, speed)) leave("stale")
    else if (latest.powerW === undefined) leave("no power")
    else if (latest.measures === "both") leave("measures both")
    else
      live.push({
        household,
        generation: latest.measures === "generation",
        powerW: latest.powerW,
        time: latest.time,
      })
  }

  const homes = [...new Set(meters.map(({ household }) => household))].map((household) => {
    const own = live.filter((meter) => meter.household === household)
    const gridW = sum(own.filter(({ generation }) => !generation).map(({ powerW }) => powerW))
    const generationW = sum(own.filter(({ generation }) => generation).map(({ powerW }) => powerW)) ?? 0
    const complete = own.length === meters.filter((meter) => meter.household === household).length
    return { gridW, usedW: complete && gridW !== undefined ? generationW + gridW : undefined }
  })
  const nets = homes.flatMap(({ gridW }) => gridW ?? [])
  const used = homes.flatMap(({ usedW }) => usedW ?? [])
  return {
    sunW: sum(live.filter(({ generation }) => generation).map(({ powerW }) => powerW)),
    gridW: sum(nets),
    homesW: sum(used),
    homesCounted: used.length,
    homes: homes.length,
    betweenNeighboursW:
      nets.length === 0
        ? undefined
        : Math.min(sum(nets.filter((net) => net > 0)) ?? 0, -(sum(nets.filter((net) => net < 0)) ?? 0)),
    oldest: live.length > 0 ? Math.min(...live.map(({ time }) => time)) : undefined,
    leftOut,
  }
}

/** Undefined when there is nothing to add: no value is not a value of 0. */
function sum(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((a, b) => a + b, 0)
}
