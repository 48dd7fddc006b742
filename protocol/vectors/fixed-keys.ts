import { createECDH, createHash, createHmac, createPrivateKey, createPublicKey, sign } from "node:crypto"
import { concatBytes, fromHex, type Hex, toHex } from "../hex.ts"
import { type MeterKey, meterKey, Scheme } from "../meter.ts"

/** A meter of the vectors: anybody may know its secret. */
export interface VectorMeter {
  name: string
  key: MeterKey
  secret: Hex
  sign(message: Uint8Array): Uint8Array
}

/** 32 bytes that anyone can make again: SHA-256 of a text. */
export function bytesFor(text: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(`commonwatt vectors: ${text}`).digest())
}

/** @param secret RFC 8032, 5.1.5. */
export function ed25519Meter(name: string, secret = bytesFor(name)): VectorMeter {
  const der = concatBytes(fromHex("302e020100300506032b657004220420"), secret) // RFC 8410, 7
  const privateKey = createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" })
  const { x } = createPublicKey(privateKey).export({ format: "jwk" })
  const key = meterKey(Scheme.ed25519, Uint8Array.from(Buffer.from(x!, "base64url")))
  return {
    name,
    key,
    secret: toHex(secret),
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  }
}

/** @param secret the scalar, 32 bytes big-endian. */
export function es256Meter(name: string, secret = bytesFor(name)): VectorMeter {
  const key = meterKey(Scheme.es256, multiplyP256(toNumber(secret)))
  return { name, key, secret: toHex(secret), sign: (message) => signES256(secret, message, true) }
}

/** The order of P-256 (NIST SP 800-186, 3.2.1.3). */
export const p256Order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/**
 * ECDSA with SHA-256 and the nonce of RFC 6979, so that the vectors come out the same each time. node:crypto draws
 * its nonces at random. For public test keys only: nothing here runs in constant time.
 */
export function signES256(secret: Uint8Array, message: Uint8Array, lowS: boolean): Uint8Array {
  const hash = createHash("sha256").update(message).digest()
  const nonce = nonceRFC6979(secret, hash)
  const r = toNumber(multiplyP256(nonce).subarray(0, 32)) % p256Order
  const s = (inverse(nonce, p256Order) * (toNumber(hash) + r * toNumber(secret))) % p256Order
  return concatBytes(number32(r), number32(lowS && s > p256Order / 2n ? p256Order - s : s))
}

/** RFC 6979, 3.2, for a curve whose order is as long as the hash. */
function nonceRFC6979(secret: Uint8Array, hash: Uint8Array): bigint {
  const hmac = (key: Uint8Array, ...parts: Uint8Array[]) =>
    new Uint8Array(
      createHmac("sha256", key)
        .update(concatBytes(...parts))
        .digest(),
    )
  const reduced = number32(toNumber(hash) % p256Order)
  let v: Uint8Array = new Uint8Array(32).fill(1)
  let k: Uint8Array = new Uint8Array(32)
  for (const step of [0, 1]) {
    k = hmac(k, v, Uint8Array.of(step), secret, reduced)
    v = hmac(k, v)
  }
  for (;;) {
    v = hmac(k, v)
    const nonce = toNumber(v)
    if (nonce > 0n && nonce < p256Order) return nonce
    k = hmac(k, v, Uint8Array.of(0))
    v = hmac(k, v)
  }
}

/** scalar · G as x ‖ y. */
function multiplyP256(scalar: bigint): Uint8Array {
  const ecdh = createECDH("prime256v1")
  ecdh.setPrivateKey(number32(scalar))
  return Uint8Array.from(ecdh.getPublicKey().subarray(1))
}

function inverse(a: bigint, modulus: bigint): bigint {
  let [r0, r1, t0, t1] = [modulus, a % modulus, 0n, 1n]
  while (r1 !== 0n) {
    const q = r0 / r1
    ;[r0, r1, t0, t1] = [r1, r0 - q * r1, t1, t0 - q * t1]
  }
  return ((t0 % modulus) + modulus) % modulus
}

export function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString("hex")}`)
}

export function number32(value: bigint): Uint8Array {
  return fromHex(value.toString(16).padStart(64, "0"), 32)
}
