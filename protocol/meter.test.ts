import { Point } from "@noble/ed25519"
import t from "tap"
import { keccak256 } from "viem"
import { concatBytes, fromHex, toHex } from "./hex.ts"
import { meterIdOf, meterKey, Scheme, smallOrderEncodings } from "./meter.ts"
import { torsionEncodings, torsionPoints } from "./vectors/edwards.ts"
import { ed25519Meter, es256Meter } from "./vectors/fixed-keys.ts"
import type { KeyVectors } from "./vectors/keys.ts"
import { loadVectors } from "./vectors/load.ts"

const { valid, refused } = loadVectors<KeyVectors>("keys")

const words: Record<KeyVectors["refused"][number]["reason"], RegExp> = {
  length: /has (32|64|96) bytes, this one has \d+/,
  "no-scheme": /There is no signature scheme/,
  "small-order": /small order/,
  "not-canonical": /not canonically encoded|not a point on its curve/,
  "not-on-curve": /not a point on its curve/,
}

t.test("each valid key of the vectors is taken, with its meterId and kid", async (t) => {
  for (const { name, scheme, publicKey, meterId, kid, secret } of valid) {
    const key = meterKey(scheme, fromHex(publicKey))
    t.equal(key.meterId, meterId, name)
    t.equal(toHex(key.kid), kid, name)
    t.equal(meterId.slice(0, 18), kid, "kid is the start of meterId")
    t.equal(
      keccak256(concatBytes(Uint8Array.of(scheme), fromHex(publicKey))),
      meterId,
      "viem has the same meterId",
    )
    if (secret === undefined) continue
    const made =
      scheme === Scheme.ed25519 ? ed25519Meter(name, fromHex(secret)) : es256Meter(name, fromHex(secret))
    t.equal(toHex(made.key.publicKey), publicKey, `${name}: the public key is the secret's`)
  }
})

t.test("each refused key of the vectors is refused for its reason", async (t) => {
  for (const { name, scheme, publicKey, reason } of refused)
    t.throws(() => meterKey(scheme, fromHex(publicKey)), { message: words[reason] }, name)
})

t.test("the list of small-order keys is what the curve says", async (t) => {
  t.equal(new Set(torsionPoints.map((point) => point.toHex())).size, 8)
  for (const point of torsionPoints) t.ok(point.isSmallOrder())
  const unsigned = torsionEncodings().map(({ bytes }) => toHex(bytes.with(31, bytes[31]! & 0x7f)).slice(2))
  t.same([...new Set(unsigned)].sort(), [...smallOrderEncodings].sort())
  t.equal(torsionEncodings().length, 14, "with and without the sign bit")
})

t.test("an Ed25519 key that is no point of the curve is refused, which OpenSSL alone does not", async (t) => {
  let [on, off] = [0, 0]
  for (let y = 2; y < 100; y++) {
    const encoded = new Uint8Array(32)
    encoded[0] = y
    let point = true
    try {
      Point.fromBytes(encoded)
    } catch {
      point = false
    }
    if (point) {
      on++
      t.equal(meterKey(Scheme.ed25519, encoded).scheme, Scheme.ed25519)
    } else {
      off++
      t.throws(() => meterKey(Scheme.ed25519, encoded), words["not-on-curve"])
    }
  }
  t.ok(on > 30 && off > 30, "about half are on the curve")
})

t.test("a key cannot be changed from outside, and its id depends on its scheme", async (t) => {
  const bytes = fromHex(valid[0]!.publicKey)
  const key = meterKey(Scheme.ed25519, bytes)
  bytes[0]! ^= 1
  t.equal(toHex(key.publicKey), valid[0]!.publicKey)
  t.ok(Object.isFrozen(key))
  t.not(meterIdOf(Scheme.ed25519, key.publicKey), meterIdOf(Scheme.es256, key.publicKey))
})
