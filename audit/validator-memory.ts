import { mkdirSync } from "node:fs"
import { join } from "node:path"
import type { CID } from "../protocol/block.ts"
import { codeHash } from "./cache/code.ts"
import { keep, kept } from "./cache/kept.ts"
import type { SiteMemory } from "./recompute.ts"

/** What is kept of a site, and by which code it was recomputed. */
interface Kept {
  code: string
  memories: { evidence: string; memory: SiteMemory }[]
}

/**
 * What the last batches of each site left, by their evidence, kept across restarts: a validator that starts anew goes
 * on from there. Recomputed by other code, or damaged, it is as if it were not there, and the site is followed from its
 * first batch.
 */
export function openMemories(dataDir: string) {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const code = codeHash()
  const bySite = new Map<number, Kept["memories"]>()
  const fileOf = (site: number) => join(dataDir, `memory-${site}.json`)
  const of = (site: number): Kept["memories"] => {
    let memories = bySite.get(site)
    if (!memories) {
      const found = kept(fileOf(site)) as Kept | undefined
      memories = found?.code === code ? found.memories : []
      bySite.set(site, memories)
    }
    return memories
  }
  return {
    get: (site: number, evidence: CID) =>
      of(site).find((one) => one.evidence === evidence.toString())?.memory,
    /** What is behind the last batch that stands, and behind one that may be the next. */
    set(site: number, memories: readonly SiteMemory[]) {
      const named = memories.flatMap((memory) =>
        memory.evidence ? [{ evidence: memory.evidence.toString(), memory }] : [],
      )
      const known = of(site).map(({ evidence }) => evidence)
      bySite.set(site, named)
      if (named.some(({ evidence }) => !known.includes(evidence)))
        keep(fileOf(site), { code, memories: named } satisfies Kept)
    },
  }
}
