import { isDeepStrictEqual } from "node:util"
import * as dagCbor from "@ipld/dag-cbor"
import fc from "fast-check"
import * as raw from "multiformats/codecs/raw"
import t from "tap"
import {
  type Block,
  type BlockSource,
  BrokenBlock,
  blocksInMemory,
  CID,
  cborBlock,
  evidenceCid,
  maxBlockBytes,
} from "./block.ts"
import { readCar, writeCar } from "./car.ts"
import {
  buildEvidence,
  type Evidence,
  type MeterReadings,
  type OpenedEvidence,
  readEvidence,
  readRoot,
  writeEvidence,
} from "./evidence.ts"
import { concatBytes, equalBytes, fromHex, type Hex, toHex } from "./hex.ts"
import { meterKey, Scheme } from "./meter.ts"
import { newIdentity, unseal } from "./seal.ts"
import type { SharingKey } from "./sharing-key.ts"
import type { Accounts } from "./tariff.ts"
import { asJson, type DamageReason, type EvidenceVectors } from "./vectors/evidence.ts"
import { meters } from "./vectors/keys.ts"
import { loadVectors } from "./vectors/load.ts"

const vectors = loadVectors<EvidenceVectors>("evidence")
const identityOf = (name: string) => vectors.identities.find((identity) => identity.name === name)!.identity

async function open(car: string): Promise<{ roots: CID[]; blocks: Block[] }> {
  return readCar(streamOf(Buffer.from(car, "base64")))
}

async function* streamOf(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}

/** What the vectors call the content: the evidence without its address, and without the list of what stayed closed. */
function contentOf(opened: OpenedEvidence): unknown {
  const { cid: _cid, sealed: _sealed, erased: _erased, commitments: _commitments, ...content } = opened
  return asJson(content)
}

t.test(
  "each batch of the vectors is read to its content by those who may, and by the auditor whole",
  async (t) => {
    for (const { name, root, digest, opens, content, car } of vectors.valid) {
      const { roots, blocks } = await open(car)
      t.same(roots.map(String), [root], name)
      const cid = CID.parse(root)
      t.ok(evidenceCid(digest).equals(cid), "the proposal's digest leads to it")
      t.same(
        contentOf(await readEvidence(cid, blocksInMemory(blocks), [identityOf("auditor")])),
        content,
        name,
      )
      for (const reader of vectors.identities) {
        const opened = await readEvidence(cid, blocksInMemory(blocks), [reader.identity])
        const may = Object.entries(opens).flatMap(([household, names]) =>
          names.includes(reader.name) ? [household] : [],
        )
        t.same(
          opened.households.map(({ household }) => household).sort(),
          may.sort(),
          `${name}: ${reader.name}`,
        )
        t.equal(opened.households.length + opened.sealed.length, Object.keys(opens).length)
      }
      const closed = await readEvidence(cid, blocksInMemory(blocks), [])
      t.same(closed.sealed, Object.keys(opens), "without an identity every part stays sealed")
      const all = content as Evidence
      t.same(asJson(closed.generation), all.generation, "generation is public")
    }
  },
)

const words: Record<DamageReason, RegExp> = {
  car: /Unexpected end|Invalid CAR|Invalid|unexpected|CBOR|missing/i,
  changed: /was changed: its content does not hash to its address/,
  missing: /is missing/,
  codec: /is not DAG-CBOR|is not a raw block/,
  hash: /is not addressed by SHA-256/,
  encoding: /is not valid DAG-CBOR|is not in canonical DAG-CBOR/,
  format: /is not in the format: /,
  count: /names \d+ readings of meter 0x[0-9a-f]{64}, its chunks hold \d+/,
  twice: /names (meter|household) 0x[0-9a-f]+ twice/,
  inside: /opens, but what is inside is not DAG-CBOR|is not canonical inside/,
  factors: /is no table of emission factors|is not the table of emission factors|says its version is "1"/,
}

t.test("each damaged batch of the vectors is refused, each kind of damage with its own words", async (t) => {
  for (const { name, reason, root, opensWith, car } of vectors.damaged) {
    const identities = opensWith === undefined ? [] : [identityOf(opensWith)]
    const read = async () => {
      const { blocks } = await open(car)
      await readEvidence(CID.parse(root), blocksInMemory(blocks), identities)
    }
    await t.rejects(read(), { message: words[reason] }, `${reason}: ${name}`)
    if (reason !== "car") await t.rejects(read(), { name: "BrokenBlock" }, name)
  }
  t.same([...new Set(vectors.damaged.map(({ reason }) => reason))].sort(), Object.keys(words).sort())
})

