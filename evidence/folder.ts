import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs"
import { join } from "node:path"
import { type Block, type BlockSource, BrokenBlock, CID, checkBlock } from "../protocol/block.ts"
import { erasedLinks, linksOf, placeOf } from "./batch-links.ts"
import {
  carHeader,
  carSection,
  largestBlock,
  readAt,
  type Section,
  sectionsOf,
  withFile,
} from "./car-file.ts"
import { type Erased, readErased } from "./erased.ts"

/** A day of 100 meters at one reading a second has about 1 GB, a day at 5 minutes 4 MB. */
const largestBatch = 2 * 1024 ** 3

/**
 * A directory of evidence: a CAR file for each batch, named by its root (`{root}.car`). What is on its way stands in
 * `{root}.part`, which is a CAR file too, of the blocks that have come so far: it is only ever added to, so that a torn
 * write costs the block that was being written, and gets its name once all of it is there and on the disk.
 */
export type EvidenceFolder = ReturnType<typeof evidenceFolder>

export function evidenceFolder(directory: string) {
  const whole = (root: CID) => join(directory, `${root}.car`)
  const partial = (root: CID) => join(directory, `${root}.part`)

  /** The blocks of a batch where they are in its file, as far as they can be read. */
  function sections(root: CID): Section[] {
    return withFile(whole(root), "r", (handle) => [...sectionsOf(handle, root)])
  }

  function read(root: CID, { cid, offset, length }: Section): Uint8Array | undefined {
    if (!existsSync(whole(root))) return undefined
    const bytes = withFile(whole(root), "r", (handle) => Uint8Array.from(readAt(handle, offset, length)))
    checkBlock(cid, bytes)
    return bytes
  }

  function partsHere(root: CID, erased: readonly Erased[]): Section[] {
    const all = sections(root)
    const own = all.find(({ cid }) => cid.equals(root))
    const names = new Set(own ? erasedLinks(root, read(root, own)!, erased).map(String) : [])
    return all.filter(({ cid }) => names.has(cid.toString()))
  }

  return {
    directory,

    /** Roots of the batches that are here whole. */
    roots(): CID[] {
      return namesOf(directory, ".car")
    },

    /** Roots of the batches of which something is here. */
    unfinished(): CID[] {
      return namesOf(directory, ".part")
    },

    has: (root: CID): boolean => existsSync(whole(root)),

    sections,

    /** @throws BrokenBlock when the bytes there are others. */
    read,

    /** All blocks of a whole batch, one at a time, each checked. @throws BrokenBlock */
    *blocksOf(root: CID): Generator<Block> {
      for (const section of sections(root)) yield { cid: section.cid, bytes: read(root, section)! }
    },

    /**
     * Takes a batch from a source: block by block, each checked, and only those that are not here yet.
     * @returns how many blocks and bytes came.
     * @throws BrokenBlock when the source lacks some of it, or gives something else; what came stays for the next attempt.
     */
    async take(root: CID, source: BlockSource): Promise<{ blocks: number; bytes: number }> {
      const came = { blocks: 0, bytes: 0 }
      if (existsSync(whole(root))) return came
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      const part = openPart(partial(root), root, readErased(directory))
      try {
        const absent = new Set<CID>()
        for (let wanted = part.missing(); wanted.length > 0; wanted = part.missing()) {
          const hopeful = wanted.filter((cid) => !absent.has(cid))
          if (hopeful.length === 0) throw new BrokenBlock(wanted[0]!, "is missing")
          for (const cid of hopeful) {
            const bytes = await source(cid)
            if (!bytes) {
              absent.add(cid)
              continue
            }
            checkBlock(cid, bytes)
            part.add({ cid, bytes })
            if (part.bytes() > largestBatch)
              throw new BrokenBlock(root, `names more than ${largestBatch} bytes`)
            came.blocks++
            came.bytes += bytes.length
          }
        }
        part.sync()
      } finally {
        part.close()
      }
      renameSync(partial(root), whole(root))
      syncDirectory(directory)
      return came
    },

    /** Reads a batch from its first byte to its last. @returns what is wrong with it, in words; nothing where all is well. */
    faults(root: CID): string[] {
      const erased = readErased(directory)
      return withFile(whole(root), "r", (handle) => faultsIn(handle, root, erased))
    },

    /**
     * Writes a batch's file anew without the parts of those who are erased; in the old one they are overwritten first.
     * @returns how many blocks and bytes went.
     */
    erase(root: CID): { blocks: number; bytes: number } {
      const gone = partsHere(root, readErased(directory))
      if (gone.length === 0) return { blocks: 0, bytes: 0 }
      const names = new Set(gone.map(({ cid }) => cid.toString()))
      const left = sections(root).filter(({ cid }) => !names.has(cid.toString()))
      const anew = join(directory, `${root}.erasing`)
      withFile(anew, "w", (handle) => {
        let end = carHeader(root).length
        writeAll(handle, carHeader(root), 0)
        for (const section of left) {
          const bytes = carSection({ cid: section.cid, bytes: read(root, section)! })
          writeAll(handle, bytes, end)
          end += bytes.length
        }
        fsyncSync(handle)
      })
      withFile(whole(root), "r+", (handle) => {
        for (const { offset, length } of gone) writeAll(handle, new Uint8Array(length), offset)
        fsyncSync(handle)
      })
      renameSync(anew, whole(root))
      syncDirectory(directory)
      return { blocks: gone.length, bytes: gone.reduce((sum, { length }) => sum + length, 0) }
    },

    /** The blocks of those who would be erased that a batch's file has. */
    partsOf: partsHere,

    /** Throws away what has come of batches that are not whole: it comes again. */
    dropUnfinished(): void {
      for (const root of namesOf(directory, ".part")) rmSync(partial(root), { force: true })
    },

    /** Takes a damaged file out of the way, so that the batch can be fetched again; what it holds is not thrown away. */
    setAside(root: CID): string {
      const aside = join(directory, `${root}.damaged`)
      renameSync(whole(root), aside)
      syncDirectory(directory)
      return aside
    },
  }
}

