import type { Json, JsonObject } from "./json.ts"
import { JsonNumber } from "./json.ts"

/** One entry of RD after inheritance, with its values still in the meter's own text. */
export interface Entry {
  readonly time: string | undefined
  readonly transaction: string | undefined
  readonly value: string | undefined
  readonly obis: string | undefined
  readonly unit: string | undefined
  readonly current: string | undefined
  readonly errors: string | undefined
  readonly state: string | undefined
  readonly loss: string | undefined
  /** Only this entry's own: Bauer's second register, which stands beside the first in the maker's fields. */
  readonly second: { value: string; obis: string; unit: string } | undefined
  /** What in the entry cannot be read, in words. */
  readonly doubts: readonly string[]
}

/** OCMF 1.2, table 7. */
const inherited = {
  TM: "time",
  TX: "transaction",
  RV: "value",
  RI: "obis",
  RU: "unit",
  RT: "current",
  CL: "loss",
  EF: "errors",
  ST: "state",
} as const
const numeric: ReadonlySet<string> = new Set(["RV", "CL"])

/**
 * Gives every entry the fields that it leaves out because they are the same as in the entry before; this holds
 * within one record only (OCMF 1.2, "Readings").
 * @param maker MV of the payload: the fields that begin with X are the maker's own, and only Bauer's are known.
 */
export function inheritEntries(entries: readonly JsonObject[], maker: string | undefined): Entry[] {
  let before: Partial<Record<(typeof inherited)[keyof typeof inherited], string>> = {}
  return entries.map((entry) => {
    const doubts: string[] = []
    const here = { ...before }
    for (const [name, field] of Object.entries(inherited)) {
      const value = entry.get(name)
      if (value === undefined) continue
      const text = textOf(value, numeric.has(name))
      if (text === undefined) doubts.push(`${name} has a value of the wrong kind`)
      if (text === undefined) delete here[field]
      else here[field] = text
    }
    // They form a group, of which both or none are written.
    if (entry.has("RI") !== entry.has("RU")) doubts.push("of RI and RU, one is written without the other")
    before = here
    return { ...emptyEntry, ...here, second: secondRegister(entry, maker), doubts }
  })
}

const emptyEntry = {
  time: undefined,
  transaction: undefined,
  value: undefined,
  obis: undefined,
  unit: undefined,
  current: undefined,
  errors: undefined,
  state: undefined,
  loss: undefined,
}

/**
 * In RV a Bauer BSM writes the register of the session, 1-0:1.8.0*198, which begins anew with each, and beside it in
 * XV, XI and XU its running register. Source: chargeITmobility/bsm-python, doc/examples/ocmf.md.
 */
function secondRegister(entry: JsonObject, maker: string | undefined): Entry["second"] {
  if (maker !== "BAUER Electronic") return undefined
  const value = textOf(entry.get("XV"), true)
  const obis = textOf(entry.get("XI"), false)
  const unit = textOf(entry.get("XU"), false)
  return value === undefined || obis === undefined || unit === undefined ? undefined : { value, obis, unit }
}

/** Some meters write numbers as strings; the digits are the same. */
function textOf(value: Json | undefined, mayBeNumber: boolean): string | undefined {
  if (typeof value === "string") return value
  return mayBeNumber && value instanceof JsonNumber ? value.text : undefined
}
