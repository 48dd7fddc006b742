import t from "tap"
import type { Restart } from "../energy/restart.ts"
import { rules, start, testMeter } from "../gateway/intake.test.support.ts"
import { cborBlock } from "../protocol/block.ts"
import type { OpenedEvidence } from "../protocol/evidence.ts"
import type { Hex } from "../protocol/hex.ts"
import { toHex } from "../protocol/hex.ts"
import type { LaterKey } from "../protocol/meter-keys.ts"
import { decodeReading, readingDigest } from "../protocol/reading.ts"
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

t.test("each reading is judged by the meter's key of its time, as the registry has it", async (t) => {
  const next = testMeter("roof's next key")
  const changeAt = start + 5 * quarter
  const readings = Array.from({ length: 8 }, (_, i) => {
    const time = start + quarter * (i + 1)
    return (time < changeAt ? roof : next).says(i, { time, generatedWh: BigInt(500 * (i + 1)) })
  })
  const key = { scheme: next.key.scheme, publicKey: toHex(next.key.publicKey) }
  const audited = (laterKeys: LaterKey[], named: readonly LaterKey[], batchTime = start + 8 * quarter) => {
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
      time: batchTime,
      previous: null,
      rules: { version: 2, sharingKey: { name: "proportional", version: 1 }, accounts: null, ...rules },
      meters: [
        {
          meterId,
          scheme,
          publicKey,
          laterKeys: named,
          readings: readings
            .filter((bytes) => decodeReading(bytes).reading.time <= batchTime)
            .map((bytes) => ({ received: decodeReading(bytes).reading.time, bytes })),
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
    const { findings, doubtful, missing } = recompute(evidence, emptySite, new Map([[meterId, registered]]))
    const of = (check: string) => findings.filter((one) => one.check === check).map(({ what }) => what)
    return {
      readings: of("readings"),
      meters: of("meters"),
      doubtful: doubtful.map(({ sequence, reason }) => `${sequence} ${reason}`),
      missing,
    }
  }
  const since = { ...key, from: changeAt }
  const sound = { readings: [], meters: [], doubtful: [], missing: [] }

  t.same(audited([since], [since]), sound)
  t.match(audited([], []).readings, Array(4).fill(/is not signed by the meter$/), "never registered")
  const late = { ...since, from: changeAt - quarter }
  t.same(audited([late], [late]).doubtful, ["3 key-not-in-force"], "the old key after the change")
  const early = { ...since, from: changeAt + 1 }
  t.same(audited([early], [early]).doubtful, ["4 key-not-in-force"], "the new key before the change")

  const other = { ...since, publicKey: `0x${"22".repeat(32)}` as Hex }
  for (const [registered, named, says] of [
    [[], [since], /is said to have had the key .*; the registry has no such key/],
    [[since], [], /is not said to have had the key 0x/],
    [[late], [since], /is said to have had the key .*; the registry has the key .* from 1780275600 on/],
    [[other], [since], /is said to have had the key .*; the registry has the key 0x2222/],
  ] as const)
    t.match(audited([...registered], named).meters, [says])
  t.same(
    audited([since], [], changeAt - quarter),
    sound,
    "a batch that ends before a change need not know of it",
  )
})
