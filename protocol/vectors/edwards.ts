import { createHash } from "node:crypto"
import { Point } from "@noble/ed25519"
import { concatBytes, fromHex } from "../hex.ts"

/** The order of Ed25519's base point (RFC 8032, 5.1). */
export const L = 2n ** 252n + 27742317777372353535851937790883648493n
/** The field of Curve25519. */
export const p = 2n ** 255n - 19n

/** The eight points whose order divides 8: the multiples of one of order 8. */
export const torsionPoints: readonly Point[] = (() => {
  const generator = generatorOfOrder8()
  const points = [Point.ZERO]
  for (let i = 1; i < 8; i++) points.push(points[i - 1]!.add(generator))
  return points
})()

/**
 * A point of order 8: L times any point of the curve is one of the eight, here the first that has order 8.
 * Noble multiplies by numbers below L, hence L - 1 and one addition.
 */
function generatorOfOrder8(): Point {
  for (let y = 2; ; y++) {
    const encoded = fromLittleEndian(BigInt(y))
    try {
      const point = Point.fromBytes(encoded)
      const torsion = point.multiply(L - 1n, false).add(point)
      if (!torsion.double().double().is0()) return torsion
    } catch {
      // Not a point of the curve: the next one.
    }
  }
}

/**
 * Every encoding of the eight points: the canonical ones, those with a sign bit that x = 0 does not have, and those
 * with y + p where that fits into 255 bits.
 */
export function torsionEncodings(): { bytes: Uint8Array; order: number; canonical: boolean }[] {
  const found = new Map<string, { bytes: Uint8Array; order: number; canonical: boolean }>()
  for (const point of torsionPoints) {
    const canonical = point.toBytes()
    const y = point.toAffine().y
    for (const shifted of [y, y + p])
      for (const sign of [0n, 1n]) {
        if (shifted >= 2n ** 255n) continue
        const bytes = fromLittleEndian(shifted + sign * 2n ** 255n)
        const key = Buffer.from(bytes).toString("hex")
        const same = Buffer.compare(bytes, canonical) === 0
        const earlier = found.get(key)
        if (!earlier || same) found.set(key, { bytes, order: orderOf(point), canonical: same })
      }
  }
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, encoding]) => encoding)
}

function orderOf(point: Point): number {
  let [order, at] = [1, point]
  while (!at.is0()) [order, at] = [2 * order, at.double()]
  return order
}

/**
 * h of RFC 8032, 5.1.7: SHA-512(R ‖ A ‖ M), reduced modulo L. For a key with a small-order part the reduction
 * matters, and OpenSSL does it.
 */
export function challenge(R: Uint8Array, A: Uint8Array, message: Uint8Array): bigint {
  const hash = createHash("sha512")
    .update(concatBytes(R, A, message))
    .digest()
  return littleEndian(hash) % L
}

/**
 * The rule of SPEC.md, 3.3, written with noble's points and nothing of OpenSSL: S below L, and the encoding of
 * S·B - h·A is R, byte by byte. That is RFC 8032's equation without the cofactor.
 */
export function verifyByTheBook(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false
  const R = signature.subarray(0, 32)
  const S = littleEndian(signature.subarray(32))
  if (S >= L) return false
  let A: Point
  try {
    A = Point.fromBytes(publicKey)
  } catch {
    return false
  }
  const hA = A.multiply(challenge(R, publicKey, message), false)
  return Buffer.compare(Point.BASE.multiply(S, false).subtract(hA).toBytes(), R) === 0
}

export function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`)
}

export function fromLittleEndian(value: bigint): Uint8Array {
  return fromHex(value.toString(16).padStart(64, "0"), 32).reverse()
}