t.test("damage inside a sealed part stays hidden from who cannot open it", async (t) => {
  for (const { name, root, car } of vectors.damaged.filter(({ opensWith }) => opensWith !== undefined)) {
    const { blocks } = await open(car)
    const opened = await readEvidence(CID.parse(root), blocksInMemory(blocks), [identityOf("stranger")])
    t.equal(opened.sealed.length, 1, name)
  }
})

t.test("a chain of batches holds when each links to the one before", async (t) => {
  for (const { name, holds, roots } of vectors.chains) {
    let previous: string | undefined
    let linked = true
    for (const root of roots) {
      const { car } = vectors.valid.find((batch) => batch.root === root)!
      const head = await readRoot(CID.parse(root), blocksInMemory((await open(car)).blocks))
      linked &&= head.previous?.toString() === previous
      previous = root
    }
    t.equal(linked, holds, name)
  }
})

// ---------------------------------------------------------------- any evidence

const wh = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })
const time = fc.nat(4_000_000_000)
const hex = (length: number): fc.Arbitrary<Hex> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => toHex(bytes))
const received = fc.array(fc.record({ received: time, bytes: fc.uint8Array({ maxLength: 180 }) }), {
  maxLength: 8,
})
const keys = Object.values(meters).map(({ key }) => key)
const meterReadings = (some: typeof keys) =>
  fc.tuple(...some.map(() => received)).map((all) =>
    all.map((readings, i) => {
      const { meterId, scheme, publicKey } = some[i]!
      return { meterId, scheme, publicKey, readings }
    }),
  )
const records = fc.array(
  fc.record({
    start: time,
    energy: fc.option(
      fc.record({ generatedWh: wh, importedWh: wh, exportedWh: wh, givenWh: wh, receivedWh: wh }),
      { nil: undefined },
    ),
  }),
  { maxLength: 4 },
)
const tariff = fc.record({
  from: time,
  unitsPerKWh: fc.nat(1_000_000_000),
  periods: fc.array(
    fc
      .tuple(fc.nat(1440), fc.nat(1440), fc.nat(500))
      .filter(([from, to]) => from < to)
      .map(([fromMinute, toMinute, unitsPerKWh]) => ({ fromMinute, toMinute, unitsPerKWh, days: [0, 6] })),
    { maxLength: 2 },
  ),
  utcOffsetMinutes: fc.integer({ min: -720, max: 840 }),
  fundParts: fc.nat(1_000_000),
})
const accounts = fc.record({
  version: fc.integer({ min: 1, max: 1000 }),
  fund: hex(20),
  everySeconds: fc.integer({ min: 1, max: 2 ** 31 }),
  tariffs: fc.tuple(tariff),
})
const version: fc.Arbitrary<{ version: 1 } | { version: 2; accounts: Accounts | null }> = fc.oneof(
  fc.constant({ version: 1 as const }),
  fc.record({ version: fc.constant(2 as const), accounts: fc.option(accounts) }),
)
const accountStatements = fc.array(
  fc.record({
    kind: fc.constant(2 as const),
    household: hex(20),
    credit: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    time,
  }),
  { maxLength: 3 },
)
const commonEvidence = fc.record({
  chainId: fc.integer({ min: 1, max: 2 ** 40 }),
  oracle: hex(20),
  site: fc.nat(2 ** 32 - 1),
  number: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
  from: time,
  time,
  previous: fc.option(hex(32).map(evidenceCid), { nil: null }),
  rules: fc.record({
    intervalSeconds: fc.integer({ min: 1, max: 86_400 }),
    sharingKey: fc.constantFrom<SharingKey>(
      { name: "proportional", version: 1 },
      { name: "static", version: 2, parts: [{ household: `0x${"0a".repeat(20)}`, parts: 999_999 }] },
      { name: "priority", version: 3, ranks: [[`0x${"0b".repeat(20)}`], [`0x${"0a".repeat(20)}`]] },
    ),
    headroomBasisPoints: fc.nat(10_000),
    clockToleranceSeconds: fc.nat(3600),
  }),
  meters: meterReadings(keys.slice(0, 2)),
  generation: fc.array(
    fc.record({ meterId: hex(32), start: time, generatedWh: fc.option(wh, { nil: undefined }) }),
    { maxLength: 5 },
  ),
  statements: fc.array(
    fc.record({ kind: fc.constant(1 as const), meterId: hex(32), generatedWh: wh, time, reading: hex(32) }),
    { maxLength: 5 },
  ),
  root: hex(32),
  households: fc.tuple(meterReadings(keys.slice(2, 3)), records, records).map(([sealed, first, second]) => [
    { household: `0x${"0a".repeat(20)}` as Hex, meters: sealed, records: first },
    { household: `0x${"0b".repeat(20)}` as Hex, meters: [], records: second },
  ]),
})
const evidences: fc.Arbitrary<Evidence> = fc
  .tuple(commonEvidence, version, accountStatements)
  .map(([common, rules, stated]) => ({
    ...common,
    rules: { ...common.rules, ...rules },
    statements: rules.version === 1 ? common.statements : [...common.statements, ...stated],
  }))

