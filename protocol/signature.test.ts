import { createPublicKey } from "node:crypto"
import { hashes, sign as nobleSign, verify as nobleVerify, Point } from "@noble/ed25519"
import { sha512 } from "@noble/hashes/sha2.js"
import fc from "fast-check"
import t from "tap"
import { concatBytes, fromHex, toHex } from "./hex.ts"
import { type MeterKey, meterIdOf, meterKey, Scheme } from "./meter.ts"
import { decodeReading } from "./reading.ts"
import { verifyBytes, verifySignature } from "./signature.ts"
import { isStrict, sodiumVerify } from "./sodium.ts"
import { challenge, fromLittleEndian, L, torsionPoints, verifyByTheBook } from "./vectors/edwards.ts"
import { meters } from "./vectors/keys.ts"
import { loadVectors } from "./vectors/load.ts"
import type { ReadingVectors } from "./vectors/readings.ts"
import { flip, type SignatureVectors } from "./vectors/signatures.ts"

hashes.sha512 = sha512

const { cases } = loadVectors<SignatureVectors>("signatures")
const asked = cases.filter(({ keyRefused }) => !keyRefused)

t.test("each signature of the vectors gets its verdict", async (t) => {
  for (const { name, scheme, publicKey, message, signature, valid } of asked)
    t.equal(
      verifyBytes(meterKey(scheme, fromHex(publicKey)), fromHex(message), fromHex(signature)),
      valid,
      name,
    )
})

t.test("RFC 8032's own vectors are those of the RFC", async (t) => {
  const known = {
    "RFC 8032, 7.1, test 1":
      "0xe5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    "RFC 8032, 7.1, test 2":
      "0x92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    "RFC 8032, 7.1, test 3":
      "0x6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    "RFC 8032, 7.1, test SHA(abc)":
      "0xdc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
  }
  for (const [name, signature] of Object.entries(known))
    t.equal(cases.find((c) => c.name === name)?.signature, signature, name)
})

t.test("RFC 6979's vector has a high s, and is not taken as it stands", async (t) => {
  const sample = cases.find(({ name }) => name.startsWith("RFC 6979") && name.includes("high"))!
  t.equal(
    sample.signature,
    "0xefd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
  )
  t.notOk(sample.valid)
})

const ed25519Cases = asked.filter(({ scheme }) => scheme === Scheme.ed25519)
const bytesOf = ({ publicKey, message, signature }: (typeof cases)[number]) =>
  [fromHex(publicKey), fromHex(message), fromHex(signature)] as const

t.test(
  "OpenSSL and the rule written with noble's points come to the same verdict on every case",
  async (t) => {
    for (const c of ed25519Cases) t.equal(verifyByTheBook(...bytesOf(c)), c.valid, c.name)
  },
)

const absent = sodiumVerify ? false : "sodium-native is not installed here"

t.test("what libsodium takes is valid, and what it wrongly refuses is known", { skip: absent }, async (t) => {
  const refused: string[] = []
  for (const c of ed25519Cases) {
    const [publicKey, message, signature] = bytesOf(c)
    const taken = signature.length === 64 && sodiumVerify!(signature, message, publicKey)
    if (taken) t.ok(c.valid, c.name)
    else if (c.valid) refused.push(c.name)
  }
  t.same(refused, [
    "Ed25519, R is the identity",
    "Ed25519, A with a part of order 8, R of order 8, cancelling",
  ])
})

t.test("points with parts of small order, drawn at random, get the book's verdict from all", async (t) => {
  const scalar = fc.bigInt({ min: 1n, max: L - 1n })
  const torsion = fc.constantFrom(...torsionPoints)
  let [valid, invalid] = [0, 0]
  fc.assert(
    fc.property(
      scalar,
      scalar,
      torsion,
      torsion,
      fc.boolean(),
      fc.uint8Array({ maxLength: 40 }),
      (a, r, Ta, Tr, tiny, message) => {
        const A = Point.BASE.multiply(a, false).add(Ta).toBytes()
        const R = (tiny ? Point.ZERO : Point.BASE.multiply(r, false)).add(Tr).toBytes()
        const S = ((tiny ? 0n : r) + challenge(R, A, message) * a) % L
        const signature = concatBytes(R, fromLittleEndian(S))
        const verdict = verifyByTheBook(A, message, signature)
        if (verdict) valid++
        else invalid++
        return (
          verifyBytes(meterKey(Scheme.ed25519, A), message, signature) === verdict &&
          (verdict || !sodiumVerify?.(signature, message, A))
        )
      },
    ),
    { numRuns: 100 },
  )
  t.ok(valid > 0 && invalid > 0)
})

