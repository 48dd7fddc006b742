import t from "tap"
import type { Restart } from "../energy/restart.ts"
import { rules, start, testMeter } from "../gateway/intake.test.support.ts"
import { cborBlock } from "../protocol/block.ts"
import type { OpenedEvidence } from "../protocol/evidence.ts"
import type { Hex } from "../protocol/hex.ts"
import { toHex } from "../protocol/hex.ts"
import { decodeReading, readingDigest } from "../protocol/reading.ts"
import type { LaterKey } from "../protocol/meter-keys.ts"
import type { RegisteredMeter } from "./meter-life.ts"
import { emptySite, recompute, type SiteMemory } from "./recompute.ts"

const roof = testMeter("roof")
const { meterId, scheme, publicKey } = roof.key
const quarter = 900
/** It reaches 4,000 Wh with its eighth reading and is reset; its new counter is believed with the thirteenth. */
const said = Array.from({ length: 24 }, (_, i) =>
  roof.says(i, {
    time: start + quarter * (i + 1),
    generatedWh: i < 8 ? BigInt(500 * (i + 1)) : BigInt(300 * (i - 7)),
  }),
)
const right: Restart = { time: start + 8 * quarter + 450, finalWh: 4000n, firstWh: 0n }
const at = { block: 1n, log: 0, transaction: "0x" as Hex }

/** A batch of some of its readings that claims a register by one of them; what the check of statements finds. */
function batch(
  memory: SiteMemory,
  [first, last]: [number, number],
  restarts: readonly Restart[],
  claim: { reading: number; generatedWh: bigint },
) {
  const registered: RegisteredMeter = {
    meterId,
    site: 1,
    household: roof.household,
    scheme,
    publicKey: toHex(publicKey),
    assurance: roof.assurance,
    ratedW: roof.ratedW,
    startWh: roof.startWh,
    startTime: roof.startTime,
    restarts: restarts.map((restart) => ({ ...restart, at })),
    at,
  }
  const quoted = said[claim.reading]!
  const evidence: OpenedEvidence = {
    cid: cborBlock(last).cid,
    chainId: 1,
    oracle: "0x",
    site: 1,
    number: 1n,
    from: memory.time || start,
    time: start + quarter * (last + 1),
    previous: memory.evidence ?? null,
    rules: { version: 1, sharingKey: { name: "proportional", version: 1 }, ...rules },
    meters: [
      {
        meterId,
        scheme,
        publicKey,
        readings: said
          .slice(first, last + 1)
          .map((bytes) => ({ received: decodeReading(bytes).reading.time, bytes })),
      },
    ],
    generation: [],
    statements: [
      {
        kind: 1,
        meterId,
        generatedWh: claim.generatedWh,
        time: decodeReading(quoted).reading.time,
        reading: readingDigest(quoted),
      },
    ],
    root: "0x",
    households: [],
    sealed: [],
    erased: [],
    commitments: [],
  }
  const result = recompute(evidence, memory, new Map([[meterId, registered]]))
  const wrong = result.findings.filter(({ check }) => check === "statements").map(({ what }) => what)
  return { wrong, memory: result.memory }
}

const waiting = { reading: 7, generatedWh: 4000n }
const through = { reading: 15, generatedWh: 4000n + 2400n }

t.test(
  "a batch behind a reset is right with the restarts that were registered, and with those before it",
  async (t) => {
    t.same(batch(emptySite, [0, 15], [], waiting).wrong, [])
    t.match(batch(emptySite, [0, 15], [], through).wrong, [/claimed .*"6400"/], "nobody has registered it")
    t.same(batch(emptySite, [0, 15], [right], through).wrong, [])
    t.same(batch(emptySite, [0, 15], [right], waiting).wrong, [], "it was made before that was registered")
    t.match(batch(emptySite, [0, 15], [right], { ...through, generatedWh: 6401n }).wrong, [
      /claimed .*"6401"/,
    ])
  },
)

t.test(
  "a restart that is registered later changes no batch before it, and the next one states it all",
  async (t) => {
    const { memory } = batch(emptySite, [0, 15], [], waiting)
    t.same(batch(memory, [16, 23], [right], { reading: 23, generatedWh: 4000n + 4800n }).wrong, [])
    t.same(batch(memory, [16, 23], [right], waiting).wrong, [], "it may stand as it was")
    t.match(batch(memory, [16, 23], [right], through).wrong, [/claimed/], "but quotes no reading in between")
  },
)

t.test("a restart that was put right may not be used without its correction", async (t) => {
  const wrong = { ...right, finalWh: 4500n }
  const correction = { time: right.time + 10, finalWh: 0n, firstWh: 500n }
  const { memory } = batch(emptySite, [0, 15], [wrong, correction], waiting)
  t.match(batch(memory, [16, 23], [wrong, correction], { reading: 23, generatedWh: 4500n + 4800n }).wrong, [
    /claimed .*"9300".* give .*"8800"/,
  ])
  t.same(batch(memory, [16, 23], [wrong, correction], { reading: 23, generatedWh: 8800n }).wrong, [])
})

t.test("readings from a change of the meter's key on are verified with its next key", async (t) => {
  const next = testMeter("roof's next key")
  const changeAt = start + 5 * quarter
  const readings = Array.from({ length: 8 }, (_, i) => {
    const time = start + quarter * (i + 1)
    return (time < changeAt ? roof : next).says(i, { time, generatedWh: BigInt(500 * (i + 1)) })
  })
  const wrong = (laterKeys: LaterKey[]) => {
    const registered: RegisteredMeter = {
      meterId,
      site: 1,
      household: roof.household,
      scheme,
      publicKey: toHex(publicKey),
      assurance: roof.assurance,
      ratedW: roof.ratedW,
      startWh: roof.startWh,
      startTime: roof.startTime,
      restarts: [],
      laterKeys,
      at,
    }
    const evidence: OpenedEvidence = {
      cid: cborBlock(1).cid,
      chainId: 1,
      oracle: "0x",
      site: 1,
      number: 1n,
      from: start,
      time: start + 8 * quarter,
      previous: null,
      rules: { version: 1, sharingKey: { name: "proportional", version: 1 }, ...rules },
      meters: [
        {
          meterId,
          scheme,
          publicKey,
          readings: readings.map((bytes) => ({ received: decodeReading(bytes).reading.time, bytes })),
        },
      ],
      generation: [],
      statements: [],
      root: "0x",
      households: [],
      sealed: [],
      erased: [],
      commitments: [],
    }
    const { findings } = recompute(evidence, emptySite, new Map([[meterId, registered]]))
    return findings.filter(({ check }) => check === "readings").map(({ what }) => what)
  }
  const key = { scheme: next.key.scheme, publicKey: toHex(next.key.publicKey) }
  t.same(wrong([{ ...key, from: changeAt }]), [])
  t.match(wrong([]), Array(4).fill(/is not signed by the meter$/), "a key that was never registered")
  t.match(wrong([{ ...key, from: changeAt - quarter }]), [
    /reading 3 \(sequence 3\) is not signed by the meter with the key that it had then/,
  ])
  t.match(wrong([{ ...key, from: changeAt + 1 }]), [/reading 4 .* is not signed by the meter$/])
})
