import { keccak_256 } from "@noble/hashes/sha3.js"
import { encode } from "cborg"
import { concatBytes, type Hex, toHex } from "./hex.ts"
import { Scheme } from "./meter.ts"

/** How far a meter trusts its clock; the same four states as OCMF's U, I, S, R. */
export const Clock = { unknown: 0, informative: 1, synchronised: 2, relative: 3 } as const
export type Clock = (typeof Clock)[keyof typeof Clock]

/** What a meter says at one moment. Energy in whole Wh, power in whole W, time in Unix seconds. */
export interface Reading {
  /** Counts up by one with each reading and is never used again. */
  sequence: number
  time: number
  clock: Clock
  /** How often the clock was set, ever. */
  clockSets: number
  /** How often the meter booted, ever. */
  boots: number
  /** Cumulative registers; at least one is there. */
  generatedWh?: bigint
  importedWh?: bigint
  exportedWh?: bigint
  /** Signed: what the meter measures right now, positive in the direction of generation or import. */
  powerW?: number
  /** Flags of the meter's maker; 0 and absent mean nothing to report. */
  status?: number
  /** The step of the registers in Wh where it is coarser than 1 Wh. */
  resolutionWh?: number
  /** What the meter itself signed that speaks against counting this, in words; only formats of makers have it. */
  doubts?: readonly string[]
}

