import { decode, encode } from "cborg"
import { concatBytes, equalBytes } from "./hex.ts"
import { Scheme } from "./meter.ts"
import {
  Clock,
  type CoseReading,
  MalformedReading,
  maxReadingBytes,
  type Reading,
  readingContext,
} from "./reading.ts"

/** A reading read by a general CBOR library and written again: the same rule as `decodeReading` in another way. */
export function decodeByLibrary(bytes: Uint8Array): CoseReading {
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
  return {
    bytes,
    scheme,
    kid,
    reading,
    message: encode(["Signature1", protectedHeader, readingContext, payload]),
    signature,
  }
}

const coseSign1Tag = 0xd2
const maxEnergyWh = 2n ** 63n - 1n
const algorithm: ReadonlyMap<Scheme, number> = new Map([
  [Scheme.ed25519, -8],
  [Scheme.es256, -7],
])
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
  return concatBytes(Uint8Array.of(coseSign1Tag), body)
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