async function carOf(root: CID, blocks: Block[]): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of writeCar(root, blocks)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

t.test("any evidence comes back from its CAR file as it was", async () => {
  const reader = await newIdentity()
  await fc.assert(
    fc.asyncProperty(evidences, async (evidence) => {
      const { root, blocks } = await buildEvidence(evidence, () => [reader.recipient])
      const { roots, blocks: read } = await readCar(streamOf(await carOf(root, blocks)))
      const opened = await readEvidence(roots[0]!, blocksInMemory(read), [reader.identity])
      return JSON.stringify(contentOf(opened)) === JSON.stringify(sorted(asJson(evidence), contentOf(opened)))
    }),
    { numRuns: 25 },
  )
})

/** The same object with its keys in the order of another, so that the two can be compared as text. */
function sorted(value: unknown, like: unknown): unknown {
  if (Array.isArray(value)) return value.map((item, i) => sorted(item, (like as unknown[])[i]))
  if (value === null || typeof value !== "object") return value
  const record = value as Record<string, unknown>
  const order = Object.keys((like as object | undefined) ?? {})
  return Object.fromEntries(
    [...order, ...Object.keys(record).filter((key) => !order.includes(key))].map((key) => [
      key,
      sorted(record[key], (like as Record<string, unknown>)[key]),
    ]),
  )
}

t.test(
  "in any evidence, a bit flipped in any block or a public block left out is refused and named",
  async () => {
    const reader = await newIdentity()
    await fc.assert(
      fc.asyncProperty(evidences, fc.nat(), fc.nat(), async (evidence, which, bit) => {
        const { root, blocks } = await buildEvidence(evidence, () => [reader.recipient])
        const hit = blocks[which % blocks.length]!
        const changed = hit.bytes.slice()
        changed[(bit >> 3) % changed.length]! ^= 1 << (bit & 7)
        for (const instead of [changed, undefined]) {
          const inMemory = blocksInMemory(blocks)
          const source: BlockSource = async (cid) => (cid.equals(hit.cid) ? instead : inMemory(cid))
          try {
            const { erased } = await readEvidence(root, source, [reader.identity])
            // A member's part may be erased, and the rest of the evidence stands.
            return hit.cid.code === raw.code && instead === undefined && erased.length === 1
          } catch (error) {
            if (!(error instanceof BrokenBlock) || !error.cid.equals(hit.cid)) return false
          }
        }
        return true
      }),
      { numRuns: 15 },
    )
  },
)

t.test("a long batch is split: no block is larger than a peer takes, and all of it comes back", async (t) => {
  const { meterId, scheme, publicKey } = meterKey(Scheme.ed25519, meters.roof.key.publicKey)
  const reading = (n: number) => ({ received: n, bytes: new Uint8Array(180).fill(n) })
  const plant = meterKey(Scheme["ocmf-secp256r1-generation"], meters.hardware.key.publicKey)
  const long = (n: number) => new Uint8Array(16_384).fill(n)
  const id = (n: number) => toHex(new Uint8Array(32).fill(n))
  const evidence: Evidence = {
    ...vectors.valid.map(({ content }) => content as Evidence)[0]!,
    number: 1n,
    previous: null,
    meters: [
      { meterId, scheme, publicKey, readings: Array.from({ length: 2500 }, (_, n) => reading(n)) },
      { ...plant, readings: Array.from({ length: 150 }, (_, n) => ({ ...reading(n), bytes: long(n) })) },
    ],
    generation: Array.from({ length: 20_001 }, (_, n) => ({
      meterId: id(n),
      start: 900 * n,
      generatedWh: BigInt(n),
    })),
    statements: Array.from({ length: 10_000 }, (_, n) => ({
      kind: 1,
      meterId: id(n),
      generatedWh: 2n ** 63n - 1n,
      time: 2 ** 40,
      reading: id(n + 1),
    })),
    households: [
      {
        household: `0x${"0a".repeat(20)}`,
        meters: [{ ...meters.grid.key, readings: Array.from({ length: 7_000 }, (_, n) => reading(n)) }],
        records: [],
      },
    ],
  }
  const reader = await newIdentity()
  const { root, blocks } = await buildEvidence(evidence, () => [reader.recipient])
  const sizes = blocks.map(({ bytes }) => bytes.length)
  t.ok(Math.max(...sizes) <= maxBlockBytes, `the largest block has ${Math.max(...sizes)} bytes`)
  const head = await readRoot(root, blocksInMemory(blocks))
  t.same(
    [head.meters[0]!.readings, head.generation, head.statements, head.sealed[0]!.content].map(
      (l) => l.length,
    ),
    [3, 3, 1, 2],
  )
  const opened = await readEvidence(root, blocksInMemory(blocks), [reader.identity])
  t.equal(opened.meters[0]!.readings.length, 2500)
  t.equal(opened.generation.at(-1)!.generatedWh, 20_000n)
  t.equal(opened.statements.length, 10_000)
  const sealed = opened.households[0]!.meters[0]!.readings
  t.ok(sealed.length === 7_000 && sealed.every(({ bytes }, n) => equalBytes(bytes, reading(n).bytes)))
})

