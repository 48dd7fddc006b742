import { Point } from "@noble/ed25519"
import { concatBytes, fromHex, type Hex, toHex } from "../hex.ts"
import { meterKey, Scheme } from "../meter.ts"
import { fromLittleEndian, p, torsionEncodings, torsionPoints } from "./edwards.ts"
import { ed25519Meter, es256Meter, number32, toNumber, type VectorMeter } from "./fixed-keys.ts"

export interface KeyVectors {
  about: string[]
  valid: { name: string; scheme: Scheme; secret?: Hex; publicKey: Hex; meterId: Hex; kid: Hex }[]
  refused: {
    name: string
    scheme: Scheme
    publicKey: Hex
    reason: "length" | "small-order" | "not-canonical" | "not-on-curve" | "no-scheme"
  }[]
}

/** The meters that sign the other vectors. */
export const meters = {
  roof: ed25519Meter("roof"),
  grid: ed25519Meter("grid"),
  neighbour: ed25519Meter("neighbour"),
  plain: ed25519Meter("plain meter behind a gateway"),
  hardware: es256Meter("hardware"),
}

/** SEC 2, 2.2.2: G of secp192r1. */
const secp192r1Generator = fromHex(
  "188da80eb03090f67cbf20eb43a18800f4ff0afd82ff101207192b95ffc8da78631011ed6b24cdd573f977a11e794811",
)
const p256Field = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn

export function keyVectors(): KeyVectors {
  const rfc8032 = ed25519Meter(
    "RFC 8032, 7.1, test 1",
    fromHex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"),
  )
  const rfc6979 = es256Meter(
    "RFC 6979, A.2.5",
    fromHex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"),
  )
  return {
    about: [
      "Public keys of meters. SPEC.md, 2. Scheme 1 is Ed25519, 2 is ES256, 3 to 10 and 131 to 138 are formats of meters' makers.",
      "valid: the key is taken; meterId and kid follow from it. secret is there where the key signs other vectors: these keys are for tests alone.",
      "refused: no meter may have this key. The reason is for people; where two apply, either may be given.",
    ],
    valid: [
      ...[...Object.values(meters), rfc8032, rfc6979].map(withSecret),
      alone("Ed25519, the highest y that is on the curve", Scheme.ed25519, highestEd25519()),
      alone(
        "Ed25519, a point of the prime order plus one of order 8",
        Scheme.ed25519,
        mixedOrderKey().toBytes(),
      ),
      alone("ES256, x with leading zeros", Scheme.es256, lowestP256()),
      alone("the same key as a BSM's", Scheme.bsm, lowestP256()),
      alone("the same key as a BSM's at a generator", Scheme["bsm-generation"], lowestP256()),
      alone("OCMF over P-192", Scheme["ocmf-secp192r1"], secp192r1Generator),
    ],
    refused: [
      ...torsionEncodings().map(({ bytes, order, canonical }) => ({
        name: `Ed25519, a point of order ${order}, ${shortOf(bytes)}${canonical ? "" : ", not canonical"}`,
        scheme: Scheme.ed25519,
        publicKey: toHex(bytes),
        reason: "small-order" as const,
      })),
      ...nonCanonicalEd25519(),
      refuse(
        "Ed25519, y = 2 is on no point of the curve",
        Scheme.ed25519,
        fromLittleEndian(2n),
        "not-on-curve",
      ),
      refuse(
        "Ed25519, y = 2 with the sign bit",
        Scheme.ed25519,
        fromLittleEndian(2n + 2n ** 255n),
        "not-on-curve",
      ),
      refuse("Ed25519, no bytes", Scheme.ed25519, new Uint8Array(), "length"),
      refuse("Ed25519, 31 bytes", Scheme.ed25519, meters.roof.key.publicKey.subarray(1), "length"),
      refuse(
        "Ed25519, 33 bytes",
        Scheme.ed25519,
        concatBytes(meters.roof.key.publicKey, new Uint8Array(1)),
        "length",
      ),
      ...refusedP256(),
      refuse("BSM, 63 bytes", Scheme.bsm, meters.hardware.key.publicKey.subarray(1), "length"),
      refuse("OCMF over P-384, 64 bytes", Scheme["ocmf-secp384r1"], meters.hardware.key.publicKey, "length"),
      refuse(
        "OCMF over secp256k1, a point of P-256",
        Scheme["ocmf-secp256k1"],
        meters.hardware.key.publicKey,
        "not-on-curve",
      ),
      ...[0, 11, 130].map((scheme) =>
        refuse(`a scheme ${scheme}`, scheme as Scheme, meters.hardware.key.publicKey, "no-scheme"),
      ),
    ],
  }
}

