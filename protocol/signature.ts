import { verify } from "node:crypto"
import { equalBytes } from "./hex.ts"
import { Scheme, type VerifyingKey } from "./meter.ts"
import { verifyEcdsa } from "./ocmf/ecdsa.ts"
import type { SignedReading } from "./reading.ts"
import { sodiumVerify } from "./sodium.ts"

/** Half of the order of P-256, rounded down: FIPS 186-5 with the low-s rule of SPEC.md, 3.3. */
const p256HalfOrder = 0x7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8n

/**
 * Whether the reading was signed by this key. Strict: RFC 8032 without cofactor for Ed25519, low s for ES256.
 * Small-order keys are refused earlier, by `meterKey`; signatures of makers' formats are checked in form by their
 * parsers (`readSignature`), and may have a high s, because meters write both.
 */
export function verifySignature(key: VerifyingKey, signed: SignedReading): boolean {
  if (signed.scheme !== key.scheme || (signed.kid && !equalBytes(signed.kid, key.kid))) return false
  return verifyBytes(key, signed.message, signed.signature)
}

/** The same for any message. */
export function verifyBytes(key: VerifyingKey, message: Uint8Array, signature: Uint8Array): boolean {
  if (key.scheme !== Scheme.ed25519 && key.scheme !== Scheme.es256)
    return verifyEcdsa(key, message, signature)
  if (signature.length !== 64) return false
  if (key.scheme === Scheme.ed25519) return verifyEd25519(key, message, signature)
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString("hex")}`)
  if (s > p256HalfOrder) return false
  return verify("sha256", message, { key: key.keyObject, dsaEncoding: "ieee-p1363" }, signature)
}

/** libsodium's yes is enough, being the faster; its no is not, because it refuses R of small order. */
function verifyEd25519(key: VerifyingKey, message: Uint8Array, signature: Uint8Array): boolean {
  return sodiumVerify?.(signature, message, key.publicKey) || verify(null, message, key.keyObject, signature)
}
