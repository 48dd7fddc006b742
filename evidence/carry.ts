import type { BlockSource, CID } from "../protocol/block.ts"
import type { BatchPlace } from "./batch-links.ts"
import { placeOf } from "./batch-links.ts"
import type { EvidenceFolder } from "./folder.ts"

/** What was carried from one folder to another. */
export interface Carried {
  /** Batches that came, whole or the rest of them. */
  batches: number
  /** Batches that were there before. */
  there: number
  blocks: number
  bytes: number
  /** Batches that did not come, and why. */
  failed: { root: string; why: string }[]
}

/** Whose evidence is wanted; what is left out makes no difference. */
export type Wanted = Partial<Pick<BatchPlace, "chainId" | "oracle" | "site">>

/**
 * Carries batches from one folder to another: only what is not there yet, each block compared with its hash. It may be
 * broken off anywhere, and goes on where it was.
 * @param progress is told of each batch.
 */
export async function carry(
  from: EvidenceFolder,
  to: EvidenceFolder,
  wanted: Wanted,
  progress: (place: BatchPlace, blocks: number) => void,
): Promise<Carried> {
  const out: Carried = { batches: 0, there: 0, blocks: 0, bytes: 0, failed: [] }
  for (const root of from.roots()) {
    try {
      const place = placeIn(from, root)
      if (!matches(place, wanted)) continue
      const came = await to.take(root, sourceIn(from, root))
      out.blocks += came.blocks
      out.bytes += came.bytes
      if (came.blocks > 0 || !to.has(root)) out.batches++
      else out.there++
      progress(place, came.blocks)
    } catch (error) {
      // A stick that is full or was pulled out ends it; a batch that is damaged is one batch.
      if ((error as NodeJS.ErrnoException).code) throw error
      out.failed.push({ root: root.toString(), why: (error as Error).message })
    }
  }
  return out
}

/** Whether a batch's file is what it should be, and what it says of its place. */
export interface Looked {
  root: CID
  place: BatchPlace | undefined
  faults: string[]
}

/** Reads a batch's file from its first byte to its last. */
export function lookAt(folder: EvidenceFolder, root: CID): Looked {
  const faults = folder.faults(root)
  let place: BatchPlace | undefined
  try {
    place = placeIn(folder, root)
  } catch (error) {
    if (faults.length === 0) faults.push((error as Error).message)
  }
  return { root, place, faults }
}

/** @throws Error in words when the file does not hold its root. */
export function placeIn(folder: EvidenceFolder, root: CID): BatchPlace {
  const section = folder.sections(root).find(({ cid }) => cid.equals(root))
  const bytes = section && folder.read(root, section)
  if (!bytes) throw new Error(`${root}.car does not hold its root`)
  return placeOf(root, bytes)
}

function sourceIn(folder: EvidenceFolder, root: CID): BlockSource {
  const sections = new Map(folder.sections(root).map((section) => [section.cid.toString(), section]))
  return async (cid) => {
    const section = sections.get(cid.toString())
    return section && folder.read(root, section)
  }
}

function matches(place: BatchPlace, wanted: Wanted): boolean {
  return (
    (wanted.chainId === undefined || place.chainId === wanted.chainId) &&
    (wanted.oracle === undefined || place.oracle === wanted.oracle) &&
    (wanted.site === undefined || place.site === wanted.site)
  )
}
