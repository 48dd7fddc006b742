import { createHash, createPublicKey, type KeyObject } from "node:crypto"
import { concatBytes, equalBytes, fromHex } from "../hex.ts"
import { type Curve, curves } from "./curves.ts"

/** A public key on one of the curves of OCMF, checked, and ready to verify with. */
export interface CurveKey {
  readonly curve: Curve
  /** x ‖ y, big-endian. */
  readonly point: Uint8Array
  /** `sha256:` and the SHA-256 of the key's SubjectPublicKeyInfo in DER, for every curve. */
  readonly fingerprint: string
  readonly keyObject: KeyObject
}

/**
 * A public key as a person gives it: with its curve (SubjectPublicKeyInfo), or a bare point, whose curve only the
 * record tells.
 */
export type GivenKey = { readonly key: CurveKey } | { readonly point: Uint8Array }

/**
 * Reads a public key: SubjectPublicKeyInfo in DER, or a point as 04 ‖ x ‖ y or x ‖ y; in hexadecimal (white space is
 * passed over: meters' labels group the digits) or base64. Compressed points and explicit curve parameters are
 * refused; the latter let a key choose its own base point.
 * @throws Error saying what is wrong.
 */
export function parseKey(text: string): GivenKey {
  const bytes = keyBytes(text)
  for (const curve of Object.values(curves))
    if (equalBytes(bytes.subarray(0, curve.spkiPrefix.length), curve.spkiPrefix))
      return { key: curveKey(curve, bytes.subarray(curve.spkiPrefix.length)) }
  const point = bytes.length % 2 === 1 && bytes[0] === 4 ? bytes.subarray(1) : bytes
  if (![48, 64, 96].includes(point.length))
    throw new Error(
      "It is neither a SubjectPublicKeyInfo with a named curve that OCMF knows, nor an uncompressed point.",
    )
  return { point }
}

/** The key on the curve that the record names. @throws Error when it is of another curve or no point of this one. */
export function keyOnCurve(given: GivenKey, curve: Curve): CurveKey {
  if ("point" in given) return curveKey(curve, given.point)
  if (given.key.curve !== curve)
    throw new Error(`The key is on ${given.key.curve.name}, the record is signed over ${curve.name}.`)
  return given.key
}

/**
 * Checks a point and prepares it for verification.
 * @param point x ‖ y.
 * @throws Error when it has the wrong length or is not on the curve.
 */
export function curveKey(curve: Curve, point: Uint8Array): CurveKey {
  if (point.length !== 2 * curve.size)
    throw new Error(`A point of ${curve.name} has ${2 * curve.size} bytes, this one has ${point.length}.`)
  const spki = concatBytes(curve.spkiPrefix, point)
  let keyObject: KeyObject
  try {
    // OpenSSL refuses coordinates that are not below the field's prime and points that are not on the curve.
    keyObject = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" })
  } catch (cause) {
    throw new Error(`This public key is not a point of ${curve.name}.`, { cause })
  }
  return Object.freeze({
    curve,
    point: point.slice(),
    fingerprint: `sha256:${createHash("sha256").update(spki).digest("hex")}`,
    keyObject,
  })
}

function keyBytes(text: string): Uint8Array {
  const compact = text.replace(/\s/g, "")
  if (/^(0x)?([0-9a-fA-F]{2})+$/.test(compact)) return fromHex(compact)
  const bytes = Buffer.from(compact, "base64")
  // Node's decoder passes over what is not base64; written back it must be the same.
  if (compact === "" || bytes.toString("base64") !== compact)
    throw new Error("It is neither hexadecimal nor base64.")
  return Uint8Array.from(bytes)
}
