import type { Config } from "./config.ts"
import type { EvidenceKeeping } from "./evidence.ts"
import type { Journal } from "./journal/journal.ts"

/** The page shows today and yesterday from the journal. */
const alwaysKeptSeconds = 2 * 86_400
const rowsAtOnce = 2000

/**
 * Lets settled batches that others keep too leave the journal, the oldest first, until it is within its budget.
 * @param now Unix seconds of the clock that readings are taken by.
 * @returns how many batches left; and whether it is still over its budget.
 */
export async function forgetSettled(
  { diskBudgetMB }: Pick<Config, "diskBudgetMB">,
  journal: Pick<Journal, "settled" | "usedBytes">,
  evidence: Pick<EvidenceKeeping, "isReplicated">,
  now: number,
): Promise<{ batches: number; over: boolean }> {
  const budget = (diskBudgetMB ?? Number.POSITIVE_INFINITY) * 1024 * 1024
  let batches = 0
  while (journal.usedBytes() > budget) {
    const next = journal.settled.next()
    if (!next || next.time > now - alwaysKeptSeconds || !evidence.isReplicated(next.root))
      return { batches, over: true }
    // Others come in between: a reading waits for no more than one of these commits.
    while (!journal.settled.forget(next.number, rowsAtOnce)) await new Promise((done) => setImmediate(done))
    batches++
  }
  return { batches, over: false }
}
