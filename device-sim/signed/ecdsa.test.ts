import { p256 } from "@noble/curves/nist.js"
import fc from "fast-check"
import t from "tap"
import { fromHex, toHex } from "../../protocol/hex.ts"
import { meterIdOf, Scheme } from "../../protocol/meter.ts"
import { createEcdsaKey, signWith } from "./ecdsa.ts"

t.test("signatures are those of RFC 6979, A.2.5", async (t) => {
  const secret = BigInt("0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")
  for (const [message, r, s] of [
    [
      "sample",
      "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
      "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
    ],
    [
      "test",
      "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
      "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
    ],
  ] as const) {
    const { r: ours, s: other } = p256.Signature.fromBytes(signWith(secret, Buffer.from(message)), "der")
    t.equal(ours.toString(16).padStart(64, "0"), r)
    t.equal(other.toString(16).padStart(64, "0"), s)
  }
})

t.test("any message signed by any key is signed as noble signs it, and a stranger's is not", async () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array({ maxLength: 300 }),
      (secret, message) => {
        fc.pre(secret.some((byte) => byte > 0) && secret[0] !== 0xff)
        const key = createEcdsaKey(secret, "ocmf", false)
        const signed = p256.sign(message, secret, { format: "der", lowS: false })
        return (
          Buffer.compare(key.sign(message), signed) === 0 &&
          Buffer.compare(key.signWrongly(message), signed) !== 0
        )
      },
    ),
    { numRuns: 20 },
  )
})

t.test("a meter's name says what it signs and where it stands", async (t) => {
  const secret = fromHex("1f".repeat(32))
  const point = p256.getPublicKey(secret, false).slice(1)
  for (const [format, generation, scheme] of [
    ["bsm", false, Scheme.bsm],
    ["bsm", true, Scheme["bsm-generation"]],
    ["ocmf", false, Scheme["ocmf-secp256r1"]],
    ["ocmf", true, Scheme["ocmf-secp256r1-generation"]],
  ] as const)
    t.equal(createEcdsaKey(secret, format, generation).meterId, meterIdOf(scheme, point))
})

t.test("bytes that are no private key are refused in words", async (t) => {
  for (const bytes of [new Uint8Array(32), new Uint8Array(32).fill(0xff)])
    t.throws(() => createEcdsaKey(bytes, "bsm", false), { name: "PersonError" }, toHex(bytes))
})
