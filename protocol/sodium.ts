import { createRequire } from "node:module"
import { fromHex } from "./hex.ts"

type Verify = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => boolean

/**
 * A signature whose R has a part of order 8: valid by the equation with the cofactor, not by that of SPEC.md, 3.3.
 * It is "R with a part of order 8" of `vectors/signatures.json`.
 */
const cofactored = {
  publicKey: "0x78a05d38bde7297411f6fb0285551fc1fcedea502823c8a9c465c5a2f5336eaa",
  message: "0xd965f2d28648df5849a1258246e9984a60fc0864c2e1806e1d9713806b9f2237",
  signature:
    "0xc4b519099be4ce8dcda108a44dbd62c1716fdbc97be7ec2e25c43891fb0d8a712b57eb7fb7d7d050bd87dd87c01111432f8b1be68f8f5f387612472496bcb200",
} as const

/** Whether this verifier keeps to the equation without the cofactor; versions of a library have differed in it. */
export function isStrict(verify: Verify): boolean {
  const { publicKey, message, signature } = cofactored
  return !verify(fromHex(signature), fromHex(message), fromHex(publicKey))
}

/**
 * Ed25519 by libsodium, the fastest there is here. What it takes is valid by SPEC.md, 3.3, when the signature has 64
 * bytes and the key is one that `meterKey` takes; it refuses R of small order, which the rule takes. Undefined where
 * sodium-native is not installed (it has no binary for 32-bit ARM) or libsodium is not strict.
 */
export const sodiumVerify: Verify | undefined = load()

function load(): Verify | undefined {
  try {
    const sodium = createRequire(import.meta.url)("sodium-native") as { crypto_sign_verify_detached: Verify }
    const verify = sodium.crypto_sign_verify_detached
    return isStrict(verify) ? verify : undefined
  } catch {
    return undefined
  }
}
