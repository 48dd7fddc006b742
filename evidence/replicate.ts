import { type BlockSource, BrokenBlock, type CID, checkBlock } from "../protocol/block.ts"
import type { Hex } from "../protocol/hex.ts"
import type { EvidenceStore, KeptBatch } from "./store.ts"

/** Somebody who keeps the same evidence. */
export interface PeerStatus {
  url: string
  /** When it last showed a block that was asked for, Unix seconds; 0 for never. */
  seen: number
  /** What was wrong when it was last asked; undefined when nothing was. */
  problem: string | undefined
}

export interface ReplicationStatus {
  /** How many places should hold each batch, this one among them. */
  factor: number
  /** Batches that are here whole. */
  kept: number
  /** Batches of the watched sites that fewer places hold. */
  underReplicated: number
  /** Batches that were proposed on chain and are nowhere to be had at the moment. */
  missing: number
  /** Damaged files that were set aside since the start. */
  damaged: number
  peers: PeerStatus[]
  problem: string | undefined
}

export interface ReplicationOptions {
  store: EvidenceStore
  oracle: Hex
  factor: number
  peers: readonly { url: string; source: BlockSource }[]
  /** The sites whose copies are counted. */
  sites: readonly number[]
  /** Roots that the chain vouches for: of each site the newest. Those before them are linked by hash. */
  heads: () => Promise<CID[]>
  /** Unix seconds. */
  now: () => number
  /** A number from 0 up to `below`, not to be foreseen: which block a peer must show. */
  random: (below: number) => number
  log: (what: string, details: Record<string, unknown>) => void
}

/** A peer's word is good for a day; a copy that it once showed, for a month: each is looked at again before. */
const peerSeconds = 86_400
const copySeconds = 30 * 86_400
/** Blocks asked for in one round only to see that they are there. */
const looksPerRound = 32

/**
 * Keeps what others keep, and sees that they keep what is kept here. Only what a proposal on chain names, or what is
 * linked from there, is ever fetched, and each block is compared with its hash: a peer can refuse and lie, and cannot
 * make anyone keep anything.
 */
