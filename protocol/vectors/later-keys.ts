import * as dagCbor from "@ipld/dag-cbor"
import { type Block, type CID, cborBlock } from "../block.ts"
import { writeCar } from "../car.ts"
import { buildEvidence, type Evidence, type MeterReadings } from "../evidence.ts"
import { fromHex, type Hex, toHex } from "../hex.ts"
import type { Scheme } from "../meter.ts"
import type { LaterKey } from "../meter-keys.ts"
import { Clock, encodeReading, type Reading, readingDigest } from "../reading.ts"
import { newIdentity } from "../seal.ts"
import { leafOf } from "../statement.ts"
import { buildTree, rootOf } from "../tree.ts"
import { withFixedRandomness } from "./evidence.ts"
import { ed25519Meter, es256Meter, type VectorMeter } from "./fixed-keys.ts"
import { meters } from "./keys.ts"
import { oracle } from "./proposals.ts"
import { noon } from "./readings.ts"
import { householdFor } from "./statements.ts"

export interface LaterKeyVectors {
  about: string[]
  identity: { identity: string; recipient: string }
  /** As it is registered; the first of `keys` makes its meterId. */
  meter: { meterId: Hex; ratedW: number; startTime: number; startWh: string }
  keys: { name: string; secret: Hex; scheme: Scheme; publicKey: Hex; from: number }[]
  readings: { name: string; received: number; bytes: Hex; key: number | null; verdict: string | null }[]
  batches: { name: string; root: string; car: string; registered: LaterKey[]; holds: boolean }[]
  damaged: { name: string; root: string; car: string }[]
}

const minutes = (n: number) => noon + 60 * n
const startWh = 48_213_407n
const changes = [minutes(12), minutes(24)] as const
const [first, second, third] = [
  meters.roof,
  es256Meter("roof's second key"),
  ed25519Meter("roof's third key"),
] as const
const laterKeys = [second, third].map(
  ({ key }, i): LaterKey => ({ from: changes[i]!, scheme: key.scheme, publicKey: toHex(key.publicKey) }),
)
const household = householdFor("household A")

/** 50 Wh a minute from noon on. @param at minutes. */
function says({ key, sign }: VectorMeter, sequence: number, at: number, moreWh = 0n): Uint8Array {
  const reading = {
    sequence,
    time: noon + Math.round(60 * at),
    clock: Clock.synchronised,
    clockSets: 1,
    boots: 2,
  }
  const generatedWh = startWh + BigInt(Math.round(50 * at)) + moreWh
  return encodeReading({ ...reading, generatedWh } as Reading, key.scheme, key.kid, sign)
}

type Told = [name: string, key: number | null, verdict: string | null, received: number, bytes: Uint8Array]

/** In the order in which they come; received at minutes. */
const told: Told[] = [
  ["the first key", 0, "counts", 5, says(first, 1, 5)],
  ["the first key, of a time before the change, after the change", 0, "counts", 13, says(first, 2, 10)],
  ["the first key from the change on", 0, "key-not-in-force", 13, says(first, 3, 12)],
  ["the second key before the change", 1, "key-not-in-force", 13, says(second, 1, 11.5)],
  ["the third key, which is not in force yet", 2, "key-not-in-force", 14, says(third, 1, 14)],
  [
    "the first key's kid over the third one's signature",
    null,
    null,
    14,
    says({ ...first, sign: third.sign }, 5, 11),
  ],
  ["the second key, whose numbers begin anew", 1, "counts", 15, says(second, 0, 15)],
  ["the first key again, with the highest number", 0, "key-not-in-force", 16, says(first, 2 ** 53 - 1, 11)],
  ["the second key, another reading with its number", 1, "out-of-order", 16, says(second, 0, 16)],
  ["the second key, its next number", 1, "counts", 20, says(second, 1, 20)],
  ["the third key, whose numbers go on", 2, "counts", 30, says(third, 2, 30)],
]

