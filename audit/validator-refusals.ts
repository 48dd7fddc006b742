import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Hex } from "../protocol/hex.ts"
import { putFile } from "./cache/kept.ts"
import type { Finding } from "./recompute.ts"

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

/**
 * A finding as it is told to whoever asks. What a household's records say stays with those who can open them: of an entry
 * of theirs only the place is told.
 */
export function reasonOf({ check, where, what }: Finding): string {
  const told =
    check === "households"
      ? what.replace(/claimed .*$/s, "what is claimed is not what the readings give; the figures are sealed")
      : what
  return `${where}: ${told}`
}

/** Anyone may ask, so that what is kept of it is bounded: the newest, and of each reason its beginning. */
const mostRefusals = 500
const mostReasonCharacters = 500

/** What was refused and why, a line each, kept across restarts. */
export function openRefusals(dataDir: string) {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const file = join(dataDir, "refusals.jsonl")
  const text = existsSync(file) ? readFileSync(file, "utf8") : ""
  let refusals = text.split("\n").flatMap(parse)
  const contentOf = ({ time: _, ...content }: Refusal) => JSON.stringify(content)
  let known = new Set(refusals.map(contentOf))
  const linesOf = (list: readonly Refusal[]) => list.map((one) => `${JSON.stringify(one)}\n`).join("")
  if (text !== "" && !text.endsWith("\n")) putFile(file, linesOf(refusals))
  return {
    /** @returns it as it is kept, and may be told. */
    add(refusal: Refusal): Refusal {
      const reasons = refusal.reasons.map((reason) => reason.slice(0, mostReasonCharacters))
      const entry = { ...refusal, reasons }
      const content = contentOf(entry)
      if (known.has(content)) return entry
      known.add(content)
      refusals.push(entry)
      if (refusals.length <= 2 * mostRefusals) appendFileSync(file, linesOf([entry]), { mode: 0o600 })
      else {
        refusals = refusals.slice(-mostRefusals)
        known = new Set(refusals.map(contentOf))
        putFile(file, linesOf(refusals))
      }
      return entry
    },
    /** Newest first. */
    newest: (site?: number): Refusal[] =>
      refusals
        .slice(-mostRefusals)
        .filter((refusal) => site === undefined || refusal.site === site)
        .toReversed(),
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
