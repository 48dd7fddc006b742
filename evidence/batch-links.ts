import * as dagCbor from "@ipld/dag-cbor"
import { BrokenBlock, CID } from "../protocol/block.ts"
import { type Hex, toHex } from "../protocol/hex.ts"

/** What a batch's root block says of its place in the site's history. */
export interface BatchPlace {
  chainId: number
  oracle: Hex
  site: number
  number: bigint
  time: number
  previous: CID | undefined
}

/**
 * Reads a root block's place. The rest of it may be of a later version: whoever keeps evidence need not understand it.
 * @throws BrokenBlock
 */
export function placeOf(root: CID, bytes: Uint8Array): BatchPlace {
  const value = decode(root, bytes) as Record<string, unknown> | null
  const { format, chain, oracle, site, number, time, previous } = value ?? {}
  const previousCid = CID.asCID(previous)
  if (
    typeof format !== "string" ||
    !format.startsWith("commonwatt/evidence/") ||
    !Number.isSafeInteger(chain) ||
    !(oracle instanceof Uint8Array && oracle.length === 20) ||
    !Number.isSafeInteger(site) ||
    (typeof number !== "bigint" && !Number.isSafeInteger(number)) ||
    !Number.isSafeInteger(time) ||
    !(previous === null || previousCid)
  )
    throw new BrokenBlock(root, "is not the root of a batch's evidence")
  return {
    chainId: chain as number,
    oracle: toHex(oracle),
    site: site as number,
    number: BigInt(number as number | bigint),
    time: time as number,
    previous: previousCid ?? undefined,
  }
}

/** The blocks that a block of a batch names, each once; a root's link to the batch before is no part of the batch. */
export function linksOf(cid: CID, bytes: Uint8Array, root: CID): CID[] {
  if (cid.code !== dagCbor.code) return []
  const value = decode(cid, bytes)
  const links = new Map<string, CID>()
  const visit = (part: unknown): void => {
    const link = CID.asCID(part)
    if (link) links.set(link.toString(), link)
    else if (Array.isArray(part)) for (const item of part) visit(item)
    else if (part && typeof part === "object" && !(part instanceof Uint8Array))
      for (const item of Object.values(part)) visit(item)
  }
  visit(cid.equals(root) ? { ...(value as object), previous: null } : value)
  return [...links.values()]
}

function decode(cid: CID, bytes: Uint8Array): unknown {
  try {
    return dagCbor.decode(bytes)
  } catch (cause) {
    throw new BrokenBlock(cid, `is not valid DAG-CBOR (${(cause as Error).message})`)
  }
}