export async function laterKeyVectors(): Promise<LaterKeyVectors> {
  return withFixedRandomness("later keys", async () => {
    const identity = await newIdentity()
    const build = (evidence: Evidence) => buildEvidence(evidence, () => [identity.recipient])
    const [both, one, none] = [batch(30, laterKeys), batch(15, laterKeys.slice(0, 1)), batch(10, [])]
    const sealed = sealedBatch()
    const [registeredSecond, registeredThird] = laterKeys as [LaterKey, LaterKey]
    const later = { ...registeredSecond, from: registeredSecond.from + 1 }
    const other = {
      ...registeredSecond,
      publicKey: registeredThird.publicKey,
      scheme: registeredThird.scheme,
    }
    const judged: [name: string, evidence: Evidence, registered: LaterKey[], holds: boolean][] = [
      ["three keys, as they are registered", both, laterKeys, true],
      ["without a key that is in force after the batch alone", one, laterKeys, true],
      ["three keys inside a sealed part", sealed, laterKeys, true],
      ["its first key alone, and no other is registered", none, [], true],
      ["a key that is not registered", one, [], false],
      ["a key more than are registered", both, laterKeys.slice(0, 1), false],
      ["a key from another time on", one, [later], false],
      ["another key than the registered one", one, [other], false],
      ["a key left out that was in force in the batch", batch(30, laterKeys.slice(0, 1)), laterKeys, false],
      ["every key left out", batch(30, []), laterKeys, false],
      ["inside a sealed part: a key that is not registered", sealed, laterKeys.slice(0, 1), false],
    ]
    const batches = []
    for (const [name, evidence, registered, holds] of judged) {
      const { root, car } = await written(await build(evidence))
      batches.push({ name, root, car, registered, holds })
    }
    return {
      about: [
        "A meter that got another key, twice. SPEC.md, 2, 8.4 and 9.1. The secrets are for tests alone.",
        "readings: in the order in which they come. key: which of keys signed it, from 0 on; null where none did, and it is not authentic. verdict: counts, or why it does not.",
        "batches: registered is what the registry has of the meter's later keys, as far as it had it when the batch was proposed. holds: whether the batch says the same; where it does not, it is refused.",
        "damaged: not in the form of 8.4.",
      ],
      identity,
      meter: { meterId: first.key.meterId, ratedW: 10_000, startTime: noon, startWh: startWh.toString() },
      keys: [first, second, third].map(({ name, secret, key }, i) => ({
        ...{ name, secret, scheme: key.scheme, publicKey: toHex(key.publicKey) },
        from: [0, ...changes][i]!,
      })),
      readings: told.map(([name, key, verdict, received, bytes]) => ({
        ...{ name, received: minutes(received), bytes: toHex(bytes), key, verdict },
      })),
      batches,
      damaged: await damagedBatches(await build(one)),
    }
  })
}

/** What counts and was received up to a time, as one batch; a claim that is not true is left as it is. @param end minutes. */
function batch(end: number, named: readonly LaterKey[]): Evidence {
  const roof = roofUpTo(end, named)
  const last = roof.readings.at(-1)!
  const statement = {
    ...{
      kind: 1 as const,
      meterId: roof.meterId,
      generatedWh: startWh + BigInt(50 * end),
      time: minutes(end),
    },
    reading: readingDigest(last.bytes),
  }
  const intervals = [0, 15].filter((start) => start < end)
  return {
    ...evidenceOf(Math.ceil(end / 15) * 15, [statement]),
    meters: [roof],
    generation: intervals.map((start) => ({
      meterId: roof.meterId,
      start: minutes(start),
      generatedWh: BigInt(50 * (Math.min(end, start + 15) - start)),
    })),
    households: [],
  }
}

function roofUpTo(end: number, named: readonly LaterKey[]): MeterReadings {
  const { meterId, scheme, publicKey } = first.key
  return {
    ...{ meterId, scheme, publicKey },
    ...(named.length > 0 && { laterKeys: named }),
    readings: told
      .filter(([, , verdict, received]) => verdict === "counts" && (received === 13 ? 10 : received) <= end)
      .map(([, , , received, bytes]) => ({ received: minutes(received), bytes })),
  }
}

