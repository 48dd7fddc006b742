import { type OpenedEvidence, readEvidence } from "../protocol/evidence.ts"
import type { Identity } from "../protocol/seal.ts"
import { batchName, type CheckedBatch, checkBatch, evidenceOf, holds } from "./checked-batch.ts"
import type { EvidenceSource } from "./evidence-source.ts"
import { emptySite, type SiteMemory } from "./recompute.ts"
import type { History, Proposed } from "./record.ts"

/** What is kept of each checked batch; the memory only of the last. */
export type KeptBatch = Omit<CheckedBatch, "memory">

/** A batch that was recomputed, now or in an earlier audit, or that could not be. */
export type BatchOutcome = { proposal: Proposed } & (
  | { checked: KeptBatch; fromCache: boolean }
  | { unavailable: string }
)

/** Someone who wants to look into the evidence of some batches, once they were checked. */
export interface Reader {
  wants(proposal: Proposed): boolean
  read(proposal: Proposed, opened: OpenedEvidence, checked: KeptBatch): void
}

/** What earlier audits checked, and this one need not. */
export interface KeptChecks {
  /** Of a site's proposals, those from the first on that held; and the memory that the last of them left. */
  before(
    proposals: readonly Proposed[],
  ): Promise<{ checks: ReadonlyMap<Proposed, KeptBatch>; memory?: SiteMemory }>
  /** Of the next batch of its site behind those. */
  put(proposal: Proposed, checked: CheckedBatch): Promise<void>
}

export interface SiteOptions {
  history: History
  evidence: EvidenceSource
  identities: readonly Identity[]
  progress: (what: string) => void
  /** What earlier audits checked. */
  kept?: KeptChecks | undefined
  reader?: Reader | undefined
}

/** Recomputes a site's batches in their order, each on what the one before left. Tells of each as it goes. */
export async function checkSite(
  site: number,
  { history, evidence, identities, progress, kept, reader }: SiteOptions,
  tell: (outcome: BatchOutcome) => void,
): Promise<void> {
  const proposals = history.proposals.filter((p) => p.site === site)
  const open = async (proposal: Proposed) => {
    const cid = evidenceOf(proposal)
    return readEvidence(cid, await evidence(cid), identities)
  }
  const known = kept ? await kept.before(proposals) : { checks: new Map<Proposed, KeptBatch>() }
  let memory: SiteMemory = known.memory ?? emptySite
  // The key of what is kept contains all keys before it: behind a batch that is not kept nothing is.
  let chained = kept !== undefined
  for (const proposal of proposals) {
    progress(`${batchName(proposal)} of ${proposals.at(-1)!.number}`)
    const before = known.checks.get(proposal)
    if (before) {
      if (reader?.wants(proposal)) reader.read(proposal, await open(proposal), before)
      tell({ proposal, checked: before, fromCache: true })
      continue
    }
    let opened: OpenedEvidence
    try {
      opened = await open(proposal)
    } catch (error) {
      tell({ proposal, unavailable: (error as Error).message })
      if (proposal.cancelled !== undefined) continue
      memory = { ...memory, evidence: evidenceOf(proposal), time: Number(proposal.time) }
      chained = false
      continue
    }
    const checked = checkBatch(proposal, opened, memory, history)
    if (reader?.wants(proposal)) reader.read(proposal, opened, checked)
    tell({ proposal, checked, fromCache: false })
    // A cancelled batch is outside the chain of evidence: the next one carries its readings again.
    if (proposal.cancelled !== undefined) continue
    memory = checked.memory
    chained &&= holds(checked)
    if (chained) await kept?.put(proposal, checked)
  }
}
