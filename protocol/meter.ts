import { createPublicKey, type KeyObject } from "node:crypto"
import { Point } from "@noble/ed25519"
import { keccak_256 } from "@noble/hashes/sha3.js"
import { type Hex, toHex } from "./hex.ts"
import { type Curve, curves } from "./ocmf/curves.ts"

/**
 * Signature schemes by their number in a meterId and on chain: what a meter signs, and over which curve. The highest
 * bit says that a meter with a format of its own stands at a generator; without it, at a household's connection.
 */
export const Scheme = {
  ed25519: 1,
  es256: 2,
  bsm: 3,
  "ocmf-secp256r1": 4,
  "ocmf-secp384r1": 5,
  "ocmf-secp256k1": 6,
  "ocmf-secp192r1": 7,
  "ocmf-secp192k1": 8,
  "ocmf-brainpoolP256r1": 9,
  "ocmf-brainpoolP384r1": 10,
  "bsm-generation": 131,
  "ocmf-secp256r1-generation": 132,
  "ocmf-secp384r1-generation": 133,
  "ocmf-secp256k1-generation": 134,
  "ocmf-secp192r1-generation": 135,
  "ocmf-secp192k1-generation": 136,
  "ocmf-brainpoolP256r1-generation": 137,
  "ocmf-brainpoolP384r1-generation": 138,
} as const
export type SchemeName = keyof typeof Scheme
export type Scheme = (typeof Scheme)[SchemeName]

export const schemeNames = Object.freeze(Object.keys(Scheme)) as readonly SchemeName[]

/** What a meter's signature covers: Commonwatt's own reading, or a format of the meter's maker. */
export type RecordFormat = "cose" | "bsm" | "ocmf"

interface SchemeFacts {
  readonly format: RecordFormat
  /** Undefined for Ed25519. */
  readonly curve: Curve | undefined
  /** Whether the meter stands at a generator, so that what it delivers is generation. */
  readonly generation: boolean
}

const facts: ReadonlyMap<number, SchemeFacts> = new Map(
  schemeNames.map((name) => [Scheme[name], factsOf(name)]),
)

function factsOf(name: SchemeName): SchemeFacts {
  if (name === "ed25519") return { format: "cose", curve: undefined, generation: false }
  if (name === "es256") return { format: "cose", curve: curves.secp256r1, generation: false }
  const [format, curve] = name.replace("-generation", "").split("-") as ["bsm" | "ocmf", keyof typeof curves]
  return { format, curve: curves[curve ?? "secp256r1"], generation: name.endsWith("-generation") }
}

export function isScheme(number: unknown): number is Scheme {
  return typeof number === "number" && facts.has(number)
}

/** @throws Error when there is no such scheme. */
export function schemeFacts(scheme: number): SchemeFacts {
  const known = facts.get(scheme)
  if (!known) throw new Error(`There is no signature scheme ${scheme}.`)
  return known
}

/** The scheme of a meter that signs in a format of its maker. */
export function nativeScheme(format: "bsm" | "ocmf", curve: Curve, generation = false): Scheme {
  for (const [scheme, known] of facts)
    if (known.format === format && known.curve === curve && known.generation === generation)
      return scheme as Scheme
  throw new Error(`No scheme has ${format} over ${curve.name}.`)
}

/** Who signs a meter's readings: its own key, or the gateway's key for a plain meter on a trusted wire. */
export const Assurance = { meter: 1, gateway: 2 } as const
export type Assurance = (typeof Assurance)[keyof typeof Assurance]

/** A public key, ready to verify with. */
export interface VerifyingKey {
  readonly scheme: Scheme
  /** Ed25519: 32 bytes (RFC 8032, 5.1.5). All others: x ‖ y, big-endian, of the curve's size each. */
  readonly publicKey: Uint8Array
  /** The first 8 bytes of the key's id, which a reading carries. */
  readonly kid: Uint8Array
  readonly keyObject: KeyObject
}

/** A meter's first public key: its id is the meterId. */
export interface MeterKey extends VerifyingKey {
  readonly meterId: Hex
}

/** keyId = keccak256(scheme byte ‖ public key); that of a meter's first key is its meterId. */
export function meterIdOf(scheme: Scheme, publicKey: Uint8Array): Hex {
  const input = new Uint8Array(1 + publicKey.length)
  input[0] = scheme
  input.set(publicKey, 1)
  return toHex(keccak_256(input))
}

/**
 * The encodings of the eight points of small order on Curve25519 in Edwards form, and their non-canonical
 * twins, with the sign bit cleared. With such a key one signature can be valid for many messages.
 * Source: "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko 2020), tables 1 and 2; recomputed in
 * meter.test.ts.
 */
export const smallOrderEncodings: ReadonlySet<string> = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
])

/** DER of the SubjectPublicKeyInfo of an Ed25519 key before its 32 bytes (RFC 8410, 4). */
const ed25519Prefix = Uint8Array.from(Buffer.from("302a300506032b6570032100", "hex"))

/**
 * Checks a public key and prepares it for verification.
 * @throws Error when there is no such scheme, or the key has the wrong length, is of small order, is not canonical or
 * is not on its curve.
 */
export function meterKey(scheme: Scheme, publicKey: Uint8Array): MeterKey {
  const { curve } = schemeFacts(scheme)
  const length = curve ? 2 * curve.size : 32
  if (publicKey.length !== length)
    throw new Error(`A public key of scheme ${scheme} has ${length} bytes, this one has ${publicKey.length}.`)
  if (!curve) checkEd25519Key(publicKey)
  let keyObject: KeyObject
  try {
    const der = Buffer.concat([curve?.spkiPrefix ?? ed25519Prefix, publicKey])
    keyObject = createPublicKey({ key: der, format: "der", type: "spki" })
  } catch (cause) {
    throw new Error("This public key is not a point on its curve.", { cause })
  }
  const meterId = meterIdOf(scheme, publicKey)
  const kid = Uint8Array.from(Buffer.from(meterId.slice(2, 18), "hex"))
  return Object.freeze({ scheme, publicKey: publicKey.slice(), meterId, kid, keyObject })
}

function checkEd25519Key(publicKey: Uint8Array): void {
  const unsigned = publicKey.slice()
  unsigned[31] = unsigned[31]! & 0x7f
  if (smallOrderEncodings.has(Buffer.from(unsigned).toString("hex")))
    throw new Error("This Ed25519 key has small order: one signature of it could stand for many readings.")
  const y = BigInt(`0x${Buffer.from(unsigned).reverse().toString("hex")}`)
  if (y >= 2n ** 255n - 19n) throw new Error("This Ed25519 key is not canonically encoded (RFC 8032, 5.1.3).")
  // OpenSSL imports any 32 bytes, and a key that is no point would only fail at each reading.
  try {
    Point.fromBytes(publicKey)
  } catch (cause) {
    throw new Error("This public key is not a point on its curve.", { cause })
  }
}