/** The meter at a household's connection: its readings are sealed, and it has one register more. */
function sealedBatch(): Evidence {
  const { meterId, scheme, publicKey } = first.key
  const reading = { sequence: 0, clock: Clock.synchronised, clockSets: 1, boots: 2, importedWh: 0n }
  const bytes = (meter: VectorMeter, time: number) =>
    encodeReading(
      { ...reading, time, generatedWh: startWh } as Reading,
      meter.key.scheme,
      meter.key.kid,
      meter.sign,
    )
  const readings = (
    [
      [first, 5],
      [second, 15],
      [third, 30],
    ] as const
  ).map(([meter, at]) => ({
    received: minutes(at),
    bytes: bytes(meter, minutes(at)),
  }))
  const statement = {
    ...{ kind: 1 as const, meterId, generatedWh: startWh, time: minutes(30) },
    reading: readingDigest(readings[2]!.bytes),
  }
  const energy = { generatedWh: 0n, importedWh: 0n, exportedWh: 0n, givenWh: 0n, receivedWh: 0n }
  return {
    ...evidenceOf(30, [statement]),
    meters: [],
    generation: [],
    households: [
      {
        household,
        meters: [{ meterId, scheme, publicKey, laterKeys, readings }],
        records: [
          { start: minutes(0), energy: undefined },
          { start: minutes(15), energy },
        ],
      },
    ],
  }
}

function evidenceOf(end: number, statements: Evidence["statements"]) {
  return {
    ...oracle,
    site: 1,
    number: 1n,
    from: minutes(0),
    time: minutes(end),
    previous: null,
    rules: {
      version: 2 as const,
      intervalSeconds: 900,
      sharingKey: { name: "proportional" as const, version: 1 },
      headroomBasisPoints: 1000,
      clockToleranceSeconds: 120,
      accounts: null,
    },
    statements,
    root: toHex(rootOf(buildTree(statements.map(leafOf)))),
  }
}

type Built = { root: CID; blocks: Block[] }

async function written({ root, blocks }: Built): Promise<{ root: string; car: string }> {
  const chunks: Uint8Array[] = []
  for await (const chunk of writeCar(root, blocks)) chunks.push(chunk)
  return { root: root.toString(), car: Buffer.concat(chunks).toString("base64") }
}

type LaterRow = [from: number, scheme: number, key: Uint8Array]

async function damagedBatches(open: Built): Promise<LaterKeyVectors["damaged"]> {
  const found: LaterKeyVectors["damaged"] = []
  const damaged = async (name: string, change: (root: { meters: { later: unknown }[] }) => void) => {
    const value = dagCbor.decode<Parameters<typeof change>[0]>(open.blocks.at(-1)!.bytes)
    change(value)
    const root = cborBlock(value)
    const blocks = [...open.blocks.slice(0, -1), root]
    found.push({ name, ...(await written({ root: root.cid, blocks })) })
  }
  const rowOf = ({ from, scheme, publicKey }: LaterKey): LaterRow => [from, scheme, fromHex(publicKey)]
  const [one, two] = laterKeys.map(rowOf) as [LaterRow, LaterRow]
  for (const [name, later] of [
    ["an empty list of later keys", []],
    ["later keys not in the order of their times", [two, one]],
    ["two later keys of one time", [one, [one[0], two[1], two[2]]]],
    ["a later key from 0 on", [[0, one[1], one[2]]]],
    ["a later key of a scheme that is none", [[one[0], 11, one[2]]]],
    ["a later key as text", [[one[0], one[1], "key"]]],
    ["a later key without its time", [[one[1], one[2]]]],
    ["later keys that are no list", one],
  ] as const)
    await damaged(name, ({ meters }) => {
      meters[0]!.later = later
    })
  await damaged("later keys in format 1", (root) => {
    const { rules } = root as unknown as { rules: Record<string, unknown> }
    Object.assign(root, { format: "commonwatt/evidence/1" })
    rules.version = 1
    Reflect.deleteProperty(rules, "accounts")
  })
  return found
}
