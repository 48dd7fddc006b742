import type { Hono } from "hono"
import { type EvidenceShelf, evidenceRoutes as routesOf } from "../../evidence/serve.ts"
import type { Journal } from "../journal/journal.ts"

/** Evidence of batches on their way from the journal, of all others from the files. */
export function evidenceRoutes({
  journal,
  evidence,
}: {
  journal: Journal
  evidence?: EvidenceShelf | undefined
}): Hono {
  return evidence ? routesOf(journal.batches, evidence) : routesOf(journal.batches)
}