/** The first and the last byte: no two of the encodings share them. */
const shortOf = (bytes: Uint8Array) => toHex(bytes).replace(/^0x(..).*(..)$/, "$1…$2")

function withSecret({ name, key, secret }: VectorMeter): KeyVectors["valid"][number] {
  return { ...alone(name, key.scheme, key.publicKey), secret }
}

function alone(name: string, scheme: Scheme, publicKey: Uint8Array): KeyVectors["valid"][number] {
  const { meterId, kid } = meterKey(scheme, publicKey)
  return { name, scheme, publicKey: toHex(publicKey), meterId, kid: toHex(kid) }
}

function refuse(
  name: string,
  scheme: Scheme,
  publicKey: Uint8Array,
  reason: KeyVectors["refused"][number]["reason"],
): KeyVectors["refused"][number] {
  return { name, scheme, publicKey: toHex(publicKey), reason }
}

function isOnEd25519(encoded: Uint8Array, zip215 = false): boolean {
  try {
    Point.fromBytes(encoded, zip215)
    return true
  } catch {
    return false
  }
}

function highestEd25519(): Uint8Array {
  for (let y = p - 2n; ; y--) if (isOnEd25519(fromLittleEndian(y))) return fromLittleEndian(y)
}

/** The roof's key with a point of order 8 added: such a key verifies, by the equation without the cofactor. */
export function mixedOrderKey(): Point {
  return Point.fromBytes(meters.roof.key.publicKey).add(torsionPoints[1]!)
}

/** y from p + 2 to 2^255 - 1; those of p and p + 1 are of small order. Points of the curve, written too large. */
function nonCanonicalEd25519(): KeyVectors["refused"] {
  const found: KeyVectors["refused"] = []
  for (let y = p + 2n; y < 2n ** 255n; y++) {
    const encoded = fromLittleEndian(y)
    if (isOnEd25519(encoded, true))
      found.push(
        refuse(`Ed25519, y = p + ${y - p}, a point of the curve`, Scheme.ed25519, encoded, "not-canonical"),
      )
  }
  return found
}

/** The key with the smallest x, of the two the one with the even y. */
function lowestP256(): Uint8Array {
  for (let x = 1n; ; x++) {
    const y = rootP256(x)
    if (y !== undefined) return concatBytes(number32(x), number32(y % 2n === 0n ? y : p256Field - y))
  }
}

/** y of x on P-256; its field is 3 modulo 4, so that a root is a power. */
function rootP256(x: bigint): bigint | undefined {
  const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn
  const square = (x ** 3n - 3n * x + b) % p256Field
  const y = power(square < 0n ? square + p256Field : square, (p256Field + 1n) / 4n)
  return (y * y - square) % p256Field === 0n ? y : undefined
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (let [b, e] = [base, exponent]; e > 0n; e >>= 1n) {
    if (e & 1n) result = (result * b) % p256Field
    b = (b * b) % p256Field
  }
  return result
}

function refusedP256(): KeyVectors["refused"] {
  const { publicKey } = meters.hardware.key
  const x = publicKey.subarray(0, 32)
  const y = toNumber(publicKey.subarray(32))
  const lowest = toNumber(lowestP256().subarray(0, 32))
  const lowestY = lowestP256().subarray(32)
  let off = 1n
  while (rootP256(off) !== undefined) off++
  const es256 = (name: string, bytes: Uint8Array, reason: KeyVectors["refused"][number]["reason"]) =>
    refuse(`ES256, ${name}`, Scheme.es256, bytes, reason)
  return [
    es256("(0, 0)", new Uint8Array(64), "not-on-curve"),
    es256("y one too large", concatBytes(x, number32(y + 1n)), "not-on-curve"),
    es256("x and y exchanged", concatBytes(number32(y), x), "not-on-curve"),
    es256(`x = ${off} is on no point of the curve`, concatBytes(number32(off), number32(1n)), "not-on-curve"),
    es256("x = field + the smallest x", concatBytes(number32(p256Field + lowest), lowestY), "not-canonical"),
    es256("y = field", concatBytes(x, number32(p256Field)), "not-canonical"),
    es256("63 bytes", publicKey.subarray(1), "length"),
    es256("65 bytes, the uncompressed form with 0x04", concatBytes(Uint8Array.of(4), publicKey), "length"),
    es256("33 bytes, the compressed form", concatBytes(Uint8Array.of(y % 2n === 0n ? 2 : 3), x), "length"),
  ]
}
