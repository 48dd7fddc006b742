import { keccak_256 } from "@noble/hashes/sha3.js"
import { decode, encode } from "cborg"
import { equalBytes, type Hex, toHex } from "./hex.ts"
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

const coseSign1Tag = 0xd2 // tag 18, RFC 9052, 4.2
const algorithm: ReadonlyMap<Scheme, number> = new Map([
  [Scheme.ed25519, -8],
  [Scheme.es256, -7],
]) // RFC 9053, 2
const maxEnergyWh = 2n ** 63n - 1n

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
 * What a meter signs: the Sig_structure of RFC 9052, 4.4, with our context as external data.
 */
export function signedMessage(protectedHeader: Uint8Array, payload: Uint8Array): Uint8Array {
  return encode(["Signature1", protectedHeader, readingContext, payload])
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
  const protectedHeader = encodeHeader(scheme, kid)
  const payload = encodePayload(reading)
  decodeHeader(protectedHeader)
  decodePayload(payload)
  const signature = sign(signedMessage(protectedHeader, payload))
  checkSignature(signature)
  return assemble(protectedHeader, payload, signature)
}

/**
 * Parses a reading strictly: there is one byte string for one signed reading, and anything else is refused.
 * Does not verify the signature (see `verifySignature`).
 * @throws MalformedReading saying what is wrong.
 */
export function decodeReading(bytes: Uint8Array): CoseReading {
  if (bytes.length > maxReadingBytes)
    throw new MalformedReading(`A reading has at most ${maxReadingBytes} bytes, this has ${bytes.length}.`)
  if (bytes[0] !== coseSign1Tag)
    throw new MalformedReading("Not a tagged COSE_Sign1 (first byte is not 0xd2).")
  const parts = decodeCbor(bytes.subarray(1), "COSE_Sign1")
  if (!Array.isArray(parts) || parts.length !== 4)
    throw new MalformedReading("COSE_Sign1 is not an array of four parts.")
  const [protectedHeader, unprotected, payload, signature] = parts
  if (!(protectedHeader instanceof Uint8Array) || !(payload instanceof Uint8Array))
    throw new MalformedReading("Protected header and payload must be byte strings.")
  if (!(unprotected instanceof Map) || unprotected.size !== 0)
    throw new MalformedReading("The unprotected header must be an empty map.")
  checkSignature(signature)
  const { scheme, kid } = decodeHeader(protectedHeader)
  const reading = decodePayload(payload)
  const canonical = assemble(encodeHeader(scheme, kid), encodePayload(reading), signature)
  if (!equalBytes(canonical, bytes))
    throw new MalformedReading("Not in deterministic encoding (RFC 8949, 4.2.1).")
  return { bytes, scheme, kid, reading, message: signedMessage(protectedHeader, payload), signature }
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

function assemble(protectedHeader: Uint8Array, payload: Uint8Array, signature: Uint8Array): Uint8Array {
  const body = encode([protectedHeader, new Map(), payload, signature])
  const bytes = new Uint8Array(1 + body.length)
  bytes[0] = coseSign1Tag
  bytes.set(body, 1)
  return bytes
}

function checkSignature(signature: unknown): asserts signature is Uint8Array {
  if (!(signature instanceof Uint8Array) || signature.length !== 64)
    throw new MalformedReading("The signature must be a byte string of 64 bytes.")
}

function decodeCbor(bytes: Uint8Array, what: string): unknown {
  try {
    return decode(bytes, { useMaps: true, strict: true, rejectDuplicateMapKeys: true, allowUndefined: false })
  } catch (cause) {
    throw new MalformedReading(`${what} is not valid CBOR.`, { cause })
  }
}

function decodeHeader(bytes: Uint8Array): { scheme: Scheme; kid: Uint8Array } {
  const header = decodeCbor(bytes, "The protected header")
  if (!(header instanceof Map) || header.size !== 2)
    throw new MalformedReading("The protected header must hold exactly the algorithm (1) and the key id (4).")
  const kid: unknown = header.get(4)
  if (!(kid instanceof Uint8Array) || kid.length !== 8)
    throw new MalformedReading("The key id must be 8 bytes.")
  const alg: unknown = header.get(1)
  for (const [scheme, number] of algorithm) if (alg === number) return { scheme, kid }
  throw new MalformedReading(`Algorithm ${String(alg)} is neither EdDSA (-8) nor ES256 (-7).`)
}

function decodePayload(bytes: Uint8Array): Reading {
  const payload = decodeCbor(bytes, "The payload")
  if (!(payload instanceof Map)) throw new MalformedReading("The payload must be a map.")
  const reading: Record<string, number | bigint> = {}
  let known = 0
  for (const { key, name, kind, required } of fields) {
    const value: unknown = payload.get(key)
    if (value === undefined) {
      if (required) throw new MalformedReading(`The payload lacks ${name} (key ${key}).`)
      continue
    }
    known++
    reading[name] = checkField(name, kind, value)
  }
  if (known !== payload.size) throw new MalformedReading("The payload has a key that SPEC.md does not know.")
  if (!("generatedWh" in reading || "importedWh" in reading || "exportedWh" in reading))
    throw new MalformedReading("The payload has no register: none of keys 6, 7 and 8.")
  return reading as unknown as Reading
}

type Kind = (typeof fields)[number]["kind"]

function checkField(name: string, kind: Kind, value: unknown): number | bigint {
  if (typeof value !== "number" && typeof value !== "bigint")
    throw new MalformedReading(`${name} must be an integer.`)
  if (kind === "energy") {
    if (typeof value === "number" && !Number.isInteger(value))
      throw new MalformedReading(`${name} must be whole Wh.`)
    const wh = BigInt(value)
    if (wh < 0n || wh > maxEnergyWh) throw new MalformedReading(`${name} must be from 0 to 2^63 - 1 Wh.`)
    return wh
  }
  if (typeof value !== "number" || !Number.isSafeInteger(value))
    throw new MalformedReading(`${name} must be an integer below 2^53.`)
  if (kind === "power" ? Math.abs(value) > 0x7fffffff : value < 0)
    throw new MalformedReading(`${name} is out of range.`)
  if (kind === "clock" && value > Clock.relative)
    throw new MalformedReading("The clock quality must be 0 to 3.")
  if (kind === "step" && (value < 2 || value > 1_000_000))
    throw new MalformedReading("The resolution is from 2 to 1,000,000 Wh; 1 Wh is said by leaving it out.")
  return value
}
