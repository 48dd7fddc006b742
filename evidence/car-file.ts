import { closeSync, fstatSync, openSync, readSync } from "node:fs"
import * as dagCbor from "@ipld/dag-cbor"
import { type Block, CID } from "../protocol/block.ts"
import { concatBytes } from "../protocol/hex.ts"

/** Where a block's bytes are in a CAR file. */
export interface Section {
  cid: CID
  offset: number
  length: number
}

/** Version, codec, hash code and length are a byte each, then 32 bytes of SHA-256: no CID of ours is longer. */
const cidBytes = 36
/** A root names its chunks by 38 bytes each: this many name fifty million readings. */
export const largestBlock = 2 * 1024 * 1024
const longestVarint = 10

/** What a CAR file (version 1, https://ipld.io/specs/transport/car/carv1/) begins with. */
export function carHeader(root: CID): Uint8Array {
  const header = dagCbor.encode({ version: 1, roots: [root] })
  return concatBytes(varint(header.length), header)
}

export function carSection({ cid, bytes }: Block): Uint8Array {
  return concatBytes(varint(cid.bytes.length + bytes.length), cid.bytes, bytes)
}

/**
 * Goes through an open CAR file from block to block, reading no more than their heads.
 * @returns where it ends: the end of its last whole block. What comes behind was cut short, or is no CAR.
 */
export function* sectionsOf(handle: number, root: CID): Generator<Section, number> {
  const size = fstatSync(handle).size
  const header = carHeader(root)
  if (size < header.length || Buffer.compare(readAt(handle, 0, header.length), header) !== 0) return 0
  let at = header.length
  while (at < size) {
    const head = readAt(handle, at, Math.min(longestVarint + cidBytes, size - at))
    const length = readVarint(head)
    if (!length || length.value < cidBytes || length.value > cidBytes + largestBlock) return at
    const end = at + length.bytes + length.value
    if (end > size || head.length < length.bytes + cidBytes) return at
    let cid: CID
    try {
      cid = CID.decode(Uint8Array.from(head.subarray(length.bytes, length.bytes + cidBytes)))
    } catch {
      return at
    }
    yield { cid, offset: at + length.bytes + cidBytes, length: length.value - cidBytes }
    at = end
  }
  return at
}

export function readAt(handle: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let read = 0
  while (read < length) {
    const n = readSync(handle, bytes, read, length - read, offset + read)
    if (n === 0) break
    read += n
  }
  return bytes.subarray(0, read)
}

export function withFile<T>(file: string, flags: string, work: (handle: number) => T): T {
  const handle = openSync(file, flags, 0o600)
  try {
    return work(handle)
  } finally {
    closeSync(handle)
  }
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  return Uint8Array.from([...bytes, rest])
}

function readVarint(bytes: Uint8Array): { value: number; bytes: number } | undefined {
  let value = 0
  for (let i = 0; i < Math.min(bytes.length, longestVarint); i++) {
    value += (bytes[i]! & 0x7f) * 2 ** (7 * i)
    if (bytes[i]! < 0x80) return { value, bytes: i + 1 }
  }
  return undefined
}
