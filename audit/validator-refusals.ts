import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Hex } from "../protocol/hex.ts"
import { putFile } from "./cache/kept.ts"

/** Why a validator did not sign. */
export interface Refusal {
  /** Unix seconds. */
  time: number
  site: number
  number: string
  root: Hex
  evidence: Hex
  reasons: string[]
}

/** Anyone may ask, so that what is kept of it is bounded: the newest, and of each reason its beginning. */
const mostRefusals = 500
const mostReasonCharacters = 500

/** What was refused and why, a line each, kept across restarts. */
export function openRefusals(dataDir: string) {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const file = join(dataDir, "refusals.jsonl")
  let refusals = existsSync(file) ? readFileSync(file, "utf8").split("\n").flatMap(parse) : []
  let lines = refusals.length
  const lineOf = (refusal: Refusal) => `${JSON.stringify(refusal)}\n`
  return {
    add(refusal: Refusal) {
      const reasons = refusal.reasons.map((reason) => reason.slice(0, mostReasonCharacters))
      const entry = { ...refusal, reasons }
      const same = ({ time: _, ...rest }: Refusal) => JSON.stringify(rest)
      if (refusals.some((earlier) => same(earlier) === same(entry))) return
      refusals = [...refusals, entry].slice(-mostRefusals)
      if (++lines <= 2 * mostRefusals) appendFileSync(file, lineOf(entry), { mode: 0o600 })
      else {
        putFile(file, refusals.map(lineOf).join(""))
        lines = refusals.length
      }
    },
    /** Newest first. */
    newest: (site?: number): Refusal[] =>
      refusals.filter((refusal) => site === undefined || refusal.site === site).toReversed(),
  }
}

export type Refusals = ReturnType<typeof openRefusals>

/** A line that was torn by a power cut is left out: a refusal is kept for people, and nothing rests on it. */
function parse(line: string): Refusal[] {
  try {
    return [JSON.parse(line) as Refusal]
  } catch {
    return []
  }
}
