import * as dagCbor from "@ipld/dag-cbor"
import { sha256 } from "@noble/hashes/sha2.js"
import { CID } from "multiformats/cid"
import * as raw from "multiformats/codecs/raw"
import * as Digest from "multiformats/hashes/digest"
import { equalBytes, fromHex, type Hex, toHex } from "./hex.ts"

export { CID }

/** Content under its address: the address is the hash of the content (IPLD). */
export interface Block {
  readonly cid: CID
  readonly bytes: Uint8Array
}

/** Finds a block; undefined when this source does not have it. What it returns is checked against the CID. */
export type BlockSource = (cid: CID) => Promise<Uint8Array | undefined>

/** No block of ours is larger, but for a root that names millions of readings; IPFS peers exchange up to 2 MiB. */
export const maxBlockBytes = 1024 * 1024

const sha256Code = 0x12

/** A structured block: DAG-CBOR, CID version 1, SHA-256. */
export function cborBlock(value: unknown): Block {
  return blockOf(dagCbor.code, dagCbor.encode(value))
}

/** A block of plain bytes. */
export function rawBlock(bytes: Uint8Array): Block {
  return blockOf(raw.code, bytes)
}

/** The CID of a batch's evidence root, from the digest that its proposal carries. */
export function evidenceCid(digest: Hex): CID {
  return CID.createV1(dagCbor.code, Digest.create(sha256Code, fromHex(digest, 32)))
}

/** The digest that a proposal carries, from the CID of the evidence root. */
export function evidenceDigest(cid: CID): Hex {
  return toHex(cid.multihash.digest)
}

/** A block that is missing, or whose content does not belong to its address or is not in its one encoding. */
export class BrokenBlock extends Error {
  override name = "BrokenBlock"
  readonly cid: CID
  constructor(cid: CID, what: string) {
    super(`Evidence block ${cid.toString()} ${what}.`)
    this.cid = cid
  }
}

/** Fetches a block and checks it against its address. @throws BrokenBlock */
export async function fetchBlock(source: BlockSource, cid: CID): Promise<Uint8Array> {
  const bytes = await source(cid)
  if (!bytes) throw new BrokenBlock(cid, "is missing")
  checkBlock(cid, bytes)
  return bytes
}

/** @throws BrokenBlock when the bytes do not hash to the address. */
export function checkBlock(cid: CID, bytes: Uint8Array): void {
  if (cid.multihash.code !== sha256Code) throw new BrokenBlock(cid, "is not addressed by SHA-256")
  if (!equalBytes(sha256(bytes), cid.multihash.digest))
    throw new BrokenBlock(cid, "was changed: its content does not hash to its address")
}

/** Fetches a block of plain bytes. @throws BrokenBlock */
export async function fetchRaw(source: BlockSource, cid: CID): Promise<Uint8Array> {
  if (cid.code !== raw.code) throw new BrokenBlock(cid, "is not a raw block")
  return fetchBlock(source, cid)
}

/** Fetches and decodes a DAG-CBOR block; refuses all but the one canonical encoding. @throws BrokenBlock */
export async function fetchCbor(source: BlockSource, cid: CID): Promise<unknown> {
  if (cid.code !== dagCbor.code) throw new BrokenBlock(cid, "is not DAG-CBOR")
  const bytes = await fetchBlock(source, cid)
  return decodeCanonical(cid, bytes)
}

function decodeCanonical(cid: CID, bytes: Uint8Array): unknown {
  let value: unknown
  try {
    value = dagCbor.decode(bytes)
  } catch (cause) {
    throw new BrokenBlock(cid, `is not valid DAG-CBOR (${(cause as Error).message})`)
  }
  if (!equalBytes(dagCbor.encode(value), bytes)) throw new BrokenBlock(cid, "is not in canonical DAG-CBOR")
  return value
}

/** A block source over blocks in memory. */
export function blocksInMemory(blocks: Iterable<Block>): BlockSource {
  const byCid = new Map([...blocks].map(({ cid, bytes }) => [cid.toString(), bytes]))
  return async (cid) => byCid.get(cid.toString())
}

function blockOf(code: number, bytes: Uint8Array): Block {
  return { cid: CID.createV1(code, Digest.create(sha256Code, sha256(bytes))), bytes }
}