t.test("evidence that nobody could open is not made", async (t) => {
  const content = vectors.valid[0]!.content as Evidence
  const evidence = {
    ...content,
    number: 1n,
    previous: null,
    meters: [],
    generation: [],
    statements: [],
    households: [{ household: `0x${"0a".repeat(20)}` as const, meters: [], records: [] }],
  }
  await t.rejects(
    buildEvidence(evidence, () => []),
    /at least one recipient/,
  )
})

/** A meter as it stands in evidence, all of it at once. */
const plainMeter = ({ meterId, scheme, publicKey, readings }: MeterReadings) => ({
  meter: fromHex(meterId, 32),
  scheme,
  key: publicKey,
  readings: readings.map(({ received, bytes }) => [received, bytes]),
})

t.test(
  "evidence that is written a chunk at a time is, byte for byte, what an encoder makes of the whole",
  async (t) => {
    const reader = await newIdentity()
    const many = fc
      .nat(2200)
      .map(
        (count) => (readings: MeterReadings["readings"]) =>
          readings.length === 0
            ? []
            : Array.from({ length: count }, (_, n) => ({ ...readings[n % readings.length]!, received: n })),
      )
    await fc.assert(
      fc.asyncProperty(evidences, many, async (some, repeated) => {
        const longer = (meters: MeterReadings[]) =>
          meters.map((meter) => ({ ...meter, readings: repeated(meter.readings) }))
        const evidence: Evidence = {
          ...some,
          meters: longer(some.meters),
          households: some.households.map((home) => ({ ...home, meters: longer(home.meters) })),
        }
        const fetched = (meter: MeterReadings) => ({
          ...meter,
          count: meter.readings.length,
          readings: {
            async *[Symbol.asyncIterator]() {
              yield* meter.readings
            },
          },
        })
        const blocks: Block[] = []
        const root = await writeEvidence(
          {
            ...evidence,
            meters: evidence.meters.map(fetched),
            households: evidence.households.map((home) => ({ ...home, meters: home.meters.map(fetched) })),
          },
          () => [reader.recipient],
          (block) => blocks.push(block),
        )
        const source = blocksInMemory(blocks)
        const head = await readRoot(root, source)
        const { commitments } = await readEvidence(root, source, [reader.identity])
        for (const [i, { meters, records }] of evidence.households.entries()) {
          const slices = await Promise.all(head.sealed[i]!.content.map(source))
          const inside = (await unseal(concatBytes(...slices.map((slice) => slice!)), [reader.identity]))!
          const seed = commitments[i]?.seed
          const whole = dagCbor.encode({
            meters: meters.map(plainMeter),
            records: records.map(({ start, energy }) =>
              energy
                ? [
                    start,
                    energy.generatedWh,
                    energy.importedWh,
                    energy.exportedWh,
                    energy.givenWh,
                    energy.receivedWh,
                  ]
                : [start],
            ),
            ...(seed && { seed }),
          })
          const from = seed ? 4 : 0
          if (!equalBytes(inside.subarray(from, from + whole.length), whole)) return false
          if (inside.subarray(from + whole.length).some((byte) => byte !== 0)) return false
          if (seed && (inside.length < 4096 || inside.length % 1024 !== 0)) return false
        }
        const chunks = evidence.meters.map((meter) => {
          const { readings } = plainMeter(meter)
          const lists = []
          for (let i = 0; i < readings.length; i += 1000)
            lists.push(cborBlock(readings.slice(i, i + 1000)).cid.toString())
          return lists
        })
        return (
          isDeepStrictEqual(
            head.meters.map(({ readings }) => readings.map(String)),
            chunks,
          ) && root.equals(blocks.at(-1)!.cid)
        )
      }),
      { numRuns: 15 },
    )
    const meter = {
      ...meterKey(Scheme.ed25519, meters.roof.key.publicKey),
      count: 2,
      readings: [{ received: 1, bytes: new Uint8Array(9) }],
    }
    const content = vectors.valid[0]!.content as Evidence
    const lacking = {
      ...content,
      number: 1n,
      previous: null,
      meters: [meter],
      generation: [],
      statements: [],
    }
    await t.rejects(
      writeEvidence(
        { ...lacking, households: [] },
        () => [],
        () => {},
      ),
      /has 1 readings where 2 were announced/,
    )
  },
)
