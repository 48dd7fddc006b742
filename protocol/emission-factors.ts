import { sha256 } from "@noble/hashes/sha2.js"
import { maxBlockBytes } from "./block.ts"
import { type Hex, toHex } from "./hex.ts"

/** What a grid's electricity emitted, hour by hour, as an operator supplies it. */
export interface EmissionFactors {
  grid: string
  source: string
  version: string
  /** SHA-256 of the table's bytes: which table it was is never in doubt. */
  sha256: Hex
  hours: number
  /** CO2 of a kWh in the hour that a moment is in, whole milligrams; undefined where the table says nothing. */
  milligramsPerKwh(time: number): bigint | undefined
}

const secondsOfHour = 3_600
/** No grid comes near: burning peat gives some 1,200 g/kWh. A table in other units is noticed. */
const mostGrams = 3_000n
export const namesOfTable = ["grid", "source", "version"] as const
const longestName = 200

/** Whether a table may be called so: it is shown on screens, and must look like what it is. */
export function isName(text: string): boolean {
  return text !== "" && text === trimmed(text) && [...text].length <= longestName && !hidden.test(text)
}

const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

/**
 * Reads a table of emission factors (SPEC.md, 8.9): lines `# grid: …`, `# source: …` and `# version: …`, the line
 * `hour,grams_per_kwh`, and a line for each hour, `2026-06-01T00:00Z,170.7`, in order. Grams have at most three decimals.
 * An hour may be missing; none may be there twice.
 * @throws Error that names the line and what is wrong with it.
 */
export function readEmissionFactors(bytes: Uint8Array): EmissionFactors {
  if (bytes.length > maxBlockBytes)
    throw new Error(`The table has ${bytes.length} bytes; it may have ${maxBlockBytes}, some four years.`)
  const about = new Map<string, string>()
  const factors = new Map<number, bigint>()
  let begun = false
  let last = Number.NEGATIVE_INFINITY
  for (const [i, raw] of linesOf(bytes).entries()) {
    const line = trimmed(raw)
    const wrong = (what: string) => new Error(`Line ${i + 1} ${what}: "${line.slice(0, 80)}".`)
    if (line === "") continue
    if (line.startsWith("#")) {
      const [, name, value = ""] = /^#[ \t]*(grid|source|version):(.*)$/s.exec(line) ?? []
      if (name === undefined) continue
      if (about.has(name)) throw wrong(`says the ${name} a second time`)
      if (!isName(trimmed(value))) throw wrong(`must say the ${name} in 1 to ${longestName} letters`)
      about.set(name, trimmed(value))
      continue
    }
    if (!begun) {
      if (line !== "hour,grams_per_kwh") throw wrong("should be hour,grams_per_kwh")
      begun = true
      continue
    }
    const [hour = "", grams = "", ...more] = line.split(",")
    const time = hourOf(hour)
    if (time === undefined || more.length > 0) throw wrong("is not hour,grams, the hour as 2026-06-01T00:00Z")
    if (time <= last) throw wrong("is not later than the one before")
    const milligrams = thousandths(grams)
    if (milligrams === undefined || milligrams > mostGrams * 1000n)
      throw wrong(`has no factor from 0 to ${mostGrams} g/kWh with at most three decimals`)
    factors.set(time, milligrams)
    last = time
  }
  for (const name of namesOfTable)
    if (!about.has(name))
      throw new Error(`The line "# ${name}: …" is missing: where do the figures come from?`)
  if (factors.size === 0) throw new Error("The table has no hours.")
  return {
    grid: about.get("grid")!,
    source: about.get("source")!,
    version: about.get("version")!,
    sha256: toHex(sha256(bytes)),
    hours: factors.size,
    milligramsPerKwh: (time) => factors.get(Math.floor(time / secondsOfHour) * secondsOfHour),
  }
}

/** Without spaces, tabs and carriage returns at either end. */
function trimmed(text: string): string {
  const isBlank = (i: number) => text[i] === " " || text[i] === "\t" || text[i] === "\r"
  let [from, to] = [0, text.length]
  while (from < to && isBlank(from)) from++
  while (to > from && isBlank(to - 1)) to--
  return text.slice(from, to)
}

function linesOf(bytes: Uint8Array): string[] {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).split("\n")
  } catch {
    throw new Error("The table is not text in UTF-8.")
  }
}

const hourForm = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):00(?::00)?(?:Z|([+-])(\d{2}):00)$/

/** An hour with its offset from UTC: a local time without one is two moments in autumn. */
function hourOf(text: string): number | undefined {
  const [, year, month, day, hour, sign, offset] = hourForm.exec(text) ?? []
  if (year === undefined) return undefined
  const [date, hours, ahead] = [
    `${year}-${month}-${day}`,
    Number(hour),
    Number(`${sign ?? ""}${offset ?? 0}`),
  ]
  const midnight = Date.parse(`${date}T00:00Z`)
  // Date.parse takes 30 February for 2 March.
  if (!(midnight >= 0) || new Date(midnight).toISOString().slice(0, 10) !== date) return undefined
  if (hours > 23 || Math.abs(ahead) > 23) return undefined
  return midnight / 1000 + secondsOfHour * (hours - ahead)
}

function thousandths(text: string): bigint | undefined {
  const [, whole, decimals = ""] = /^(\d{1,6})(?:\.(\d{1,3}))?$/.exec(text) ?? []
  return whole === undefined ? undefined : BigInt(whole) * 1000n + BigInt(decimals.padEnd(3, "0"))
}
