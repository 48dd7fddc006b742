import * as dagCbor from "@ipld/dag-cbor"
import { BrokenBlock, CID } from "../protocol/block.ts"
import { type Hex, toHex } from "../protocol/hex.ts"
import type { Erased } from "./erased.ts"

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

/**
 * The blocks that a block of a batch names, each once; a root's link to the batch before is no part of the batch, nor are
 * the parts of those who are erased.
 */
export function linksOf(cid: CID, bytes: Uint8Array, root: CID, erased: readonly Erased[] = []): CID[] {
  if (cid.code !== dagCbor.code) return []
  const value = decode(cid, bytes)
  return cid.equals(root) ? standing(value, erased) : linksIn(value)
}

/**
 * The blocks of a batch's sealed parts of those who are erased; what something else in the batch names as well is none of
 * them. @param bytes of its root block.
 */
export function erasedLinks(root: CID, bytes: Uint8Array, erased: readonly Erased[]): CID[] {
  const head = decode(root, bytes)
  const left = new Set(standing(head, erased).map(String))
  return sealedIn(head)
    .filter((part) => isErased(part, head, erased))
    .flatMap(({ content }) => linksIn(content))
    .filter((link) => !left.has(String(link)))
}

/** Whose sealed parts a batch has. @param bytes of its root block. */
export function householdsIn(root: CID, bytes: Uint8Array): Hex[] {
  return sealedIn(decode(root, bytes)).flatMap(({ household }) => household ?? [])
}

/** The blocks that a root names, but for the batch before and those who are erased. */
function standing(head: unknown, erased: readonly Erased[]): CID[] {
  const sealed = sealedIn(head).filter((part) => !isErased(part, head, erased))
  return linksIn({ ...(head as object), previous: null, sealed: sealed.map(({ content }) => content) })
}

interface SealedPart {
  household: Hex | undefined
  content: unknown
}

function isErased({ household }: SealedPart, head: unknown, erased: readonly Erased[]): boolean {
  const { time } = head as { time?: unknown }
  return erased.some((one) => one.household === household && Number(time) <= one.upTo)
}

function sealedIn(head: unknown): SealedPart[] {
  const { sealed } = (head ?? {}) as { sealed?: unknown }
  if (!Array.isArray(sealed)) return []
  return (sealed as { household?: unknown; content?: unknown }[]).map(({ household, content }) => ({
    household: household instanceof Uint8Array ? toHex(household) : undefined,
    content,
  }))
}

function linksIn(value: unknown): CID[] {
  const links = new Map<string, CID>()
  const visit = (part: unknown): void => {
    const link = CID.asCID(part)
    if (link) links.set(link.toString(), link)
    else if (Array.isArray(part)) for (const item of part) visit(item)
    else if (part && typeof part === "object" && !(part instanceof Uint8Array))
      for (const item of Object.values(part)) visit(item)
  }
  visit(value)
  return [...links.values()]
}

function decode(cid: CID, bytes: Uint8Array): unknown {
  try {
    return dagCbor.decode(bytes)
  } catch (cause) {
    throw new BrokenBlock(cid, `is not valid DAG-CBOR (${(cause as Error).message})`)
  }
}
