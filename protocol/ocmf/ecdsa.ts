import { verify } from "node:crypto"
import { concatBytes } from "../hex.ts"
import type { Curve } from "./curves.ts"
import type { CurveKey } from "./key.ts"
import { MalformedOcmf } from "./malformed.ts"

const sequenceTag = 0x30
const integerTag = 0x02

/**
 * A signature in one form, r ‖ s, from either of the two that meters write.
 *
 * DER is what the specification names (SM, application/x-der); some meters write r ‖ s without saying so. Bytes that
 * are strict DER are taken as DER; any others only if they are exactly as long as r ‖ s.
 * @param mayBeRaw false where the record says that it is DER.
 * @throws MalformedOcmf when it is neither, or when r or s is not from 1 to the curve's order - 1.
 */
export function readSignature(bytes: Uint8Array, curve: Curve, mayBeRaw: boolean): Uint8Array {
  const fromDer = readDer(bytes, curve)
  if (typeof fromDer !== "string") return checkRange(fromDer, curve)
  if (mayBeRaw && bytes.length === 2 * curve.size) return checkRange(bytes.slice(), curve)
  throw new MalformedOcmf(`The signature is not an ECDSA signature over ${curve.name}: ${fromDer}.`)
}

/**
 * ECDSA with SHA-256 (FIPS 186-5, 6.4). A high s is accepted, unlike in our own readings: OCMF sets no rule, and real
 * meters write both. So two signatures may stand for one payload, and a record is known by its pagination instead.
 * @param signature r ‖ s from `readSignature`.
 */
export function verifyEcdsa(
  key: Pick<CurveKey, "keyObject">,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  return verify("sha256", message, { key: key.keyObject, dsaEncoding: "ieee-p1363" }, signature)
}

/**
 * SEQUENCE { r INTEGER, s INTEGER } in DER (RFC 3279, 2.2.3), strictly: definite short lengths, minimal integers that
 * are not negative, nothing behind. OpenSSL's own parser forgives some of this.
 * @returns r ‖ s, or what is wrong.
 */
function readDer(bytes: Uint8Array, curve: Curve): Uint8Array | string {
  if (bytes[0] !== sequenceTag) return "it does not begin with a DER sequence"
  // All curves here have signatures shorter than 128 bytes, which DER must write with a one-byte length (X.690, 10.1).
  if (bytes[1] !== bytes.length - 2 || bytes.length > 2 + 127)
    return "its DER length is not that of the bytes there"
  const r = readInteger(bytes, 2, curve)
  if (typeof r === "string") return r
  const s = readInteger(bytes, r.end, curve)
  if (typeof s === "string") return s
  if (s.end !== bytes.length) return "bytes follow s inside the DER sequence"
  return concatBytes(r.value, s.value)
}

function readInteger(
  bytes: Uint8Array,
  at: number,
  curve: Curve,
): { value: Uint8Array; end: number } | string {
  const length = bytes[at + 1]
  if (bytes[at] !== integerTag || length === undefined) return "a DER integer is missing"
  const end = at + 2 + length
  if (length === 0 || end > bytes.length) return "a DER integer does not fit"
  const contents = bytes.subarray(at + 2, end)
  if (contents[0]! >= 0x80) return "a DER integer is negative"
  if (length > 1 && contents[0] === 0 && contents[1]! < 0x80)
    return "a DER integer is not in its shortest form"
  const digits = contents[0] === 0 ? contents.subarray(1) : contents
  if (digits.length > curve.size) return "a DER integer is too long for this curve"
  const value = new Uint8Array(curve.size)
  value.set(digits, curve.size - digits.length)
  return { value, end }
}

function checkRange(signature: Uint8Array, curve: Curve): Uint8Array {
  for (const [name, part] of [
    ["r", signature.subarray(0, curve.size)],
    ["s", signature.subarray(curve.size)],
  ] as const) {
    const value = BigInt(`0x${Buffer.from(part).toString("hex")}`)
    if (value === 0n || value >= curve.order)
      throw new MalformedOcmf(`The signature's ${name} is not from 1 to the order of ${curve.name} less 1.`)
  }
  return signature
}
