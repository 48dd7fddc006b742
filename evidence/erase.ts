import { join } from "node:path"
import { BrokenBlock, type CID } from "../protocol/block.ts"
import type { Hex } from "../protocol/hex.ts"
import { householdsIn, placeOf } from "./batch-links.ts"
import type { Erased } from "./erased.ts"
import type { EvidenceFolder } from "./folder.ts"

/** What was erased in a folder, or would be. */
export interface FolderErasure {
  batches: number
  bytes: number
  /** Damaged files: they were set aside as they are. */
  aside: string[]
}

/** The time of the newest batch here that has a part of a household; undefined where none has. */
export function newestOf(folder: EvidenceFolder, household: Hex): number | undefined {
  let newest: number | undefined
  for (const root of folder.roots())
    unlessBroken(() => {
      const section = folder.sections(root).find(({ cid }) => cid.equals(root))
      const bytes = section && folder.read(root, section)
      if (bytes && householdsIn(root, bytes).includes(household))
        newest = Math.max(newest ?? 0, placeOf(root, bytes).time)
    })
  return newest
}

/** What would go if somebody were erased. */
export function wouldErase(folder: EvidenceFolder, erased: Erased): FolderErasure {
  const sum: FolderErasure = { batches: 0, bytes: 0, aside: [] }
  for (const root of folder.roots()) {
    const isWhole = unlessBroken(() => {
      const parts = folder.partsOf(root, [erased])
      if (parts.length > 0) sum.batches++
      for (const { length } of parts) sum.bytes += length
    })
    if (!isWhole) sum.aside.push(join(folder.directory, `${root}.car`))
  }
  return sum
}

/** @returns whether all that was read was what it should be. */
function unlessBroken(work: () => void): boolean {
  try {
    work()
    return true
  } catch (error) {
    if (!(error instanceof BrokenBlock)) throw error
    return false
  }
}

/**
 * Takes the parts of those who are erased out of every file of a folder.
 * @param changed is told of each file that is another, @param lost of each that was set aside.
 */
export function eraseFrom(
  folder: EvidenceFolder,
  changed: (root: CID) => void = () => {},
  lost: (root: CID) => void = () => {},
): FolderErasure {
  const sum: FolderErasure = { batches: 0, bytes: 0, aside: [] }
  folder.dropUnfinished()
  for (const root of folder.roots()) {
    const isWhole = unlessBroken(() => {
      const { blocks, bytes } = folder.erase(root)
      if (blocks === 0) return
      sum.batches++
      sum.bytes += bytes
      changed(root)
    })
    if (isWhole) continue
    sum.aside.push(folder.setAside(root))
    lost(root)
  }
  return sum
}
