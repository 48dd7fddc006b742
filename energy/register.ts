import { ceilingWh, possibleUnits, unitsPerWh } from "./ceiling.ts"

/** What the rules remember of one register of a meter. */
export interface RegisterMemory {
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

export type RegisterFault = "register-fell" | "over-rated" | "register-jumped"

/** What bounds a register's rise. */
export interface RegisterBounds {
  ratedW: number
  headroomBasisPoints: number
  clockToleranceSeconds: number
}

/** A register's step is allowed for up to what rated power counts in this time; what it claims beyond is in doubt. */
const coarsestStepSeconds = 900

/**
 * Judges a register's new value against the last one that counted. It may rise by what rated power allows for the
 * time since it was first seen standing there: a register that shows its value late, or stood still for an hour and
 * then shows what was measured meanwhile, is believed; one that rises by more is not.
 * @param step of the register in Wh, 0 where it is one Wh.
 * @returns what to remember, and the fault if there is one; the value counts if there is none.
 */
export function judgeRegister(
  last: bigint,
  value: bigint,
  time: number,
  step: bigint,
  memory: RegisterMemory,
  { ratedW, headroomBasisPoints, clockToleranceSeconds }: RegisterBounds,
): { memory: RegisterMemory; fault?: { reason: RegisterFault; detail: string } } {
  const { since, ahead, jumped } = memory
  const rise = value - last
  if (rise < 0n)
    return { memory, fault: { reason: "register-fell", detail: `fell from ${last} to ${value} Wh` } }
  if (jumped !== undefined && value >= jumped)
    return {
      memory,
      fault: {
        reason: "register-jumped",
        detail: `is ${value} Wh and has not come back below ${jumped} Wh, where it jumped to`,
      },
    }
  if (rise === 0n) return { memory: { since, ahead } }

  const seconds = time - since
  const ceilingFor = (s: number) => ceilingWh(ratedW, s, headroomBasisPoints)
  const possible = possibleUnits(ratedW, seconds, headroomBasisPoints)
  const coarsest = ceilingFor(coarsestStepSeconds)
  const slack = seconds > 0 ? unitsPerWh * (1n + (step < coarsest ? step : coarsest)) : 0n
  const lead = ahead + rise * unitsPerWh - possible
  if (lead <= slack) return { memory: { since: time, ahead: lead > 0n ? lead : 0n } }

  const allowed = (possible + slack - ahead) / unitsPerWh
  return {
    memory: rise > ceilingFor(seconds + clockToleranceSeconds) + step ? { ...memory, jumped: value } : memory,
    fault: {
      reason: "over-rated",
      detail: `rose by ${rise} Wh in ${seconds} s, ${ratedW} W allow ${allowed} Wh`,
    },
  }
}
