import { PersonError } from "../protocol/error.ts"
import type { Hex } from "../protocol/hex.ts"
import { type Part, type SharingKey, wholeParts } from "../protocol/sharing-key.ts"

/** What a coefficients file does not say itself. */
export interface CoefficientsContext {
  /** For messages: which file this is. */
  fileName: string
  version: number
  /** The household of each supply point (CUPS), in upper case. */
  households: ReadonlyMap<string, Hex>
  /** Of hourly coefficients: the year whose hours they number. */
  year?: number
  /** Official time's distance from UTC in winter, hours: 1 on the peninsula, 0 on the Canary Islands. */
  utcOffsetHours?: number
}

const hour = 3600
/** 20 characters, 22 with the border point's. */
const cupsPattern = /^ES[0-9A-Z]{18}(?:[0-9A-Z]{2})?$/
const coefficientPattern = /^([01])(?:[,.](\d{1,6}))?$/

/**
 * Reads the plain text file in which a Spanish collective self-consumption declares its coefficients (Real Decreto
 * 244/2019, annex I, as amended by Orden TED/1247/2021), as it is: one line per supply point, `CUPS;coefficient`, or
 * per supply point and hour of the year (1 to 8760, 8784 in a leap year), `CUPS;hour;coefficient`. The decimals
 * stand behind a comma, six at most, and add up to exactly 1 (in each hour).
 * @returns a `static` key, or a `table` by the hour. Hours are counted through from the year's first, as the
 * distributor counts them: a change to summer time skips none.
 * @throws PersonError naming file, line and reason.
 */
export function parseSpanishCoefficients(text: string, context: CoefficientsContext): SharingKey {
  const lines = text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .map((line, i) => ({ at: i + 1, cells: line.trim().split(";").filter(nonEmptyTail) }))
    .filter(({ cells }) => cells.length > 0)
  const width = lines[0]?.cells.length
  if (width !== 2 && width !== 3)
    throw wrong(context, lines[0]?.at ?? 1, "a line is CUPS;coefficient or CUPS;hour;coefficient")
  const rows = new Map<number, Part[]>()
  const hours = hoursOf(context.year)
  for (const { at, cells } of lines) {
    if (cells.length !== width)
      throw wrong(context, at, `${cells.length} fields, the lines before have ${width}`)
    const number = width === 3 ? hourNumber(cells[1]!, hours) : 1
    if (number === undefined)
      throw wrong(
        context,
        at,
        `"${cells[1]}" is not an hour from 1 to ${hours ?? "8760, or no year was given"}`,
      )
    const part = { household: householdOf(cells[0]!, at, context), parts: parse(cells.at(-1)!, at, context) }
    const row = rows.get(number) ?? []
    if (row.some(({ household }) => household === part.household))
      throw wrong(context, at, `${cells[0]} is there twice${width === 3 ? ` for hour ${number}` : ""}`)
    row.push(part)
    rows.set(number, row)
  }
  for (const [number, parts] of rows) {
    const sum = parts.reduce((total, part) => total + part.parts, 0)
    if (sum !== wholeParts)
      throw new PersonError(`The coefficients in ${context.fileName} do not add up to 1.`, {
        context: [`${width === 3 ? `Hour ${number}: they` : "They"} add up to ${decimal(sum)}.`],
      })
  }
  const { version } = context
  if (width === 2) return { name: "static", version, parts: rows.get(1)! }
  const first = Date.UTC(context.year!, 0, 1) / 1000 - (context.utcOffsetHours ?? 1) * hour
  return {
    name: "table",
    version,
    seconds: hour,
    rows: [...rows]
      .sort(([a], [b]) => a - b)
      .map(([number, parts]) => ({ start: first + (number - 1) * hour, parts })),
  }
}

function hoursOf(year: number | undefined): number | undefined {
  if (year === undefined) return undefined
  return (Date.UTC(year + 1, 0, 1) - Date.UTC(year, 0, 1)) / 1000 / hour
}

function hourNumber(text: string, hours: number | undefined): number | undefined {
  const number = Number(text)
  return /^\d{1,4}$/.test(text) && hours !== undefined && number >= 1 && number <= hours ? number : undefined
}

function householdOf(text: string, at: number, context: CoefficientsContext): Hex {
  const cups = text.trim().toUpperCase()
  if (!cupsPattern.test(cups)) throw wrong(context, at, `"${text}" is not a supply point (CUPS)`)
  const household = context.households.get(cups) ?? context.households.get(cups.slice(0, 20))
  if (!household) throw wrong(context, at, `no household of this community has the supply point ${cups}`)
  return household
}

function parse(text: string, at: number, context: CoefficientsContext): number {
  const [, whole, decimals = ""] = coefficientPattern.exec(text.trim()) ?? []
  const parts = whole === undefined ? Number.NaN : Number(whole + decimals.padEnd(6, "0"))
  if (!(parts <= wholeParts))
    throw wrong(context, at, `"${text}" is not a coefficient from 0 to 1 with six decimals`)
  return parts
}

function decimal(parts: number): string {
  return `${Math.floor(parts / wholeParts)},${String(parts % wholeParts).padStart(6, "0")}`
}

function wrong({ fileName }: CoefficientsContext, line: number, what: string): PersonError {
  return new PersonError(`The coefficients file ${fileName} has a mistake in line ${line}.`, {
    context: [`${what}.`],
  })
}

/** Some write a semicolon behind the last field too. */
function nonEmptyTail(cell: string, i: number, cells: readonly string[]): boolean {
  return cell !== "" || i < cells.length - 1
}
