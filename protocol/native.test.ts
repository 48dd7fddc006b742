import t from "tap"
import { fromHex, toHex } from "./hex.ts"
import { meterKey } from "./meter.ts"
import { readingDigest } from "./reading.ts"
import { verifySignature } from "./signature.ts"
import { readSigned } from "./signed-reading.ts"
import { loadVectors } from "./vectors/load.ts"
import type { NativeVectors } from "./vectors/native.ts"

const { valid, malformed, unverified } = loadVectors<NativeVectors>("native")

t.test("each valid record is read as stated and verified with its key", async (t) => {
  for (const { name, scheme, publicKey, meterId, bytes, message, fields, inDoubt, digest } of valid) {
    const key = meterKey(scheme, fromHex(publicKey))
    t.equal(key.meterId, meterId, name)
    const signed = readSigned(scheme, fromHex(bytes))
    const { doubts, ...reading } = signed.reading
    const shown = Object.entries(reading).map(([field, value]) => [
      field,
      typeof value === "bigint" ? `${value}` : value,
    ])
    t.same(Object.fromEntries(shown), fields, name)
    t.equal(doubts !== undefined, inDoubt, name)
    t.equal(toHex(signed.message), message, name)
    t.equal(readingDigest(fromHex(bytes)), digest, name)
    t.ok(verifySignature(key, signed), name)
  }
})

t.test("each malformed record is refused", async (t) => {
  for (const { name, scheme, bytes } of malformed)
    t.throws(() => readSigned(scheme, fromHex(bytes)), { name: "MalformedReading" }, name)
})

t.test("no record verifies with a key that did not sign it", async (t) => {
  for (const { name, scheme, publicKey, bytes } of unverified)
    t.notOk(verifySignature(meterKey(scheme, fromHex(publicKey)), readSigned(scheme, fromHex(bytes))), name)
})