/** A batch that is coming. Blocks that are in the file and whole are not asked for again. */
function openPart(file: string, root: CID, erased: readonly Erased[]) {
  const handle = openSync(file, existsSync(file) ? "r+" : "w+", 0o600)
  const have = new Set<string>()
  const wanted = new Map<string, CID>([[root.toString(), root]])
  let end = carHeader(root).length

  function note({ cid, bytes }: Block): void {
    if (cid.equals(root)) placeOf(root, bytes)
    have.add(cid.toString())
    wanted.delete(cid.toString())
    for (const link of linksOf(cid, bytes, root, erased))
      if (!have.has(link.toString()) && !wanted.has(link.toString())) wanted.set(link.toString(), link)
  }

  try {
    for (const { cid, offset, length } of sectionsOf(handle, root)) {
      const bytes = Uint8Array.from(readAt(handle, offset, length))
      if (!isWhole(cid, bytes)) break
      note({ cid, bytes })
      end = offset + length
    }
    ftruncateSync(handle, have.size === 0 ? 0 : end)
    if (have.size === 0) writeAll(handle, carHeader(root), 0)
  } catch (error) {
    closeSync(handle)
    throw error
  }

  return {
    missing: (): CID[] => [...wanted.values()],
    add(block: Block): void {
      if (block.bytes.length > largestBlock)
        throw new BrokenBlock(block.cid, `has ${block.bytes.length} bytes; the most is ${largestBlock}`)
      const section = carSection(block)
      writeAll(handle, section, end)
      end += section.length
      note(block)
    },
    bytes: (): number => end,
    sync: (): void => fsyncSync(handle),
    close: (): void => closeSync(handle),
  }
}

function faultsIn(handle: number, root: CID, erased: readonly Erased[]): string[] {
  const faults: string[] = []
  const have = new Set<string>()
  const named = new Map<string, CID>([[root.toString(), root]])
  const sections = sectionsOf(handle, root)
  let step = sections.next()
  for (; !step.done; step = sections.next()) {
    const { cid, offset, length } = step.value
    const bytes = Uint8Array.from(readAt(handle, offset, length))
    try {
      checkBlock(cid, bytes)
      if (cid.equals(root)) placeOf(root, bytes)
      have.add(cid.toString())
      for (const link of linksOf(cid, bytes, root, erased)) named.set(link.toString(), link)
    } catch (error) {
      if (!(error instanceof BrokenBlock)) throw error
      faults.push(error.message)
    }
  }
  const { length } = readAt(handle, step.value, 1)
  if (length > 0)
    faults.push(
      step.value === 0 ? "it is no CAR file of this root" : `it cannot be read behind byte ${step.value}`,
    )
  const missing = [...named].filter(([text]) => !have.has(text))
  if (missing.length > 0) faults.push(`${missing.length} of ${named.size} blocks are missing`)
  return faults
}

function isWhole(cid: CID, bytes: Uint8Array): boolean {
  try {
    checkBlock(cid, bytes)
    return true
  } catch {
    return false
  }
}

function namesOf(directory: string, ending: string): CID[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory)
    .filter((name) => name.endsWith(ending))
    .flatMap((name) => {
      try {
        return [CID.parse(name.slice(0, -ending.length))]
      } catch {
        return []
      }
    })
}

function writeAll(handle: number, bytes: Uint8Array, at: number): void {
  for (let written = 0; written < bytes.length; )
    written += writeSync(handle, bytes, written, bytes.length - written, at + written)
}

/** A name is on the disk once its directory is. Some sticks' file systems have no such thing to ask for. */
export function syncDirectory(directory: string): void {
  const handle = openSync(directory, "r")
  try {
    fsyncSync(handle)
  } catch (error) {
    if (!["EINVAL", "EPERM", "ENOTSUP"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error
  } finally {
    closeSync(handle)
  }
}
