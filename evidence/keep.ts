import { randomInt } from "node:crypto"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { Hono } from "hono"
import { type BlockSource, BrokenBlock, type CID } from "../protocol/block.ts"
import type { Hex } from "../protocol/hex.ts"
import { evidenceFolder } from "./folder.ts"
import { blocksAt } from "./peer.ts"
import { createProposedHeads } from "./proposed.ts"
import { createReplication, type ReplicationStatus } from "./replicate.ts"
import { evidenceRoutes } from "./serve.ts"
import type { ReplicateSettings } from "./settings.ts"
import { openEvidenceStore } from "./store.ts"

const usualLookSeconds = 600
const stopPatienceMs = 2_000

/** Whose evidence is kept, where, and with whom. */
export interface Keeping {
  dataDir: string
  rpc: string
  oracle: string
  sites: readonly { site: number }[]
  replicate?: ReplicateSettings
}

/**
 * The evidence that is kept beside a validator: what that was asked to judge, and, where the configuration names peers,
 * whatever the chain vouches for. On disk, and served to whoever asks. The validator takes bytes from here as from
 * anywhere, and compares each block with its hash itself.
 */
export function keepEvidence(
  { dataDir, oracle, rpc, sites, replicate }: Keeping,
  log: (what: string, details: Record<string, unknown>) => void,
): {
  from(place: string): (root: CID) => Promise<BlockSource>
  routes: Hono
  status(): ReplicationStatus
  close(): Promise<void>
} {
  const store = openEvidenceStore(join(dataDir, "evidence"))
  store.sync()
  const peers = [...new Set(replicate?.peers ?? [])].map((url) => ({ url, source: blocksAt(url) }))
  const heads = createProposedHeads({ rpc, oracle: oracle as Hex })
  const replication = createReplication({
    store,
    oracle: oracle as Hex,
    factor: replicate?.factor ?? 1,
    peers,
    sites: sites.map(({ site }) => site),
    heads: async () => (replicate ? (await heads()).map(({ root }) => root) : []),
    now: () => Math.floor(Date.now() / 1000),
    random: (below) => randomInt(below),
    log,
  })
  const stopping = new AbortController()
  const looking = (async () => {
    while (!stopping.signal.aborted) {
      await replication.round()
      await sleep(1000 * (replicate?.everySeconds ?? usualLookSeconds), undefined, {
        signal: stopping.signal,
      }).catch(() => {})
    }
  })()
  const routes = evidenceRoutes(store)
  routes.get("/evidence", (c) => c.json(replication.status))

  return {
    /** Evidence at a place, block by block: what came before a line broke is not fetched again. */
    from(place) {
      const source: BlockSource = /^https?:\/\//.test(place) ? blocksAt(place) : blocksIn(place)
      return async (root) => {
        for (const { url } of [{ url: place }, ...peers]) {
          if (store.has(root)) break
          try {
            await store.take(root, url === place ? source : blocksAt(url))
          } catch (error) {
            // What is not there yet may come; only what is there and wrong speaks against a batch.
            const absent = error instanceof BrokenBlock && error.message.endsWith("is missing.")
            if (url === (peers.at(-1)?.url ?? place)) throw absent ? new Error(error.message) : error
          }
        }
        return store.source
      }
    },
    routes,
    status: () => replication.status,
    async close() {
      stopping.abort()
      await Promise.race([looking, sleep(stopPatienceMs)])
      store.close()
    },
  }
}

/** Blocks of the CAR files in a directory; each batch's are in its own. */
function blocksIn(directory: string): BlockSource {
  const folder = evidenceFolder(directory)
  let open: { root: string; blocks: Map<string, Uint8Array> } | undefined
  return async (cid) => {
    if (folder.has(cid)) {
      const blocks = new Map<string, Uint8Array>()
      for (const block of folder.blocksOf(cid)) blocks.set(block.cid.toString(), block.bytes)
      open = { root: cid.toString(), blocks }
    }
    return open?.blocks.get(cid.toString())
  }
}
