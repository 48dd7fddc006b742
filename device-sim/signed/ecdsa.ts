import { createECDH, createHash, createHmac } from "node:crypto"
import { PersonError } from "../../protocol/error.ts"
import { concatBytes, type Hex, toHex } from "../../protocol/hex.ts"
import { meterIdOf, nativeScheme } from "../../protocol/meter.ts"
import { curves } from "../../protocol/ocmf/curves.ts"
import { strangerTo } from "../signing-key.ts"

/** The secret half of a meter that signs in a format of its maker, with ECDSA over P-256. */
export interface EcdsaKey {
  readonly meterId: Hex
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array
  /** x ‖ y. */
  readonly point: Uint8Array
  /** In DER; one message has one signature. */
  sign(message: Uint8Array): Uint8Array
  /** By a key that nobody knows. */
  signWrongly(message: Uint8Array): Uint8Array
}

const { order, spkiPrefix } = curves.secp256r1

/**
 * The key of a meter.
 *
 * Signatures draw no random number (RFC 6979): a simulator that starts again says the same again, to the byte. Node's
 * own ECDSA cannot do that, so that the nonce and two lines of arithmetic are here and OpenSSL multiplies the point.
 * Not in constant time: these keys are worth nothing.
 * @param secret 32 bytes, the private key as it is.
 * @param generation whether it stands at a generator, which is part of its name.
 * @throws PersonError when it is none.
 */
export function createEcdsaKey(secret: Uint8Array, format: "bsm" | "ocmf", generation: boolean): EcdsaKey {
  const own = scalarOf(secret)
  const stranger = scalarOf(strangerTo(secret))
  const point = multiply(own)
  const meterId = meterIdOf(nativeScheme(format, curves.secp256r1, generation), point)
  return Object.freeze({
    meterId,
    publicKey: concatBytes(spkiPrefix, point),
    point,
    sign: (message: Uint8Array) => signWith(own, message),
    signWrongly: (message: Uint8Array) => signWith(stranger, message),
  })
}

/** @throws PersonError unless it is from 1 to the order less 1 (FIPS 186-5, A.2.1). */
function scalarOf(secret: Uint8Array): bigint {
  const scalar = toNumber(secret)
  if (scalar === 0n || scalar >= order)
    throw new PersonError("A meter's secret is not a private key of P-256.", {
      next: "Give it 32 other bytes, from 1 to the order of the curve less 1.",
    })
  return scalar
}

/** ECDSA with SHA-256 (FIPS 186-5, 6.4.1), as DER. */
export function signWith(d: bigint, message: Uint8Array): Uint8Array {
  const digest = createHash("sha256").update(message).digest()
  for (const k of nonces(d, digest)) {
    const r = toNumber(multiply(k).subarray(0, 32)) % order
    const s = (inverse(k) * (toNumber(digest) + r * d)) % order
    if (r !== 0n && s !== 0n) return der(r, s)
  }
  throw new Error("There is always another nonce.")
}

/** RFC 6979, 3.2, for a curve whose order has as many bits as the hash. */
function* nonces(d: bigint, digest: Uint8Array): Generator<bigint> {
  const mac = (key: Uint8Array, ...parts: Uint8Array[]) =>
    createHmac("sha256", key)
      .update(concatBytes(...parts))
      .digest()
  const seed = concatBytes(toBytes(d), toBytes(toNumber(digest) % order))
  let v: Uint8Array = new Uint8Array(32).fill(1)
  let key: Uint8Array = new Uint8Array(32)
  for (const mark of [0, 1]) {
    key = mac(key, v, Uint8Array.of(mark), seed)
    v = mac(key, v)
  }
  for (;;) {
    v = mac(key, v)
    const k = toNumber(v)
    if (k >= 1n && k < order) yield k
    key = mac(key, v, Uint8Array.of(0))
    v = mac(key, v)
  }
}

/** The scalar times the base point, x ‖ y. */
function multiply(scalar: bigint): Uint8Array {
  const curve = createECDH("prime256v1")
  curve.setPrivateKey(toBytes(scalar))
  return Uint8Array.from(curve.getPublicKey().subarray(1))
}

/** By the extended Euclidean algorithm. */
function inverse(value: bigint): bigint {
  let [a, b, x, y] = [value, order, 1n, 0n]
  while (b !== 0n) {
    const quotient = a / b
    ;[a, b] = [b, a - quotient * b]
    ;[x, y] = [y, x - quotient * y]
  }
  return ((x % order) + order) % order
}

function der(...numbers: [bigint, bigint]): Uint8Array {
  const integers = numbers.map((number) => {
    const digits = number.toString(16)
    const bytes = Buffer.from(digits.length % 2 ? `0${digits}` : digits, "hex")
    const contents = bytes[0]! >= 0x80 ? concatBytes(Uint8Array.of(0), bytes) : bytes
    return concatBytes(Uint8Array.of(0x02, contents.length), contents)
  })
  const contents = concatBytes(...integers)
  return concatBytes(Uint8Array.of(0x30, contents.length), contents)
}

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(toHex(bytes))
}

function toBytes(number: bigint): Uint8Array {
  return Buffer.from(number.toString(16).padStart(64, "0"), "hex")
}