/** A reading with the bytes it came in and what is needed to verify it. */
export interface SignedReading {
  readonly bytes: Uint8Array
  readonly scheme: Scheme
  /** The key id that the reading carries; records of makers' formats carry none. */
  readonly kid?: Uint8Array
  readonly reading: Reading
  /** The exact bytes that the signature covers. */
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/** A reading in Commonwatt's own format. */
export interface CoseReading extends SignedReading {
  readonly kid: Uint8Array
}

/**
 * A message that is longer is turned away unread. The longest reading, every field at its largest, has 180 bytes
 * (SPEC.md, 3.4).
 */
export const maxReadingBytes = 256

export const readingContext = new TextEncoder().encode("commonwatt/reading/1")

const algorithm: ReadonlyMap<Scheme, number> = new Map([
  [Scheme.ed25519, -8],
  [Scheme.es256, -7],
]) // RFC 9053, 2

/** Payload keys, in the order of deterministic CBOR (RFC 8949, 4.2.1). SPEC.md, 3.2. */
const fields = [
  { key: 1, name: "sequence", kind: "count", required: true },
  { key: 2, name: "time", kind: "count", required: true },
  { key: 3, name: "clock", kind: "clock", required: true },
  { key: 4, name: "clockSets", kind: "count", required: true },
  { key: 5, name: "boots", kind: "count", required: true },
  { key: 6, name: "generatedWh", kind: "energy", required: false },
  { key: 7, name: "importedWh", kind: "energy", required: false },
  { key: 8, name: "exportedWh", kind: "energy", required: false },
  { key: 9, name: "powerW", kind: "power", required: false },
  { key: 10, name: "status", kind: "count", required: false },
  { key: 11, name: "resolutionWh", kind: "step", required: false },
] as const

/** The bytes are not a reading in its one canonical form. */
export class MalformedReading extends Error {
  override name = "MalformedReading"
}

/**
 * Encodes and signs a reading as COSE_Sign1.
 * @param sign takes the message and returns a signature of 64 bytes: RFC 8032 for Ed25519, r ‖ s with s in the
 * lower half for ES256.
 * @throws MalformedReading when `decodeReading` would refuse the result: what nobody reads is not to be signed.
 */
export function encodeReading(
  reading: Reading,
  scheme: Scheme,
  kid: Uint8Array,
  sign: (message: Uint8Array) => Uint8Array,
): Uint8Array {
  const parts = [encodeHeader(scheme, kid), new Map(), encodePayload(reading), new Uint8Array(signatureBytes)]
  const bytes = concatBytes(Uint8Array.of(coseSign1Tag), encode(parts))
  const signature = sign(decodeReading(bytes).message)
  if (signature.length !== signatureBytes)
    throw new MalformedReading("The signature must be a byte string of 64 bytes.")
  bytes.set(signature, bytes.length - signatureBytes)
  return bytes
}

// A reading byte by byte (SPEC.md, 3.1). Only the payload's length differs from one to the next.
const coseSign1Tag = 0xd2 // tag 18, RFC 9052, 4.2
const arrayOfFour = 0x84
const headerAt = 2
const kidAt = 8
const unprotectedAt = 16
const payloadAt = 17
const emptyMap = 0xa0
const signatureBytes = 64
/** The Sig_structure's first part, and its third: the text "Signature1" and our context, each behind its CBOR head. */
const messageStart = Uint8Array.of(0x84, 0x6a, ...new TextEncoder().encode("Signature1"))
const messageContext = Uint8Array.of(0x54, ...readingContext)

/**
 * Parses a reading strictly, in one pass: there is one byte string for one signed reading, and anything else is
 * refused. Does not verify the signature (see `verifySignature`).
 * @throws MalformedReading saying what is wrong.
 */
export function decodeReading(bytes: Uint8Array): CoseReading {
  if (bytes.length > maxReadingBytes)
    throw new MalformedReading(`A reading has at most ${maxReadingBytes} bytes, this has ${bytes.length}.`)
  if (bytes[0] !== coseSign1Tag)
    throw new MalformedReading("Not a tagged COSE_Sign1 (first byte is not 0xd2).")
  if (bytes[1] !== arrayOfFour) throw new MalformedReading("COSE_Sign1 is not an array of four parts.")
  const scheme = decodeHeader(bytes)
  if (bytes[unprotectedAt] !== emptyMap)
    throw new MalformedReading("The unprotected header must be an empty map.")
  const { start, end } = payloadIn(bytes)
  if (bytes[end] !== 0x58 || bytes[end + 1] !== signatureBytes || bytes.length !== end + 2 + signatureBytes)
    throw new MalformedReading(
      "Behind the payload the signature must be a byte string of 64 bytes, and nothing else.",
    )
  const reading = decodePayload(bytes, start, end)
  const header = bytes.subarray(headerAt, unprotectedAt)
  const payload = bytes.subarray(payloadAt, end)
  return {
    bytes,
    scheme,
    kid: bytes.subarray(kidAt, unprotectedAt),
    reading,
    message: messageOf(header, payload),
    signature: bytes.subarray(end + 2),
  }
}

/** The bytes that are signed: COSE's Sig_structure (RFC 9052, 4.4). */
function messageOf(header: Uint8Array, payload: Uint8Array): Uint8Array {
  const message = new Uint8Array(messageStart.length + header.length + messageContext.length + payload.length)
  message.set(messageStart)
  message.set(header, messageStart.length)
  message.set(messageContext, messageStart.length + header.length)
  message.set(payload, message.length - payload.length)
  return message
}

/** What a statement quotes: keccak256 of the reading's bytes, signature included. */
export function readingDigest(bytes: Uint8Array): Hex {
  return toHex(keccak_256(bytes))
}

function encodeHeader(scheme: Scheme, kid: Uint8Array): Uint8Array {
  const alg = algorithm.get(scheme)
  if (alg === undefined) throw new MalformedReading(`Scheme ${scheme} is not one of COSE.`)
  return encode(
    new Map<number, unknown>([
      [1, alg],
      [4, kid],
    ]),
  )
}

function encodePayload(reading: Reading): Uint8Array {
  const payload = new Map<number, number | bigint>()
  for (const { key, name } of fields) {
    const value = reading[name]
    if (value !== undefined) payload.set(key, value)
  }
  return encode(payload)
}

/** The header's 14 bytes are known but for algorithm and key id. */
function decodeHeader(bytes: Uint8Array): Scheme {
  if (
    bytes[headerAt] !== 0x4d ||
    bytes[headerAt + 1] !== 0xa2 ||
    bytes[headerAt + 2] !== 1 ||
    bytes[headerAt + 4] !== 4 ||
    bytes[headerAt + 5] !== 0x48
  )
    throw new MalformedReading(
      "The protected header must hold exactly the algorithm (1) and the key id (4), and the key id must be 8 bytes.",
    )
  if (bytes[headerAt + 3] === 0x27) return Scheme.ed25519
  if (bytes[headerAt + 3] === 0x26) return Scheme.es256
  throw new MalformedReading("The algorithm is neither EdDSA (-8) nor ES256 (-7).")
}

/** The payload stands behind a head of one byte, or of two where it has 24 bytes or more. */
function payloadIn(bytes: Uint8Array): { start: number; end: number } {
  const head = bytes[payloadAt]!
  const start = payloadAt + 1
  if (head >= 0x40 && head < 0x58) return { start, end: start + head - 0x40 }
  if (head === 0x58 && bytes[start]! >= 24) return { start: start + 1, end: start + 1 + bytes[start]! }
  throw new MalformedReading("The payload must be a byte string, its length in as few bytes as can be.")
}

function decodePayload(bytes: Uint8Array, start: number, end: number): Reading {
  if (start === end || bytes[start]! >> 5 !== 5) throw new MalformedReading("The payload must be a map.")
  const reading: Record<string, number | bigint> = {}
  let at = start + 1
  let known = 0
  for (const { key, name, kind, required } of fields) {
    if (at >= end || bytes[at] !== key) {
      if (required) throw new MalformedReading(`The payload lacks ${name} (key ${key}) in its place.`)
      continue
    }
    known++
    at++
    const size = integerSize(bytes, at, end, name)
    reading[name] = decodeField(bytes, at, size, name, kind)
    at += 1 + size
  }
  if (at !== end)
    throw new MalformedReading("The payload has a key that SPEC.md does not know, or not in its place.")
  if (bytes[start] !== 0xa0 + known)
    throw new MalformedReading("The payload's map says another number of keys than it has.")
  if (!("generatedWh" in reading || "importedWh" in reading || "exportedWh" in reading))
    throw new MalformedReading("The payload has no register: none of keys 6, 7 and 8.")
  return reading as unknown as Reading
}

type Kind = (typeof fields)[number]["kind"]

/** How many bytes the CBOR integer has behind its first one (RFC 8949, 3). */
function integerSize(bytes: Uint8Array, at: number, end: number, name: string): number {
  const info = bytes[at]! & 0x1f
  const size = info < 24 ? 0 : 2 ** (info - 24)
  if (at >= end || bytes[at]! >> 5 > 1 || info > 27) throw new MalformedReading(`${name} must be an integer.`)
  if (at + 1 + size > end) throw new MalformedReading(`${name} is cut off.`)
  return size
}

/** The least that needs so many bytes, for each number of bytes behind the first (RFC 8949, 4.2.1). */
const leastOfSize: Readonly<Record<number, number>> = { 0: 0, 1: 24, 2: 2 ** 8, 4: 2 ** 16, 8: 2 ** 32 }

function decodeField(bytes: Uint8Array, at: number, size: number, name: string, kind: Kind): number | bigint {
  // Not exact from 2^53 on, where nothing but a register may be.
  let argument = size === 0 ? bytes[at]! & 0x1f : 0
  for (let i = 1; i <= size; i++) argument = argument * 256 + bytes[at + i]!
  if (argument < leastOfSize[size]!)
    throw new MalformedReading(`${name} is not in deterministic encoding (RFC 8949, 4.2.1).`)
  const negative = bytes[at]! >> 5 === 1
  if (kind === "energy") {
    if (negative || (size === 8 && bytes[at + 1]! >= 0x80))
      throw new MalformedReading(`${name} must be from 0 to 2^63 - 1 Wh.`)
    return argument <= Number.MAX_SAFE_INTEGER ? BigInt(argument) : bigEndian(bytes, at + 1)
  }
  const value = negative ? -1 - argument : argument
  if (!Number.isSafeInteger(value)) throw new MalformedReading(`${name} must be an integer below 2^53.`)
  if (kind === "power" ? argument > 0x7fffffff || value < -0x7fffffff : negative)
    throw new MalformedReading(`${name} is out of range.`)
  if (kind === "clock" && value > Clock.relative)
    throw new MalformedReading("The clock quality must be 0 to 3.")
  if (kind === "step" && (value < 2 || value > 1_000_000))
    throw new MalformedReading("The resolution is from 2 to 1,000,000 Wh; 1 Wh is said by leaving it out.")
  return value
}

function bigEndian(bytes: Uint8Array, at: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at)
}
