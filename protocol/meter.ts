import { createPublicKey, type KeyObject } from "node:crypto"
import { Point } from "@noble/ed25519"
import { keccak_256 } from "@noble/hashes/sha3.js"
import { type Hex, toHex } from "./hex.ts"

/** Signature schemes by their number in a meterId and on chain. */
export const Scheme = { ed25519: 1, es256: 2 } as const
export type Scheme = (typeof Scheme)[keyof typeof Scheme]

/** Who signs a meter's readings: its own key, or the gateway's key for a plain meter on a trusted wire. */
export const Assurance = { meter: 1, gateway: 2 } as const
export type Assurance = (typeof Assurance)[keyof typeof Assurance]

/** A meter's public key, ready to verify with. */
export interface MeterKey {
  readonly scheme: Scheme
  /** Ed25519: 32 bytes (RFC 8032, 5.1.5). ES256: 64 bytes, x ‖ y, big-endian. */
  readonly publicKey: Uint8Array
  readonly meterId: Hex
  /** The first 8 bytes of meterId, which a reading carries. */
  readonly kid: Uint8Array
  readonly keyObject: KeyObject
}

/** meterId = keccak256(scheme byte ‖ public key). */
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

const spkiPrefix = {
  [Scheme.ed25519]: Uint8Array.from(Buffer.from("302a300506032b6570032100", "hex")),
  [Scheme.es256]: Uint8Array.from(
    Buffer.from("3059301306072a8648ce3d020106082a8648ce3d03010703420004", "hex"),
  ),
} as const

/**
 * Checks a public key and prepares it for verification.
 * @throws Error when the key has the wrong length, is of small order, is not canonical or is not on its curve.
 */
export function meterKey(scheme: Scheme, publicKey: Uint8Array): MeterKey {
  const length = scheme === Scheme.ed25519 ? 32 : 64
  if (publicKey.length !== length)
    throw new Error(`A public key of scheme ${scheme} has ${length} bytes, this one has ${publicKey.length}.`)
  if (scheme === Scheme.ed25519) checkEd25519Key(publicKey)
  let keyObject: KeyObject
  try {
    const der = Buffer.concat([spkiPrefix[scheme], publicKey])
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
