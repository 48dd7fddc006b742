import { Clock, type Reading } from "../reading.ts"
import { atConnection, energyFromDecimal, type Registers, type WiredAs } from "./energy.ts"
import { type Entry, inheritEntries } from "./entries.ts"
import { directionOfObis } from "./obis.ts"
import type { OcmfRecord } from "./record.ts"
import { readTime } from "./time.ts"

/** What a record says, as readings, and everything in it that speaks against settling on it. */
export interface OcmfReadings {
  /**
   * One reading for each moment, in the record's order; the last is the one to settle on. They share the record's
   * sequence number, because the meter signed them as one statement. OCMF counts neither clock settings nor boots:
   * `clockSets` and `boots` are 0 and mean nothing.
   */
  readonly readings: readonly Reading[]
  /** In words; empty where nothing speaks against it. */
  readonly doubts: readonly string[]
}

/** Which of a meter's two counters a record belongs to: transaction or fiscal (OCMF 1.2, table 2). */
export interface Pagination {
  readonly context: "T" | "F"
  readonly number: number
}

/** Whom a record names. All of it is signed, and none of it is proof: the key is. */
export interface OcmfIdentity {
  readonly maker: string | undefined
  readonly model: string | undefined
  readonly serial: string | undefined
  readonly gateway: string | undefined
  readonly gatewaySerial: string | undefined
}

/** OCMF 1.2, table 10, without G, which is good. */
const states: ReadonlyMap<string, string> = new Map([
  ["N", "is not present"],
  ["T", "did not answer in time"],
  ["D", "was disconnected from what signs"],
  ["R", "was removed"],
  ["M", "was manipulated"],
  ["X", "was exchanged"],
  ["I", "is not compatible"],
  ["O", "shows a value out of range"],
  ["S", "shows a substitute value"],
  ["E", "has an error"],
  ["F", "was not read correctly"],
])

const clockNames = {
  [Clock.unknown]: "unknown",
  [Clock.informative]: "informative",
  [Clock.relative]: "relative",
}

/** PG of a record: a letter and a number without leading zeros. */
export function paginationOf(record: OcmfRecord): Pagination | undefined {
  const parts = /^([TF])(0|[1-9][0-9]*)$/.exec(textField(record, "PG") ?? "")
  const number = Number(parts?.[2])
  return parts && Number.isSafeInteger(number) ? { context: parts[1] as "T" | "F", number } : undefined
}

export function identityOf(record: OcmfRecord): OcmfIdentity {
  return {
    maker: textField(record, "MV"),
    model: textField(record, "MM"),
    serial: textField(record, "MS"),
    gateway: textField(record, "GI"),
    gatewaySerial: textField(record, "GS"),
  }
}

/**
 * Reads a record's entries. Registers that are not settled on, such as a session's own or one tariff's, are passed
 * over; a doubt arises only where no other is there. Does not verify the signature (`verifyOcmf`), and does not
 * look at other records (`judgeSeries`).
 * @param wiredAs what the meter's import and export are to the community.
 */
export function readingsFromOcmf(record: OcmfRecord, wiredAs: WiredAs = atConnection): OcmfReadings {
  const doubts = new Set<string>()
  const pagination = paginationOf(record)
  if (!pagination) doubts.add("the record has no pagination (PG) that can be read")
  const unsettled = new Set<string>()
  const moments = new Map<string, Moment>()
  let spoilt = false
  for (const entry of inheritEntries(record.entries, textField(record, "MV"))) {
    // From an exception on, time and energy are no longer usable, that entry included (OCMF 1.2, table 7, TX).
    if (entry.transaction === "X") spoilt = true
    if (spoilt) doubts.add("an error occurred during the transaction (TX X)")
    for (const doubt of [...entry.doubts, ...conditionDoubts(entry)]) doubts.add(doubt)
    const moment = momentOf(entry, moments, doubts)
    if (!moment) continue
    for (const register of [entry, entry.second]) {
      if (register) readRegister(register, moment, wiredAs, doubts, unsettled)
    }
  }
  const measured = [...moments.values()].filter(({ registers }) => Object.keys(registers).length > 0)
  if (measured.length === 0)
    doubts.add(`there is no register to settle on${unsettled.size ? `: ${[...unsettled].join("; ")}` : ""}`)
  const readings = pagination ? measured.map((moment) => toReading(moment, pagination.number)) : []
  return { readings, doubts: [...doubts] }
}

interface Moment {
  time: number
  clock: Clock
  registers: Registers
  stepWh: number
}

/** Entries of one time and one reason belong together: a meter writes import and export as two entries. */
function momentOf(entry: Entry, moments: Map<string, Moment>, doubts: Set<string>): Moment | undefined {
  if (entry.time === undefined) {
    doubts.add("there is no time (TM)")
    return undefined
  }
  const key = `${entry.time} ${entry.transaction}`
  const known = moments.get(key)
  if (known) return known
  const time = readTime(entry.time)
  if (typeof time === "string") {
    doubts.add(`the time ${time}`)
    return undefined
  }
  if (time.clock !== Clock.synchronised)
    doubts.add(`the clock is ${clockNames[time.clock]}, not synchronised`)
  const moment = { ...time, registers: {}, stepWh: 1 }
  moments.set(key, moment)
  return moment
}

function readRegister(
  { value, obis, unit }: Pick<Entry, "value" | "obis" | "unit">,
  moment: Moment,
  wiredAs: WiredAs,
  doubts: Set<string>,
  unsettled: Set<string>,
): void {
  if (value === undefined || obis === undefined) {
    unsettled.add(value === undefined ? "a reading has no value (RV)" : "a reading does not say of what (RI)")
    return
  }
  const meaning = directionOfObis(obis)
  if ("unsettled" in meaning) {
    unsettled.add(meaning.unsettled)
    return
  }
  const field = wiredAs[meaning.direction]
  if (!field) {
    unsettled.add(`${obis} is the direction that this meter is not registered for`)
    return
  }
  const energy = energyFromDecimal(value, unit ?? "")
  if (typeof energy === "string") {
    doubts.add(`${obis}: ${energy}`)
    return
  }
  const other = moment.registers[field]
  if (other !== undefined && other !== energy.wh)
    doubts.add(`two values of ${field} at one time: ${other} and ${energy.wh} Wh`)
  moment.registers[field] = energy.wh
  moment.stepWh = Math.max(moment.stepWh, energy.stepWh)
}

function conditionDoubts(entry: Entry): string[] {
  const doubts: string[] = []
  if (entry.state === undefined) doubts.push("the state of the meter (ST) is not stated")
  else if (entry.state !== "G")
    doubts.push(
      `the meter ${states.get(entry.state) ?? "is in a state that OCMF does not know"} (ST ${entry.state})`,
    )
  for (const flag of new Set(entry.errors ?? "")) {
    const what = flag === "E" ? "the energy" : flag === "t" ? "the time" : "something that OCMF does not name"
    doubts.push(`an error makes ${what} unusable (EF ${flag})`)
  }
  if (entry.loss !== undefined && !/^[-+]?0*(?:\.0*)?$/.test(entry.loss))
    doubts.push("a cable's losses were subtracted (CL): the value is not the register itself")
  return doubts
}

function toReading({ time, clock, registers, stepWh }: Moment, sequence: number): Reading {
  const reading: Reading = { sequence, time, clock, clockSets: 0, boots: 0, ...registers }
  if (stepWh > 1) reading.resolutionWh = stepWh
  return reading
}

function textField(record: OcmfRecord, name: string): string | undefined {
  const value = record.payload.get(name)
  return typeof value === "string" ? value : undefined
}
