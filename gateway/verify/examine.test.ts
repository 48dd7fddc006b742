import { createECDH, createPrivateKey, sign } from "node:crypto"
import t from "tap"
import { judge, type MeterState, newMeterState } from "../../energy/judge.ts"
import { type Hex, toHex } from "../../protocol/hex.ts"
import { meterKey, Scheme } from "../../protocol/meter.ts"
import { keysSince, type LaterKey } from "../../protocol/meter-keys.ts"
import { Clock, encodeReading, maxReadingBytes } from "../../protocol/reading.ts"
import type { Meter } from "../config.ts"
import { rules, start, testMeter } from "../intake.test.support.ts"
import { type Authentic, examine, type IncomingMessage, type Known, type RefusalReason } from "./examine.ts"

/** What a journal would know, in memory. */
function memory(meters: readonly Meter[], laterKeys: readonly LaterKey[] = []) {
  const states = new Map<Meter, MeterState>()
  const readings = new Map<string, Uint8Array>()
  const known: Known = {
    meterByKid: (kid) => meters.find((meter) => known.keysOf(meter).some((key) => toHex(key.kid) === kid)),
    keysOf: (meter) => keysSince(meter.key, meter === meters[0] ? laterKeys : []),
    meterById: (meterId) => meters.find((meter) => meter.key.meterId === meterId),
    stateOf: (meter) => states.get(meter) ?? newMeterState,
    earlier: (meter, { keyIndex, sequence }) => readings.get(`${meter.name} ${keyIndex} ${sequence}`),
    mayBeForgotten: () => false,
  }
  return (message: Omit<IncomingMessage, "source">, received = start + 3600) => {
    const outcome = examine({ source: "test", ...message }, received, known, rules)
    if (outcome.kind === "authentic") {
      states.set(outcome.meter, outcome.state)
      const { meter, keyIndex, signed } = outcome
      readings.set(`${meter.name} ${keyIndex} ${signed.reading.sequence}`, signed.bytes)
    }
    return outcome
  }
}

const roof = testMeter("roof")
const other = testMeter("other roof")
const stranger = testMeter("stranger")

/** The same reading with another signature in it. */
function resigned(bytes: Uint8Array, signature: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(bytes)
  changed.set(signature, bytes.length - 64)
  return changed
}

t.test("an authentic reading comes with its meter, a verdict, and what the rules remember", async (t) => {
  const take = memory([roof])
  const bytes = roof.says(7)
  const outcome = take({ bytes, claimedMeter: roof.key.meterId }) as Authentic
  t.equal(outcome.kind, "authentic")
  t.equal(outcome.meter, roof)
  t.same(outcome.signed.bytes, bytes)
  const judged = judge(newMeterState, outcome.signed.reading, start + 3600, roof, rules)
  t.same({ verdict: outcome.verdict, state: outcome.state }, judged)
  t.match(take({ bytes: roof.says(8, { generatedWh: 0n }) }), {
    kind: "authentic",
    verdict: { accepted: false, reason: "register-fell" },
  })
})

t.test(
  "each reason to refuse a message is given where it applies, and nothing else is looked at before",
  async (t) => {
    const before = roof.says(1)
    const cases: [RefusalReason, RegExp, Omit<IncomingMessage, "source">, Hex | undefined][] = [
      [
        "oversized",
        /257 bytes, a reading has at most 256/,
        { bytes: new Uint8Array(maxReadingBytes + 1) },
        undefined,
      ],
      ["malformed", /Not a tagged COSE_Sign1/, { bytes: new Uint8Array(0) }, undefined],
      ["malformed", /Not a tagged COSE_Sign1/, { bytes: Buffer.from("hello") }, undefined],
      [
        "malformed",
        /signature must be a byte string of 64 bytes/,
        { bytes: roof.says(2).subarray(0, 80), claimedMeter: roof.key.meterId },
        roof.key.meterId,
      ],
      ["unknown-meter", /no meter of this site has the key id 0x/, { bytes: stranger.says(2) }, undefined],
      [
        "wrong-topic",
        /a reading of roof came on another meter's topic/,
        { bytes: roof.says(2), claimedMeter: other.key.meterId },
        roof.key.meterId,
      ],
      [
        "bad-signature",
        /not signed by the key of roof/,
        { bytes: resigned(roof.says(2), other.says(2).subarray(-64)) },
        roof.key.meterId,
      ],
      [
        "bad-signature",
        /not signed by the key of roof/,
        { bytes: resigned(roof.says(2), new Uint8Array(64)) },
        roof.key.meterId,
      ],
      ["replayed", /sequence 1 of roof was here before/, { bytes: before }, roof.key.meterId],
      [
        "equivocation",
        /roof signed two different readings with sequence 1/,
        { bytes: roof.says(1, { generatedWh: 51n }) },
        roof.key.meterId,
      ],
    ]
    for (const [reason, detail, message, meterId] of cases) {
      const take = memory([roof, other])
      take({ bytes: before })
      t.match(take(message), { kind: "refused", reason, detail, meterId }, `${reason}: ${detail}`)
    }
    const named: Record<Exclude<RefusalReason, "key-not-in-force">, true> = {
      oversized: true,
      malformed: true,
      "unknown-meter": true,
      "wrong-topic": true,
      "bad-signature": true,
      replayed: true,
      equivocation: true,
    }
    t.same(new Set(cases.map(([reason]) => reason)), new Set(Object.keys(named)), "each has a case")
  },
)