export function createReplication(options: ReplicationOptions) {
  const { store, oracle, factor, peers, sites, heads, now, random, log } = options
  const status: ReplicationStatus = {
    factor,
    kept: 0,
    underReplicated: 0,
    missing: 0,
    damaged: 0,
    peers: peers.map(({ url }) => ({ url, seen: 0, problem: undefined })),
    problem: undefined,
  }
  let first = 0

  /** Fetches a batch from the peers in turn; what one of them gave is not asked of the next. */
  async function fetchBatch(root: CID, given: Set<number>): Promise<boolean> {
    for (let i = 0; i < peers.length; i++) {
      const n = (first + i) % peers.length
      if (given.has(n)) continue
      const peer = peers[n]!
      try {
        const { blocks, bytes } = await store.take(root, counted(n, peer.source))
        log("evidence fetched", { root: root.toString(), from: peer.url, blocks, bytes })
        return true
      } catch (error) {
        if (isFull(error)) throw error
        const absent = error instanceof BrokenBlock && error.message.endsWith("is missing.")
        if (absent) continue
        // It had its turn.
        given.add(n)
        status.peers[n]!.problem = (error as Error).message
        log("a peer did not give what was asked for", { peer: peer.url, why: (error as Error).message })
      }
    }
    return false
  }

  /** A peer that shows a true block is there. */
  function counted(n: number, source: BlockSource): BlockSource {
    return async (cid) => {
      const bytes = await source(cid)
      if (bytes) {
        checkBlock(cid, bytes)
        status.peers[n]!.seen = now()
        status.peers[n]!.problem = undefined
      }
      return bytes
    }
  }

  /** From the newest batch of each site back to its first: fetches what is not here. */
  async function fetchMissing(): Promise<void> {
    const starts = new Map<string, CID>()
    try {
      for (const head of await heads()) starts.set(head.toString(), head)
      status.problem = undefined
    } catch (error) {
      if (isFull(error)) throw error
      status.problem = `the chain does not say what there is: ${(error as Error).message.split("\n")[0]}`
    }
    for (const { root } of store.batches()) starts.set(root.toString(), root)
    const seen = new Set<string>()
    const given = new Set<number>()
    let missing = 0
    for (const start of starts.values())
      for (let root: CID | undefined = start; root && !seen.has(root.toString()); ) {
        seen.add(root.toString())
        if (!store.has(root) && !(await fetchBatch(root, given))) {
          missing++
          break
        }
        root = store.get(root)?.previous
      }
    status.missing = missing
    first = peers.length > 0 ? (first + 1) % peers.length : 0
  }

  /** Asks peers for a block here and there: first for what they were never seen to have, then for what is long ago. */
  async function lookAround(): Promise<void> {
    const asks = watched()
      .flatMap((batch) => {
        const copies = store.copiesOf(batch.root)
        return peers.map((peer, n) => ({ batch, peer, n, seen: copies.get(peer.url) ?? 0 }))
      })
      .filter(
        ({ seen, n }) => now() - seen >= (status.peers[n]!.seen > now() - peerSeconds ? copySeconds / 2 : 0),
      )
      .sort((a, b) => a.seen - b.seen)
    const silent = new Set<number>()
    let looks = 0
    for (const { batch, peer, n } of asks) {
      if (looks >= looksPerRound) break
      if (silent.has(n)) continue
      looks++
      try {
        const { root } = batch
        const sections = store.folder.sections(root)
        const { cid } = sections[random(sections.length)]!
        const bytes = await counted(n, peer.source)(cid)
        store.noteCopy(root, peer.url, bytes !== undefined, now())
      } catch (error) {
        silent.add(n)
        status.peers[n]!.problem = (error as Error).message
      }
    }
  }

  function watched(): KeptBatch[] {
    return sites.flatMap((site) => store.batches({ oracle, site }))
  }

  /** Copies of a batch that can be counted on. */
  function copiesOf(batch: KeptBatch): number {
    const copies = store.copiesOf(batch.root)
    let n = 1
    for (const [i, { url }] of peers.entries()) {
      const seen = copies.get(url)
      if (seen === undefined || seen < now() - copySeconds) continue
      if (Math.max(seen, status.peers[i]!.seen) >= now() - peerSeconds) n++
    }
    return n
  }

  function count(): void {
    status.kept = store.batches().length
    status.underReplicated = watched().filter((batch) => copiesOf(batch) < factor).length + status.missing
  }

  return {
    status,
    copiesOf,
    /** Whether as many places as should be are known to hold this batch, this one among them. */
    isReplicated(root: CID): boolean {
      const batch = store.get(root)
      return batch !== undefined && store.has(root) && copiesOf(batch) >= factor
    },
    /** One look at everything: fetch, check, count. Never throws; what is wrong stands in the status. */
    async round(): Promise<void> {
      try {
        for (const { root, aside, why } of store.sync()) {
          status.damaged++
          log("damaged evidence was set aside", { root: root.toString(), aside, why })
        }
        const looked = store.checkNext(now())
        if (looked && looked.faults.length > 0) {
          status.damaged++
          log("damaged evidence was set aside", { root: looked.batch.root.toString(), why: looked.faults[0] })
        }
        await fetchMissing()
        await lookAround()
        count()
      } catch (error) {
        status.problem = isFull(error) ? "the disk is full" : (error as Error).message
        log("evidence cannot be kept", { why: status.problem })
      }
    },
  }
}

export type Replication = ReturnType<typeof createReplication>

function isFull(error: unknown): boolean {
  return /^(ENOSPC|EDQUOT|SQLITE_FULL)/.test((error as { code?: string }).code ?? "")
}
