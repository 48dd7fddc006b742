import { type Hex, toHex } from "../../protocol/hex.ts"
import { leafOf } from "../../protocol/statement.ts"
import { buildTree, rootOf } from "../../protocol/tree.ts"
import type { Db } from "./database.ts"
import type { Journal } from "./journal.ts"
import { DamagedRow } from "./readings.ts"

/**
 * Whether an error says that the journal's file is not what was written to it. A disk that is full, or a file that
 * another program holds, is another thing.
 */
export function isDamage(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code = "" } = cause as { code?: string }
    if (cause instanceof DamagedRow || /^SQLITE_(CORRUPT|NOTADB|IOERR_SHORT_READ)/.test(code)) return true
  }
  return false
}

/** What a whole disk holds no more of. */
export function isFull(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (/^(ENOSPC|EDQUOT|SQLITE_FULL)/.test((cause as { code?: string }).code ?? "")) return true
  return false
}

/** SQLite's own check of its pages. @returns what is wrong, in SQLite's words; undefined when nothing is. */
export function pagesDamage(db: Db): string | undefined {
  try {
    const found = db.pragma("quick_check(1)", { simple: true }) as string
    return found === "ok" ? undefined : found
  } catch (error) {
    if (isDamage(error)) return (error as Error).message
    throw error
  }
}

/**
 * Reads all readings, as they will be read again, and compares the newest batch's statements with its root. @returns what is wrong; undefined when nothing is.
 */
export function contentDamage(journal: Journal, meterIds: readonly Hex[]): string | undefined {
  try {
    const newest = journal.batches.newest(1)[0]
    for (const meterId of meterIds) {
      journal.readings.compareAll(meterId)
      journal.readings.state(meterId)
    }
    if (!newest) return undefined
    const leaves = journal.batches.leaves(newest.number).map(leafOf)
    if (leaves.length === 0 || toHex(rootOf(buildTree(leaves))) !== newest.root)
      return `the statements of batch ${newest.number} are not those of its root`
    return undefined
  } catch (error) {
    const isWrong = isDamage(error) || error instanceof SyntaxError || error instanceof RangeError
    if (isWrong) return (error as Error).message
    throw error
  }
}
