import * as raw from "multiformats/codecs/raw"
import * as Digest from "multiformats/hashes/digest"
import { z } from "zod"
import { type Block, type BlockSource, BrokenBlock, CID, fetchRaw, rawBlock } from "./block.ts"
import { isName, namesOfTable, readEmissionFactors } from "./emission-factors.ts"
import { fromHex, type Hex, toHex } from "./hex.ts"

/**
 * The table of emission factors that a batch names. Its bytes are a block of the first batch of a site that names it;
 * those that follow name it alone.
 */
export interface NamedFactors {
  grid: string
  source: string
  version: string
  sha256: Hex
  /** Its bytes; undefined where an earlier batch has them. */
  table: Uint8Array | undefined
}

const sha256Code = 0x12

/** The address of a table's bytes. */
export function tableCid(sha256: Hex): CID {
  return CID.createV1(raw.code, Digest.create(sha256Code, fromHex(sha256, 32)))
}

/** A table as evidence names it. @throws Error in words when the bytes are no table. */
export function namedFactors(table: Uint8Array): NamedFactors {
  const { grid, source, version, sha256 } = readEmissionFactors(table)
  return { grid, source, version, sha256, table }
}

/** What stands in the root block, and the block that it links to. */
export function factorsOut({ grid, source, version, sha256, table }: NamedFactors): {
  entry: object
  block: Block | undefined
} {
  const block = table && rawBlock(table)
  return { entry: { grid, source, version, sha256: fromHex(sha256, 32), table: block?.cid ?? null }, block }
}

const name = z.string().refine(isName, "must be a name of a table")
export const factorsShape = z.strictObject({
  grid: name,
  source: name,
  version: name,
  sha256: z.instanceof(Uint8Array).refine((bytes) => bytes.length === 32, "must be 32 bytes"),
  table: z.instanceof(CID).nullable(),
})

/** Reads the table where it is there, and holds it against what the root block says of it. @throws BrokenBlock */
export async function fetchFactors(
  { table: link, ...said }: z.output<typeof factorsShape>,
  source: BlockSource,
): Promise<NamedFactors> {
  const named = { ...said, sha256: toHex(said.sha256) }
  if (!link) return { ...named, table: undefined }
  const table = await fetchRaw(source, link)
  if (toHex(link.multihash.digest) !== named.sha256)
    throw new BrokenBlock(link, `is not the table of emission factors ${named.sha256} that is named with it`)
  let read: NamedFactors
  try {
    read = namedFactors(table)
  } catch (error) {
    throw new BrokenBlock(link, `is no table of emission factors (${(error as Error).message})`)
  }
  for (const field of namesOfTable)
    if (read[field] !== named[field])
      throw new BrokenBlock(link, `says its ${field} is "${read[field]}", and is named as "${named[field]}"`)
  return { ...named, table }
}
