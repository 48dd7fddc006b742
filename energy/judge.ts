import { Clock, type Reading } from "../protocol/reading.ts"
import { judgeRegister, type RegisterFault, type RegisterMemory } from "./register.ts"

/** What the rules need to know of a registered meter. */
export interface MeterLimits {
  ratedW: number
  /** When the meter was commissioned, Unix seconds. No reading before it counts. */
  startTime: number
  /** Its generation register at that moment. */
  startWh: bigint
}

/** The figures of the rules in force; they stand in each batch's evidence. */
export interface JudgeRules {
  headroomBasisPoints: number
  /** A meter's clock may be wrong by at most this, seconds: so far may a reading be ahead of when it was received. */
  clockToleranceSeconds: number
}

export interface Registers {
  generatedWh?: bigint
  importedWh?: bigint
  exportedWh?: bigint
}

export type RegisterName = keyof Registers
export const registerNames: readonly RegisterName[] = ["generatedWh", "importedWh", "exportedWh"]

/** The last reading that counted: the point that everything after is measured from. */
export interface Anchor {
  time: number
  registers: Registers
}

/** All that the rules remember of one meter. */
export interface MeterState {
  /** The highest sequence number seen in an authentic reading; -1 before the first. */
  sequence: number
  anchor: Anchor | undefined
  /** Of each register that has counted, and of one that is in doubt. */
  registers: RegisterMemories
}

export type RegisterMemories = Partial<Record<RegisterName, RegisterMemory>>

/** Why an authentic reading does not count. Each is explained to people by `explainReason`. */
export type DoubtReason =
  | "out-of-order"
  | "clock-unsynchronised"
  | "clock-implausible"
  | "clock-ahead"
  | "clock-backwards"
  | "register-missing"
  | "register-unexpected"
  | RegisterFault

export type Verdict = { accepted: true } | { accepted: false; reason: DoubtReason; detail: string }

export const newMeterState: MeterState = Object.freeze({
  sequence: -1,
  anchor: undefined,
  registers: Object.freeze({}),
})

/**
 * Judges one authentic reading: whether it counts, and what is remembered afterwards. Pure; gateway, validators
 * and auditors run it over the same readings in the same order and come to the same verdicts.
 *
 * The rules never count what is in doubt. A register that falls is not counted until it is back at the last
 * value that counted; one that rises further than rated power allows is not counted until time allows it, and
 * where even the tolerance for clocks cannot explain it, not until it has come back down (`judgeRegister`). What was
 * really measured in between is in the register then, and is counted from there.
 * @param received when the gateway took the reading in, Unix seconds.
 */
export function judge(
  state: MeterState,
  reading: Reading,
  received: number,
  meter: MeterLimits,
  rules: JudgeRules,
): { verdict: Verdict; state: MeterState } {
  if (reading.sequence <= state.sequence)
    return doubt(state, "out-of-order", `sequence ${reading.sequence} came after sequence ${state.sequence}`)
  const seen = { ...state, sequence: reading.sequence }

  const clock = judgeClock(state.anchor, reading, received, meter, rules)
  if (clock) return doubt(seen, clock.reason, clock.detail)

  const from = state.anchor ?? commissioning(reading, meter)
  for (const name of registerNames) {
    if (from.registers[name] !== undefined && reading[name] === undefined)
      return doubt(seen, "register-missing", `the reading has no ${name}, earlier ones had`)
    if (state.anchor && from.registers[name] === undefined && reading[name] !== undefined)
      return doubt(seen, "register-unexpected", `the reading has ${name}, earlier ones had not`)
  }

  const step = BigInt(reading.resolutionWh ?? 0)
  const counting: RegisterMemories = {}
  const doubting: RegisterMemories = { ...state.registers }
  let fault: { reason: DoubtReason; detail: string } | undefined
  for (const name of registerNames) {
    const value = reading[name]
    if (value === undefined) continue
    const last = from.registers[name]
    const memory = state.registers[name] ?? {
      since: last === undefined ? reading.time : from.time,
      ahead: 0n,
    }
    const judged = judgeRegister(last ?? value, value, reading.time, step, memory, { ...rules, ...meter })
    counting[name] = judged.memory
    if (!judged.fault) continue
    doubting[name] = judged.memory
    fault ??= { reason: judged.fault.reason, detail: `${name} ${judged.fault.detail}` }
  }
  if (fault) return doubt({ ...seen, registers: doubting }, fault.reason, fault.detail)
  return {
    verdict: { accepted: true },
    state: { sequence: reading.sequence, anchor: anchorOf(reading), registers: counting },
  }
}

function judgeClock(
  anchor: Anchor | undefined,
  reading: Reading,
  received: number,
  meter: MeterLimits,
  rules: JudgeRules,
): { reason: DoubtReason; detail: string } | undefined {
  if (reading.time < meter.startTime)
    return {
      reason: "clock-implausible",
      detail: `the meter says ${iso(reading.time)}, it was commissioned ${iso(meter.startTime)}`,
    }
  if (reading.clock !== Clock.synchronised)
    return { reason: "clock-unsynchronised", detail: `clock quality ${reading.clock}, not synchronised` }
  if (reading.time > received + rules.clockToleranceSeconds)
    return {
      reason: "clock-ahead",
      detail: `the meter says ${iso(reading.time)}, it was received ${iso(received)}`,
    }
  if (anchor && reading.time <= anchor.time)
    return {
      reason: "clock-backwards",
      detail: `the meter says ${iso(reading.time)}, its last reading that counts is of ${iso(anchor.time)}`,
    }
  return undefined
}

/** Before the first reading that counts, generation is measured from the register at commissioning. */
function commissioning(reading: Reading, meter: MeterLimits): Anchor {
  return {
    time: meter.startTime,
    registers: reading.generatedWh === undefined ? {} : { generatedWh: meter.startWh },
  }
}

function anchorOf(reading: Reading): Anchor {
  const registers: Registers = {}
  for (const name of registerNames) if (reading[name] !== undefined) registers[name] = reading[name]
  return { time: reading.time, registers }
}

function doubt(state: MeterState, reason: DoubtReason, detail: string) {
  return { verdict: { accepted: false, reason, detail } as const, state }
}

function iso(time: number): string {
  const date = new Date(time * 1000)
  return Number.isNaN(date.getTime()) ? `${time} s after 1970` : date.toISOString().replace(".000", "")
}
