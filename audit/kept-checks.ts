import type { CheckedBatch } from "./checked-batch.ts"
import type { SiteMemory } from "./recompute.ts"
import type { Proposed } from "./record.ts"

/** What earlier audits checked, and this one need not. */
export interface KeptChecks {
  before(
    proposals: readonly Proposed[],
  ): Promise<{ checks: ReadonlyMap<Proposed, CheckedBatch>; memory?: SiteMemory }>
  put(proposal: Proposed, checked: CheckedBatch): Promise<void>
}