t.test("a meter is known by each of its keys, and each has sequence numbers of its own", async (t) => {
  const next = testMeter("roof's next key")
  const laterKeys = [{ scheme: next.key.scheme, publicKey: toHex(next.key.publicKey), from: start + 600 }]
  const take = memory([roof, other], laterKeys)
  const verdict = (bytes: Uint8Array, claimedMeter = roof.key.meterId) => {
    const outcome = take({ bytes, claimedMeter })
    if (outcome.kind === "refused") return outcome.reason
    if (outcome.kind === "known") return outcome.kind
    return outcome.verdict.accepted ? outcome.meter.name : outcome.verdict.reason
  }
  t.equal(verdict(roof.says(9)), "roof")
  t.equal(verdict(next.says(10, { time: start + 599 })), "key-not-in-force", "before its time")
  t.equal(verdict(roof.says(11, { time: start + 600 })), "key-not-in-force", "after its time")
  t.equal(verdict(next.says(11, { time: start + 601 }), other.key.meterId), "wrong-topic")
  t.equal(verdict(next.says(11, { time: start + 602, generatedWh: 500n })), "roof")
  t.equal(verdict(next.says(11, { time: start + 602, generatedWh: 501n })), "equivocation", "its own twin")
  t.equal(verdict(roof.says(10, { time: start + 598 })), "key-not-in-force", "the next one was used")
  t.equal(verdict(next.says(12, { time: start + 660, generatedWh: 550n })), "roof")
  t.equal(verdict(roof.says(9, { generatedWh: 451n })), "equivocation", "an old key's twin is still a proof")
})

t.test("a next key may number its readings anew", async (t) => {
  const next = testMeter("roof's next key")
  const take = memory(
    [roof],
    [{ scheme: next.key.scheme, publicKey: toHex(next.key.publicKey), from: start + 600 }],
  )
  take({ bytes: roof.says(9) })
  const bytes = next.says(0, { time: start + 600, generatedWh: 500n })
  t.match(take({ bytes }), { kind: "authentic", keyIndex: 1, verdict: { accepted: true } })
})

t.test("every changed byte of a reading is noticed", async (t) => {
  const bytes = roof.says(3)
  const seen = new Set<string>()
  for (let i = 0; i < bytes.length; i++)
    for (const bit of [0x01, 0x80]) {
      const changed = Uint8Array.from(bytes)
      changed[i]! ^= bit
      const outcome = memory([roof])({ bytes: changed })
      if (outcome.kind !== "refused") t.fail(`byte ${i} may be changed by ${bit}`)
      else seen.add(outcome.reason)
    }
  t.same([...seen].sort(), ["bad-signature", "malformed", "unknown-meter"])
})

t.test(
  "what a transport sends again because it missed our answer is known; anyone else's copy is a replay",
  async (t) => {
    const take = memory([roof])
    const bytes = roof.says(1)
    take({ bytes })
    t.match(take({ bytes, redelivered: true }), { kind: "known" })
    t.match(take({ bytes, redelivered: false }), { kind: "refused", reason: "replayed" })
    t.match(
      take({ bytes: roof.says(2), redelivered: true }),
      { kind: "authentic" },
      "a redelivery may be the first to arrive",
    )
    t.match(
      take({ bytes: roof.says(1, { generatedWh: 51n }), redelivered: true }),
      { kind: "refused", reason: "equivocation" },
      "and is no excuse for a second story",
    )
  },
)

t.test("only its own key makes a meter an equivocator", async (t) => {
  const take = memory([roof])
  take({ bytes: roof.says(1) })
  const forged = resigned(roof.says(1, { generatedWh: 51n }), other.says(1).subarray(-64))
  t.match(take({ bytes: forged }), { kind: "refused", reason: "bad-signature" })
})

t.test("two signatures under one reading are one reading", async (t) => {
  // ECDSA draws a random number: the same statement signed twice has other bytes, and is no second statement.
  const ecdh = createECDH("prime256v1")
  ecdh.generateKeys()
  const jwk = {
    kty: "EC",
    crv: "P-256",
    d: ecdh.getPrivateKey().toString("base64url"),
    x: ecdh.getPublicKey().subarray(1, 33).toString("base64url"),
    y: ecdh.getPublicKey().subarray(33).toString("base64url"),
  }
  const privateKey = createPrivateKey({ key: jwk, format: "jwk" })
  const key = meterKey(Scheme.es256, Uint8Array.from(ecdh.getPublicKey().subarray(1)))
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const lowS = (message: Uint8Array) => {
    const signature = sign("sha256", message, { key: privateKey, dsaEncoding: "ieee-p1363" })
    const s = BigInt(`0x${signature.subarray(32).toString("hex")}`)
    const low = s > order / 2n ? order - s : s
    return Uint8Array.from([
      ...signature.subarray(0, 32),
      ...Buffer.from(low.toString(16).padStart(64, "0"), "hex"),
    ])
  }
  const says = (generatedWh: bigint) =>
    encodeReading(
      { sequence: 1, time: start + 60, clock: Clock.synchronised, clockSets: 0, boots: 0, generatedWh },
      Scheme.es256,
      key.kid,
      lowS,
    )
  const take = memory([{ ...roof, key }])
  const [one, two] = [says(5n), says(5n)]
  t.notSame(one, two)
  t.match(take({ bytes: one }), { kind: "authentic", verdict: { accepted: true } })
  t.match(take({ bytes: two }), { kind: "refused", reason: "replayed" })
  t.match(take({ bytes: says(6n) }), { kind: "refused", reason: "equivocation" })
})

t.test("a reading of one meter with another's key id is not authentic", async (t) => {
  const bytes = encodeReading(
    { sequence: 1, time: start + 60, clock: Clock.synchronised, clockSets: 0, boots: 0, generatedWh: 5n },
    Scheme.ed25519,
    roof.key.kid,
    () => other.says(1).subarray(-64),
  )
  t.match(memory([roof, other])({ bytes }), { kind: "refused", reason: "bad-signature" })
})
