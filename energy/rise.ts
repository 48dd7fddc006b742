import { ceilingWh, possibleUnits, unitsPerWh } from "./ceiling.ts"

/** What bounds a register's rise. */
export interface RegisterBounds {
  ratedW: number
  headroomBasisPoints: number
  clockToleranceSeconds: number
}

/** What the rules remember of how a counted register rose. */
export interface RiseMemory {
  /** When it was first seen standing where it stands, in a reading that counts; Unix seconds. */
  since: number
  /**
   * How far it had outrun its rated power with headroom then, in 1/36,000,000 Wh. Never more than one Wh and the
   * register's step: what rounding may add to one rise may not add up over many.
   */
  ahead: bigint
  /**
   * Set while it stands above what even a wrong clock explains: the lowest such value. Time alone never makes it
   * plausible; it must come back below.
   */
  jumped?: bigint
}

/**
 * A quarter of an hour: a register's step is allowed for up to what rated power counts in this time, and so far may
 * a register show its value late without having to show it twice.
 */
export const quarterSeconds = 900

/** What rounding may add to one rise, in 1/36,000,000 Wh: one Wh, and the register's step as far as it is believed. */
export function slackUnits(step: bigint, { ratedW, headroomBasisPoints }: RegisterBounds): bigint {
  const coarsest = ceilingWh(ratedW, quarterSeconds, headroomBasisPoints)
  return unitsPerWh * (1n + (step < coarsest ? step : coarsest))
}

/** Whether a meter can have counted so many Wh in so many seconds, rounding allowed for. */
export function isPossible(wh: bigint, seconds: number, step: bigint, bounds: RegisterBounds): boolean {
  if (seconds <= 0) return wh <= 0n
  const possible = possibleUnits(bounds.ratedW, seconds, bounds.headroomBasisPoints)
  return wh * unitsPerWh <= possible + slackUnits(step, bounds)
}

/** Whether so many Wh in so many seconds are explained at least by a clock that was wrong within the tolerance. */
export function clockExplains(wh: bigint, seconds: number, step: bigint, bounds: RegisterBounds): boolean {
  const { ratedW, headroomBasisPoints, clockToleranceSeconds } = bounds
  return wh <= ceilingWh(ratedW, seconds + clockToleranceSeconds, headroomBasisPoints) + step
}

/**
 * Judges a counted register's new value against the last one that counted, which it is not below. It may rise by
 * what rated power allows for the time since it was first seen standing there: a register that shows its value late,
 * or stood still for an hour and then shows what was measured meanwhile, is believed; one that rises by more is not.
 * @param step of the register in Wh, 0 where it is one Wh.
 * @returns what to remember, and the fault if there is one; the value counts if there is none.
 */
export function judgeRise(
  last: bigint,
  value: bigint,
  time: number,
  step: bigint,
  { since, ahead, jumped }: RiseMemory,
  bounds: RegisterBounds,
): { rise: RiseMemory; fault?: { reason: "over-rated" | "register-jumped"; detail: string } } {
  const rise = value - last
  const before = { since, ahead, ...(jumped !== undefined && { jumped }) }
  if (jumped !== undefined && value >= jumped)
    return {
      rise: before,
      fault: {
        reason: "register-jumped",
        detail: `is ${value} Wh and has not come back below ${jumped} Wh, where it jumped to`,
      },
    }
  if (rise === 0n) return { rise: { since, ahead } }

  const seconds = time - since
  const possible = possibleUnits(bounds.ratedW, seconds, bounds.headroomBasisPoints)
  const slack = seconds > 0 ? slackUnits(step, bounds) : 0n
  const lead = ahead + rise * unitsPerWh - possible
  if (lead <= slack) return { rise: { since: time, ahead: lead > 0n ? lead : 0n } }

  const allowed = (possible + slack - ahead) / unitsPerWh
  return {
    rise: clockExplains(rise, seconds, step, bounds) ? before : { ...before, jumped: value },
    fault: {
      reason: "over-rated",
      detail: `rose by ${rise} Wh in ${seconds} s, ${bounds.ratedW} W allow ${allowed} Wh`,
    },
  }
}
