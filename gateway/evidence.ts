import { randomInt } from "node:crypto"
import { join } from "node:path"
import type { Logger } from "pino"
import { blocksAt } from "../evidence/peer.ts"
import { createReplication, type ReplicationStatus } from "../evidence/replicate.ts"
import type { EvidenceStore } from "../evidence/store.ts"
import { BrokenBlock, type CID } from "../protocol/block.ts"
import { type Config, validatorUrls } from "./config.ts"
import type { Journal } from "./journal/journal.ts"

/** Where a gateway's evidence is, beside its journal. */
export function evidenceDirectory(dataDir: string): string {
  return join(dataDir, "evidence")
}

/**
 * Copies the evidence of signed batches above a number from the journal to their files. What is in neither is for
 * others to give back. @returns the number up to which all was looked at.
 */
export async function keepOwn(
  batches: Pick<Journal["batches"], "signedRoots" | "block">,
  store: EvidenceStore,
  above = -1n,
): Promise<bigint> {
  let upTo = above
  for (const { number, root } of batches.signedRoots(above)) {
    try {
      if (!store.has(root)) await store.take(root, async (cid) => batches.block(cid))
    } catch (error) {
      if (!(error instanceof BrokenBlock)) throw error
    }
    upTo = number
  }
  return upTo
}

export type EvidenceKeeping = ReturnType<typeof createEvidenceKeeping>

/** The gateway's evidence: written from the journal, kept by others too where the configuration says so. */
export function createEvidenceKeeping({
  config,
  store,
  journal,
  proposedRoots,
  now,
  log,
}: {
  config: Config
  store: EvidenceStore
  journal: Journal
  /** Roots of the newest batch of each site, as the chain names them. */
  proposedRoots: () => Promise<CID[]>
  /** Unix seconds of the wall clock. */
  now: () => number
  log: Logger
}) {
  const urls = [...new Set(config.replicate?.peers ?? [])]
  const replication = createReplication({
    store,
    oracle: config.chain.oracle,
    factor: config.replicate?.factor ?? 1,
    peers: urls.map((url) => ({ url, source: blocksAt(url) })),
    sites: [config.site],
    heads: config.replicate ? proposedRoots : async () => [],
    now,
    random: (below) => randomInt(below),
    log: (what, details) => log.info(details, what),
  })
  let problem: string | undefined
  let keptUpTo = -1n

  return {
    store,
    isReplicated: replication.isReplicated,
    status(): ReplicationStatus {
      return { ...replication.status, problem: problem ?? replication.status.problem }
    },
    /** Writes what the journal has and the files lack. Never throws; what is wrong stands in the status. */
    async keep(): Promise<void> {
      try {
        keptUpTo = await keepOwn(journal.batches, store, keptUpTo)
        problem = undefined
      } catch (error) {
        const why = `evidence cannot be written: ${(error as Error).message}`
        if (why !== problem) log.error({ why }, "evidence cannot be written")
        problem = why
      }
    },
    /** Gets a batch from whoever has it. @returns whether it is here. */
    async fetch(root: CID): Promise<boolean> {
      for (const url of new Set([...urls, ...validatorUrls(config)])) {
        if (store.has(root)) break
        await store.take(root, blocksAt(url)).catch(() => {})
      }
      return store.has(root)
    },
    /** Looks at everything: files, peers, chain. Never throws. */
    async round(): Promise<void> {
      await replication.round()
      // What was damaged and set aside is written again from the journal, if it is still there.
      keptUpTo = -1n
    },
  }
}
