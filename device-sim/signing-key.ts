import { createPrivateKey, createPublicKey, hash, sign } from "node:crypto"
import { concatBytes, fromHex, type Hex } from "../protocol/hex.ts"
import { meterKey, Scheme } from "../protocol/meter.ts"
import { encodeReading, type Reading } from "../protocol/reading.ts"
import type { Writer } from "./faults/message.ts"

/** The secret half of a meter that has an Ed25519 key, with which it writes readings as signed COSE bytes. */
export interface SigningKey extends Writer {
  readonly meterId: Hex
  readonly kid: Uint8Array
  readonly publicKey: Uint8Array
}

/** The DER that stands before the 32 bytes of a secret key: RFC 8410, 7. */
const pkcs8Prefix = fromHex("302e020100300506032b657004220420")

/**
 * node:crypto signs, not noble: at 400 readings a second noble would take a quarter of a core away from the
 * gateway under test, OpenSSL takes a fiftieth. A test holds the two to the same bytes. Ed25519 draws no random
 * number: one reading has one byte string.
 * @param secret 32 bytes (RFC 8032, 5.1.5).
 */
export function createSigningKey(secret: Uint8Array): SigningKey {
  const own = signerOf(secret)
  const { meterId, kid, publicKey } = meterKey(Scheme.ed25519, own.publicKey)
  const stranger = signerOf(strangerTo(secret))
  const encode = (reading: Reading, signature: (message: Uint8Array) => Uint8Array) =>
    encodeReading(reading, Scheme.ed25519, kid, signature)
  return Object.freeze({
    meterId,
    kid,
    publicKey,
    encode: (reading: Reading) => encode(reading, own.sign),
    encodeWrongly: (reading: Reading) => encode(reading, stranger.sign),
    encodeTampered(reading: Reading) {
      let signature: Uint8Array = new Uint8Array()
      encode(reading, (message) => {
        signature = own.sign(message)
        return signature
      })
      return encode(withLastBitFlipped(reading), () => signature)
    },
  })
}

/** The secret of somebody else, whom nobody knows. */
export function strangerTo(secret: Uint8Array): Uint8Array {
  return hash("sha256", concatBytes(secret, new TextEncoder().encode("a stranger")), "buffer")
}

/** CBOR integers that differ in their last bit differ in one byte: no length class ends on an even number. */
export function withLastBitFlipped(reading: Reading): Reading {
  const { generatedWh, importedWh } = reading
  if (generatedWh !== undefined) return { ...reading, generatedWh: generatedWh ^ 1n }
  return { ...reading, importedWh: (importedWh ?? 0n) ^ 1n }
}

function signerOf(secret: Uint8Array) {
  if (secret.length !== 32) throw new Error(`An Ed25519 secret has 32 bytes, this one has ${secret.length}.`)
  const key = createPrivateKey({
    key: Buffer.from(concatBytes(pkcs8Prefix, secret)),
    format: "der",
    type: "pkcs8",
  })
  const { x } = createPublicKey(key).export({ format: "jwk" })
  return {
    publicKey: Uint8Array.from(Buffer.from(x!, "base64url")),
    sign: (message: Uint8Array): Uint8Array => new Uint8Array(sign(null, message, key)),
  }
}
