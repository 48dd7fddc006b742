import { Clock, type Reading } from "../protocol/reading.ts"
import {
  type Counter,
  countedKinds,
  judgeRegister,
  newRegister,
  type RegisterFault,
  type RegisterMemory,
} from "./register.ts"

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
  /** As counted: what the meter showed plus the offset of its counter. */
  registers: Registers
  /** The counters of registers that began anew, once or more. */
  counters?: Counters
}

export type Counters = Partial<Record<RegisterName, Counter>>

/** All that the rules remember of one meter. */
export interface MeterState {
  /** The highest sequence number seen in an authentic reading of the latest key that was seen; -1 before the first. */
  sequence: number
  /** Which of the meter's keys that is; left out for its first. */
  keyIndex?: number
  anchor: Anchor | undefined
  /** Of each register that has counted, and of one that is in doubt. */
  registers: RegisterMemories
}

const turns: ReadonlySet<string> = new Set(["reset", "rollover", "replaced", "back"])

export type RegisterMemories = Partial<Record<RegisterName, RegisterMemory>>

/** Why an authentic reading does not count. Each is explained to people in `gateway/web/reasons.ts`. */
export type DoubtReason =
  | "out-of-order"
  | "key-not-in-force"
  | "clock-unsynchronised"
  | "clock-implausible"
  | "clock-ahead"
  | "clock-backwards"
  | "record-in-doubt"
  | "register-missing"
  | "register-unexpected"
  | RegisterFault

export type Verdict =
  | {
      accepted: true
      /** What was out of the ordinary: a counter that began anew, or is back. */
      note?: string
    }
  | { accepted: false; reason: DoubtReason; detail: string }

/** Which of its keys a meter signed a reading with, and which was in force at the reading's time. */
export interface KeyUse {
  signed: number
  inForce: number
}

const firstKey: KeyUse = Object.freeze({ signed: 0, inForce: 0 })

export const newMeterState: MeterState = Object.freeze({
  sequence: -1,
  anchor: undefined,
  registers: Object.freeze({}),
})

/**
 * Judges one authentic reading: whether it counts, and what is remembered afterwards. Pure; gateway, validators
 * and auditors run it over the same readings in the same order and come to the same verdicts.
 *
 * The rules never count what is in doubt. A register that falls is not counted until it is back at the last value
 * that counted, or another counter is believed to go on; one that rises further than rated power allows is not counted
 * until time allows it, and where even the tolerance for clocks cannot explain it, not until it has come back down or
 * another counter is believed (`judgeRegister`). What was really measured in between is in the register then, and is
 * counted from there. Restarts that the chain knows of play no part here: they are for statements (`statedWh`), so that
 * one that is registered later changes no verdict.
 * @param received when the gateway took the reading in, Unix seconds.
 */
export function judge(
  state: MeterState,
  reading: Reading,
  received: number,
  meter: MeterLimits,
  rules: JudgeRules,
  { signed, inForce }: KeyUse = firstKey,
): { verdict: Verdict; state: MeterState } {
  const { keyIndex = 0 } = state
  if (signed < keyIndex)
    return doubt(state, "key-not-in-force", "signed with a key after which the meter has used its next one")
  if (signed === keyIndex && reading.sequence <= state.sequence)
    return doubt(state, "out-of-order", `sequence ${reading.sequence} came after sequence ${state.sequence}`)
  const last = { sequence: reading.sequence, ...(signed > 0 && { keyIndex: signed }) }
  const seen = { ...state, ...last }

  const clock = judgeClock(state.anchor, reading, received, meter, rules)
  if (clock) return doubt(seen, clock.reason, clock.detail)
  // A time that is in doubt says nothing about which key was in force.
  if (signed !== inForce)
    return doubt(state, "key-not-in-force", `the meter's key at ${iso(reading.time)} is another`)
  if (reading.doubts?.length) return doubt(seen, "record-in-doubt", reading.doubts.join("; "))

  const from = state.anchor ?? commissioning(reading, meter)
  for (const name of registerNames) {
    if (from.registers[name] !== undefined && reading[name] === undefined)
      return doubt(seen, "register-missing", `the reading has no ${name}, earlier ones had`)
    if (
      state.anchor &&
      from.registers[name] === undefined &&
      reading[name] !== undefined &&
      !mayAppear(name, from)
    )
      return doubt(seen, "register-unexpected", `the reading has ${name}, earlier ones had not`)
  }

  const step = BigInt(reading.resolutionWh ?? 0)
  const { ratedW } = meter
  const { headroomBasisPoints, clockToleranceSeconds } = rules
  const bounds = { ratedW, headroomBasisPoints, clockToleranceSeconds }
  const registers: Registers = {}
  const counters: Counters = {}
  const counting: RegisterMemories = {}
  const doubting: RegisterMemories = { ...state.registers }
  const notes: string[] = []
  let fault: { reason: DoubtReason; detail: string } | undefined
  for (const name of registerNames) {
    const shown = reading[name]
    if (shown === undefined) continue
    const before = from.registers[name]
    if (before === undefined) {
      registers[name] = shown
      counting[name] = newRegister(shown, reading.time)
      continue
    }
    const memory = state.registers[name] ?? newRegister(before, from.time)
    const judged = judgeRegister({ wh: before, time: from.time }, shown, reading.time, step, memory, bounds)
    if ("fault" in judged) {
      doubting[name] = judged.memory
      fault ??= { reason: judged.fault.reason, detail: `${name} ${judged.fault.detail}` }
      continue
    }
    registers[name] = judged.countedWh
    counting[name] = judged.memory
    if (judged.memory.counter) counters[name] = judged.memory.counter
    if (turns.has(judged.kind)) notes.push(`${name}: ${countedKinds[judged.kind]}`)
  }
  if (fault) return doubt({ ...seen, registers: doubting }, fault.reason, fault.detail)
  const restarted = Object.keys(counters).length > 0
  return {
    verdict: { accepted: true, ...(notes.length > 0 && { note: notes.join("; ") }) },
    state: {
      ...last,
      anchor: { time: reading.time, registers, ...(restarted && { counters }) },
      registers: counting,
    },
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

/**
 * A meter at the grid may show a register that it did not show before: those that have counted nothing yet may leave it
 * out (SunSpec: an accumulator of 0 is "not accumulated"). Generation that appears later, or consumption of a meter that
 * showed none, would make another kind of meter of it.
 */
function mayAppear(name: RegisterName, { registers }: Anchor): boolean {
  const atGrid = registers.importedWh !== undefined || registers.exportedWh !== undefined
  return atGrid && name !== "generatedWh"
}

function doubt(state: MeterState, reason: DoubtReason, detail: string) {
  return { verdict: { accepted: false, reason, detail } as const, state }
}

function iso(time: number): string {
  const date = new Date(time * 1000)
  return Number.isNaN(date.getTime()) ? `${time} s after 1970` : date.toISOString().replace(".000", "")
}