t.test("a library that verifies with the cofactor is found out and not asked", async (t) => {
  t.notOk(isStrict((signature, message, key) => nobleVerify(signature, message, key)))
  t.ok(isStrict((signature, message, key) => verifyByTheBook(key, message, signature)))
})

t.test("noble's verify differs in the cofactor alone: what only it takes is marked", async (t) => {
  for (const c of ed25519Cases) {
    const [publicKey, message, signature] = bytesOf(c)
    const noble = signature.length === 64 && nobleVerify(signature, message, publicKey, { zip215: false })
    t.equal(noble, c.valid || c.cofactored === true, c.name)
  }
  t.equal(ed25519Cases.filter(({ cofactored }) => cofactored).length, 5)
})

t.test(
  "keys of small order, with which one signature would fit every message, never reach a verifier",
  async (t) => {
    const refused = cases.filter(({ keyRefused }) => keyRefused)
    t.equal(new Set(refused.map(({ signature }) => signature)).size, 1, "one signature")
    t.equal(new Set(refused.map(({ message }) => message)).size, 2, "two messages")
    for (const { scheme, publicKey, message, signature } of refused) {
      t.throws(() => meterKey(scheme, fromHex(publicKey)), /small order/)
      t.ok(nobleVerify(fromHex(signature), fromHex(message), fromHex(publicKey)), "noble by default takes it")
      t.ok(
        verifyBytes(unchecked(fromHex(publicKey)), fromHex(message), fromHex(signature)),
        "so does OpenSSL",
      )
    }
  },
)

/** A key that nobody checked, to show what the check is for. */
function unchecked(publicKey: Uint8Array): MeterKey {
  const der = Buffer.from(concatBytes(fromHex("302a300506032b6570032100"), publicKey))
  const keyObject = createPublicKey({ key: der, format: "der", type: "spki" })
  const scheme = Scheme.ed25519
  return { scheme, publicKey, meterId: meterIdOf(scheme, publicKey), kid: new Uint8Array(8), keyObject }
}

t.test(
  "what is signed verifies, and with any bit changed it does not, in OpenSSL and in noble alike",
  async () => {
    const { key, sign, secret } = meters.roof
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.nat(),
        fc.boolean(),
        (message, n, inMessage) => {
          const signature = sign(message)
          if (toHex(signature) !== toHex(nobleSign(message, fromHex(secret)))) return false
          const [text, changed] = inMessage
            ? [flip(message, n % (8 * message.length)), signature]
            : [message, flip(signature, n % 512)]
          return (
            verifyBytes(key, message, signature) &&
            nobleVerify(signature, message, key.publicKey, { zip215: false }) &&
            !verifyBytes(key, text, changed) &&
            !nobleVerify(changed, text, key.publicKey, { zip215: false })
          )
        },
      ),
      { numRuns: 40 },
    )
  },
)

t.test("an ES256 signature verifies, and with any bit changed it does not", async () => {
  const { key, sign } = meters.hardware
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(511), (message, bit) => {
      const signature = sign(message)
      return verifyBytes(key, message, signature) && !verifyBytes(key, message, flip(signature, bit))
    }),
    { numRuns: 100 },
  )
})

t.test("a reading verifies with its own meter's key and with no other", async (t) => {
  const { valid, unverified } = loadVectors<ReadingVectors>("readings")
  const keys = Object.values(meters).map(({ key }) => key)
  for (const { name, meter, bytes } of valid) {
    const signed = decodeReading(fromHex(bytes))
    const fits = keys.filter((key) => verifySignature(key, signed)).map(({ meterId }) => meterId)
    t.same(fits, [Object.values(meters).find((m) => m.name === meter)!.key.meterId], name)
  }
  for (const { name, scheme, publicKey, bytes } of unverified)
    t.notOk(verifySignature(meterKey(scheme, fromHex(publicKey)), decodeReading(fromHex(bytes))), name)
})
