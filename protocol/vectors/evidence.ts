import * as dagCbor from "@ipld/dag-cbor"
import { CID } from "multiformats/cid"
import * as Digest from "multiformats/hashes/digest"
import { type Block, cborBlock, evidenceDigest, rawBlock } from "../block.ts"
import { writeCar } from "../car.ts"
import {
  buildEvidence,
  type Evidence,
  type HouseholdEvidence,
  type MeterReadings,
  type Rules,
} from "../evidence.ts"
import { namedFactors } from "../factors-in-evidence.ts"
import { concatBytes, type Hex, toHex } from "../hex.ts"
import { Clock, encodeReading, type Reading, readingDigest } from "../reading.ts"
import { newIdentity, seal } from "../seal.ts"
import { leafOf, type MeterStatement } from "../statement.ts"
import type { Accounts } from "../tariff.ts"
import { buildTree, rootOf } from "../tree.ts"
import { bytesFor, type VectorMeter } from "./fixed-keys.ts"
import { meters } from "./keys.ts"
import { oracle } from "./proposals.ts"
import { noon } from "./readings.ts"
import { householdFor } from "./statements.ts"

/** What kind of damage it is. A reader need not tell them apart, but each must be refused. */
export type DamageReason =
  | "car"
  | "changed"
  | "missing"
  | "codec"
  | "hash"
  | "encoding"
  | "format"
  | "count"
  | "twice"
  | "inside"
  | "factors"

export interface EvidenceVectors {
  about: string[]
  identities: { name: string; identity: string; recipient: string }[]
  valid: {
    name: string
    root: string
    digest: Hex
    /** Names of the identities that open each household's part. */
    opens: Record<Hex, string[]>
    /** What is in it, sealed parts included: energy as decimal text, bytes as hexadecimal, null where it is not known. */
    content: unknown
    /** From format 2 on: what fixes each household's records. */
    commitments?: Record<Hex, Hex>
    car: string
  }[]
  damaged: { name: string; reason: DamageReason; root: string; opensWith?: string; car: string }[]
  /** Batches of a site in order: does each link to the one before? */
  chains: { name: string; holds: boolean; roots: string[] }[]
}

const rules: Rules = {
  version: 1,
  intervalSeconds: 900,
  sharingKey: { name: "proportional", version: 1 },
  headroomBasisPoints: 1000,
  clockToleranceSeconds: 120,
}
/** Who keeps the community's money, and what a shared kWh is worth: 150 units at noon, 250 from 12:15 to 12:30. */
const accounts: Accounts = {
  version: 1,
  fund: `0x${"ee".repeat(20)}`,
  everySeconds: 1800,
  tariffs: [
    {
      from: noon,
      unitsPerKWh: 150,
      periods: [{ fromMinute: 735, toMinute: 750, unitsPerKWh: 250 }],
      utcOffsetMinutes: 0,
      fundParts: 100_000,
    },
  ],
}
/** What the grid emitted at noon, and that nobody says it of one o'clock. */
const gridTable = new TextEncoder().encode(
  "# grid: DE\n# source: made up for these vectors\n# version: 1\nhour,grams_per_kwh\n2026-06-21T12:00Z,350.2\n2026-06-21T16:00+02:00,351\n",
)
const minutes = (n: number) => noon + 60 * n
const [anne, ben] = [householdFor("household A"), householdFor("household B")].sort() as [Hex, Hex]

type Identities = EvidenceVectors["identities"]

export async function evidenceVectors(): Promise<EvidenceVectors> {
  return withFixedRandomness("evidence", async () => {
    const identities: Identities = []
    for (const name of ["auditor", "household A", "household B", "stranger"])
      identities.push({ name, ...(await newIdentity()) })
    const [first, second] = [firstBatch(), secondBatch()]
    const one = await build(first, identities)
    const two = await build({ ...second, previous: one.root }, identities)
    const unlinked = await build(second, identities)
    const astray = await build({ ...second, previous: two.root }, identities)
    const small = await build({ ...first, households: [] }, identities)
    const damaged = [
      ...(await damagedBlocks(small)),
      ...(await damagedSeals(identities)),
      ...(await damagedFiles(small)),
    ]
    const stating = statingBatch(first)
    const stated = await build(stating, identities)
    const later: Evidence = { ...second, previous: stated.root, rules: stating.rules }
    const silent = await build(later, identities)
    const alone: Evidence = { ...first, households: [], rules: { ...rules, version: 2, accounts: null } }
    const smallSecond = await build(alone, identities)
    const counting: Evidence = { ...alone, factors: namedFactors(gridTable) }
    const counted = await build(counting, identities)
    const onward: Evidence = {
      ...second,
      households: [],
      previous: counted.root,
      rules: alone.rules,
      factors: { ...counting.factors!, table: undefined },
    }
    const countedOn = await build(onward, identities)
    return {
      about: [
        "Batches' evidence. SPEC.md, 8. car is a CAR file in base64, root its CID, digest what a proposal carries.",
        "valid: to be read, each part with the identities that open it, to the content. Two of them are linked wrongly: that is for the chains to find.",
        "damaged: to be refused. The reason is the class in SPEC.md, 8.7. opensWith: the damage is inside what is sealed.",
        "chains: whether each batch links to the one before it, the first to none.",
        "The sealed parts were encrypted once with fixed random numbers; a reader only opens them. The identities are for tests alone.",
      ],
      identities,
      valid: [
        await valid("the first batch of a site: a roof, and two households' sealed parts", first, one),
        await valid(
          "the second batch, linked to the first, with a gap",
          { ...second, previous: one.root },
          two,
        ),
        await valid("public meters alone", { ...first, households: [] }, small),
        await valid("a second batch that links to none", second, unlinked),
        await valid("a second batch that links to another one", { ...second, previous: two.root }, astray),
        await valid("format 2: accounts are stated, records committed to", stating, stated),
        await valid("format 2: the next batch, in which they are not stated", later, silent),
        await valid("format 2: public meters alone, no accounts", alone, smallSecond),
        await valid("format 2: a table of emission factors, with its bytes", counting, counted),
        await valid("format 2: the next batch, which names that table alone", onward, countedOn),
      ],
      damaged: [
        ...damaged,
        ...(await damagedAccounts(stating, stated, smallSecond, identities)),
        ...(await damagedFactors(small, counted)),
      ],
      chains: [
        { name: "the first batch", holds: true, roots: [one.root.toString()] },
        { name: "two batches", holds: true, roots: [one, two].map(({ root }) => root.toString()) },
        {
          name: "two batches of format 2",
          holds: true,
          roots: [stated, silent].map(({ root }) => root.toString()),
        },
        {
          name: "the second links to none",
          holds: false,
          roots: [one, unlinked].map(({ root }) => root.toString()),
        },
        {
          name: "the second links to another",
          holds: false,
          roots: [one, astray].map(({ root }) => root.toString()),
        },
        { name: "the second one first", holds: false, roots: [two, one].map(({ root }) => root.toString()) },
      ],
    }
  })
}

// ---------------------------------------------------------------- two batches that hold by the rules

type Built = { root: CID; blocks: Block[] }

/** 12:00 to 12:30: A's roof generates 3 kW from its commissioning on; A gives to B what it can. */
function firstBatch(): Evidence {
  const roof = readingsOf(meters.roof, [
    { sequence: 1, time: minutes(5), generatedWh: 48_213_657n },
    { sequence: 2, time: minutes(10), generatedWh: 48_213_907n },
    { sequence: 3, time: minutes(12), generatedWh: 48_214_007n, clock: Clock.unknown },
    { sequence: 4, time: minutes(15), generatedWh: 48_214_157n },
    { sequence: 6, time: minutes(30), generatedWh: 48_214_907n },
  ])
  return batch({
    number: 1n,
    from: minutes(0),
    time: minutes(30),
    meters: [roof],
    generation: [
      { meterId: roof.meterId, start: minutes(0), generatedWh: 750n },
      { meterId: roof.meterId, start: minutes(15), generatedWh: 750n },
    ],
    statements: [statementOf(roof, 48_214_907n)],
    households: [
      {
        household: anne,
        meters: [
          readingsOf(meters.grid, [
            { sequence: 7, time: minutes(0), importedWh: 1000n, exportedWh: 5000n },
            { sequence: 8, time: minutes(15), importedWh: 1000n, exportedWh: 5600n },
            { sequence: 9, time: minutes(30), importedWh: 1000n, exportedWh: 6000n },
          ]),
        ],
        records: [
          { start: minutes(0), energy: energy(750n, 0n, 600n, 300n, 0n) },
          { start: minutes(15), energy: energy(750n, 0n, 400n, 400n, 0n) },
        ],
      },
      {
        household: ben,
        meters: [
          readingsOf(meters.neighbour, [
            { sequence: 0, time: minutes(0), importedWh: 90_000n, exportedWh: 0n },
            { sequence: 1, time: minutes(15), importedWh: 90_300n, exportedWh: 0n },
            { sequence: 2, time: minutes(30), importedWh: 91_000n, exportedWh: 0n },
          ]),
        ],
        records: [
          { start: minutes(0), energy: energy(0n, 300n, 0n, 0n, 300n) },
          { start: minutes(15), energy: energy(0n, 700n, 0n, 0n, 400n) },
        ],
      },
    ],
  })
}

/**
 * The first batch again with accounts: for 300 Wh at 150 units a kWh and 400 Wh at 250, together 145 units, B pays; the
 * fund has a tenth, rounded down, and A the rest.
 */
function statingBatch(first: Evidence): Evidence {
  const credit = { [anne]: 131n, [ben]: -145n, [accounts.fund]: 14n }
  const statements: Evidence["statements"] = [
    ...first.statements,
    ...(Object.keys(credit).sort() as Hex[]).map((household) => ({
      kind: 2 as const,
      household,
      credit: credit[household]!,
      time: first.time,
    })),
  ]
  const root = toHex(rootOf(buildTree(statements.map(leafOf))))
  return { ...first, rules: { ...rules, version: 2, accounts }, statements, root }
}

/** 12:30 to 12:45: B's meter is silent, so that its interval is a gap and A gives to nobody. */
function secondBatch(): Evidence {
  const roof = readingsOf(meters.roof, [{ sequence: 7, time: minutes(45), generatedWh: 48_215_657n }])
  return batch({
    number: 2n,
    from: minutes(30),
    time: minutes(45),
    meters: [roof],
    generation: [{ meterId: roof.meterId, start: minutes(30), generatedWh: 750n }],
    statements: [statementOf(roof, 48_215_657n)],
    households: [
      {
        household: anne,
        meters: [
          readingsOf(meters.grid, [
            { sequence: 10, time: minutes(45), importedWh: 1000n, exportedWh: 6500n },
          ]),
        ],
        records: [{ start: minutes(30), energy: energy(750n, 0n, 500n, 0n, 0n) }],
      },
      { household: ben, meters: [], records: [{ start: minutes(30), energy: undefined }] },
    ],
  })
}

function batch(
  part: Omit<Evidence, "chainId" | "oracle" | "site" | "previous" | "rules" | "root">,
): Evidence {
  const root = toHex(rootOf(buildTree(part.statements.map(leafOf))))
  return { ...oracle, site: 1, previous: null, rules, root, ...part }
}

function readingsOf({ key, sign }: VectorMeter, readings: Partial<Reading>[]): MeterReadings {
  return {
    meterId: key.meterId,
    scheme: key.scheme,
    publicKey: key.publicKey,
    readings: readings.map((reading) => {
      const whole = { clock: Clock.synchronised, clockSets: 1, boots: 2, ...reading } as Reading
      return { received: whole.time + 1, bytes: encodeReading(whole, key.scheme, key.kid, sign) }
    }),
  }
}

/** The statement that quotes the last of these readings. */
function statementOf({ meterId, readings }: MeterReadings, generatedWh: bigint): MeterStatement {
  const { bytes, received } = readings.at(-1)!
  return { kind: 1, meterId, generatedWh, time: received - 1, reading: readingDigest(bytes) }
}

function energy(
  generatedWh: bigint,
  importedWh: bigint,
  exportedWh: bigint,
  givenWh: bigint,
  receivedWh: bigint,
) {
  return { generatedWh, importedWh, exportedWh, givenWh, receivedWh }
}

function build(evidence: Evidence, identities: Identities): Promise<Built> {
  return buildEvidence(evidence, (household) =>
    identities
      .filter(
        ({ name }) => name === "auditor" || name === (household === anne ? "household A" : "household B"),
      )
      .map(({ recipient }) => recipient),
  )
}

async function valid(
  name: string,
  evidence: Evidence,
  built: Built,
): Promise<EvidenceVectors["valid"][number]> {
  return {
    name,
    root: built.root.toString(),
    digest: evidenceDigest(built.root),
    opens: Object.fromEntries(
      evidence.households.map(({ household }) => [
        household,
        ["auditor", household === anne ? "household A" : "household B"],
      ]),
    ),
    content: asJson(evidence),
    ...(evidence.rules.version > 1 && { commitments: commitmentsIn(built) }),
    car: await carOf(built),
  }
}

function commitmentsIn({ blocks }: Built): Record<Hex, Hex> {
  const { sealed } = dagCbor.decode<{ sealed: { household: Uint8Array; commitment: Uint8Array }[] }>(
    blocks.at(-1)!.bytes,
  )
  return Object.fromEntries(sealed.map(({ household, commitment }) => [toHex(household), toHex(commitment)]))
}

/** Evidence as JSON writes it; the vectors' tests compare in this form. */
export function asJson(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString()
  if (value instanceof Uint8Array) return toHex(value)
  if (value instanceof CID) return value.toString()
  if (Array.isArray(value)) return value.map(asJson)
  if (typeof value !== "object" || value === null) return value ?? null
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, asJson(item)]))
}

async function carOf({ root, blocks }: Built): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of writeCar(root, blocks)) chunks.push(chunk)
  return Buffer.concat(chunks).toString("base64")
}

// ---------------------------------------------------------------- damage

type Damaged = EvidenceVectors["damaged"]
type RootValue = Record<string, unknown> & {
  meters: { [key: string]: unknown; readings: CID[]; count: number }[]
  rules: Record<string, unknown>
  generation: CID[]
  statements: CID[]
}

/** A root block that is encoded in other bytes, with the address of those bytes. */
function rootInBytes(built: Built, bytes: Uint8Array): Built {
  const { cid } = rawBlock(bytes)
  const root = CID.createV1(dagCbor.code, cid.multihash)
  return { root, blocks: [...built.blocks.slice(0, -1), { cid: root, bytes }] }
}

/** The batch with another value in its root block. */
function rootWith(built: Built, change: (root: RootValue) => unknown): Built {
  const value = dagCbor.decode<RootValue>(built.blocks.at(-1)!.bytes)
  change(value)
  const root = cborBlock(value)
  return { root: root.cid, blocks: [...built.blocks.slice(0, -1), root] }
}

/** The batch with another block in place of the first one that `list` links to. */
function linkedWith(built: Built, list: (root: RootValue) => CID[], block: Block): Built {
  const changed = rootWith(built, (root) => {
    list(root)[0] = block.cid
  })
  return { ...changed, blocks: [block, ...changed.blocks] }
}

async function damagedBlocks(small: Built): Promise<Damaged> {
  const bytes = small.blocks.at(-1)!.bytes
  const found: Damaged = []
  const add = async (reason: DamageReason, name: string, built: Built) =>
    found.push({ name, reason, root: built.root.toString(), car: await carOf(built) })
  const root = (reason: DamageReason, name: string, change: (root: RootValue) => unknown) =>
    add(reason, name, rootWith(small, change))
  const generation = (name: string, value: unknown) =>
    add(
      "format",
      name,
      linkedWith(small, (root) => root.generation, cborBlock(value)),
    )
  const statements = (name: string, value: unknown) =>
    add(
      "format",
      name,
      linkedWith(small, (root) => root.statements, cborBlock(value)),
    )
  const meter = meters.roof.key
  const id = bytesFor("digest")

  const names = ["the readings", "the generation", "the statements", "the root"]
  for (const [i, name] of names.entries()) {
    const flipped = small.blocks.map((block, j) =>
      i === j
        ? { ...block, bytes: block.bytes.with(block.bytes.length - 1, block.bytes.at(-1)! ^ 1) }
        : block,
    )
    await add("changed", `a bit of ${name} flipped`, { ...small, blocks: flipped })
    await add("missing", `${name} missing`, { ...small, blocks: small.blocks.filter((_, j) => i !== j) })
  }

  await add(
    "encoding",
    "the root's map length in two bytes",
    rootInBytes(small, concatBytes(Uint8Array.of(0xb8, 14), bytes.subarray(1))),
  )
  // The first two entries, `from` (key 5 bytes, value 5) and `root` (5 and 34), exchanged.
  await add(
    "encoding",
    "the root's keys not in order",
    rootInBytes(
      small,
      concatBytes(bytes.subarray(0, 1), bytes.subarray(11, 50), bytes.subarray(1, 11), bytes.subarray(50)),
    ),
  )
  const float = new Uint8Array(9)
  float[0] = 0xfb
  new DataView(float.buffer).setFloat64(1, minutes(0))
  await add(
    "encoding",
    "a time as a float",
    rootInBytes(small, concatBytes(bytes.subarray(0, 6), float, bytes.subarray(11))),
  )
  await add("encoding", "the root cut", rootInBytes(small, bytes.subarray(0, -1)))
  await add("encoding", "a byte behind the root", rootInBytes(small, concatBytes(bytes, Uint8Array.of(0))))

  const rawRoot = rawBlock(bytes)
  await add("codec", "the root as a raw block", { root: rawRoot.cid, blocks: [...small.blocks, rawRoot] })
  await add(
    "codec",
    "the readings in a raw block",
    linkedWith(small, (root) => root.meters[0]!.readings, rawBlock(small.blocks[0]!.bytes)),
  )
  const identityHash = CID.createV1(dagCbor.code, Digest.create(0, small.blocks[1]!.bytes))
  await add(
    "hash",
    "the generation in an identity CID",
    linkedWith(small, (root) => root.generation, { cid: identityHash, bytes: small.blocks[1]!.bytes }),
  )

  await root("format", "another format", (r) => (r.format = "commonwatt/evidence/2"))
  await root("format", "a field more", (r) => (r.note = "hello"))
  await root("format", "a field less", (r) => Reflect.deleteProperty(r, "rules"))
  await root("format", "previous as bytes", (r) => (r.previous = bytesFor("previous")))
  await root("format", "a negative time", (r) => (r.time = -1))
  await root("format", "a site as text", (r) => (r.site = "1"))
  await root("format", "an oracle of 19 bytes", (r) => (r.oracle = new Uint8Array(19)))
  await root("format", "version 2 of the rules", (r) => (r.rules.version = 2))
  await root("format", "an interval of 0 s", (r) => (r.rules.intervalSeconds = 0))
  await root(
    "format",
    "a sharing key that is none",
    (r) => (r.rules.sharingKey = { name: "fair", version: 1 }),
  )
  await root("format", "a sharing key without a version", (r) => (r.rules.sharingKey = { name: "equal" }))
  await root(
    "format",
    "a sharing key that divides more than all",
    (r) =>
      (r.rules.sharingKey = {
        name: "static",
        version: 1,
        parts: [
          { household: anne, parts: 600_000 },
          { household: ben, parts: 400_001 },
        ],
      }),
  )
  await root("format", "a scheme that is none", (r) => (r.meters[0]!.scheme = 11))
  await root("format", "statements as one link", (r) => (r.statements = r.statements[0] as unknown as CID[]))
  await generation("a generation below 0", [[id, minutes(0), -1]])
  await generation("a generation record of two", [[id, minutes(0)]])
  await generation("a generation that is a map", { meter: id })
  await statements("a statement of kind 2", [[2, new Uint8Array(20), 5, minutes(30)]])
  await statements("a statement without a digest", [[1, id, 48_214_907, minutes(30)]])
  await statements("a statement with a meterId of 31 bytes", [
    [1, id.subarray(1), 48_214_907, minutes(30), id],
  ])
  await add(
    "format",
    "a reading without the time it was received",
    linkedWith(small, (r) => r.meters[0]!.readings, cborBlock([[bytesFor("reading")]])),
  )

  await root("count", "one reading more than there are", (r) => (r.meters[0]!.count = 6))
  await root("count", "one reading less than there are", (r) => (r.meters[0]!.count = 4))
  await root("count", "a chunk left out", (r) => (r.meters[0]!.readings = []))
  await root("count", "a chunk twice", (r) => r.meters[0]!.readings.push(r.meters[0]!.readings[0]!))
  await root("twice", `meter ${meter.meterId.slice(0, 10)} twice`, (r) => r.meters.push(r.meters[0]!))
  return found
}

/** What is wrong with a sealed part: some of it only who opens it can see. */
async function damagedSeals(identities: Identities): Promise<Damaged> {
  const auditor = identities.find(({ name }) => name === "auditor")!
  const first = firstBatch()
  const found: Damaged = []
  const withParts = async (parts: HouseholdEvidence[]) =>
    buildEvidence({ ...first, households: parts }, () => [auditor.recipient])
  const add = async (reason: DamageReason, name: string, built: Built, inside = true) =>
    found.push({
      name,
      reason,
      root: built.root.toString(),
      ...(inside && { opensWith: auditor.name }),
      car: await carOf(built),
    })
  const part = first.households[1]!
  const one = await withParts([part])
  const contents = (root: RootValue) =>
    (root.sealed as { household: Uint8Array; content: CID[] }[])[0]!.content
  const sealed = async (content: Uint8Array) =>
    linkedWith(one, contents, rawBlock(await seal(content, [auditor.recipient])))
  const content = { meters: [], records: [[minutes(0)], [minutes(15), 0, 300, 0, 0, 300]] }
  const good = dagCbor.encode(content)

  await add("inside", "not DAG-CBOR inside", await sealed(new TextEncoder().encode("hello")))
  await add("inside", "a byte behind the content", await sealed(concatBytes(good, Uint8Array.of(0))))
  await add(
    "inside",
    "the content's map length in two bytes",
    await sealed(concatBytes(Uint8Array.of(0xb8, 2), good.subarray(1))),
  )
  await add(
    "format",
    "a record of two inside",
    await sealed(dagCbor.encode({ ...content, records: [[minutes(0), 5]] })),
  )
  await add("format", "a field more inside", await sealed(dagCbor.encode({ ...content, note: 1 })))
  await add("twice", "a public meter sealed as well", await withParts([{ ...part, meters: first.meters }]))
  await add("twice", "a household twice", await withParts([part, part]), false)
  await add(
    "codec",
    "a sealed part in a DAG-CBOR block",
    linkedWith(one, contents, cborBlock(new TextEncoder().encode("age-encryption.org/v1"))),
    false,
  )
  await add(
    "format",
    "a sealed part without content",
    rootWith(one, (r) => contents(r).pop()),
    false,
  )
  return found
}

/** What format 2 has more of. */
async function damagedAccounts(
  stating: Evidence,
  stated: Built,
  small: Built,
  identities: Identities,
): Promise<Damaged> {
  const auditor = identities.find(({ name }) => name === "auditor")!
  const found: Damaged = []
  const add = async (reason: DamageReason, name: string, built: Built, inside = false) =>
    found.push({
      name: `format 2: ${name}`,
      reason,
      root: built.root.toString(),
      ...(inside && { opensWith: auditor.name }),
      car: await carOf(built),
    })
  const root = (name: string, change: (root: RootValue) => unknown) =>
    add("format", name, rootWith(small, change))
  const statements = (name: string, row: unknown) =>
    add(
      "format",
      name,
      linkedWith(small, (r) => r.statements, cborBlock([row])),
    )
  await root("rules without accounts", (r) => Reflect.deleteProperty(r.rules, "accounts"))
  await root("rules of version 1", (r) => (r.rules.version = 1))
  await root("format 1 with its rules", (r) => (r.format = "commonwatt/evidence/1"))
  await root("a tariff without a price", (r) => {
    const [tariff] = accounts.tariffs
    const { unitsPerKWh: _, ...priceless } = tariff!
    r.rules.accounts = { ...accounts, tariffs: [priceless] }
  })
  await root("no tariff at all", (r) => (r.rules.accounts = { ...accounts, tariffs: [] }))
  await root(
    "a tariff whose period ends before it begins",
    (r) =>
      (r.rules.accounts = {
        ...accounts,
        tariffs: [{ ...accounts.tariffs[0]!, periods: [{ fromMinute: 60, toMinute: 60, unitsPerKWh: 1 }] }],
      }),
  )
  const household = new Uint8Array(20)
  await statements("an account of 19 bytes", [2, household.subarray(1), 5, minutes(30)])
  await statements("an account without a time", [2, household, 5])
  await statements("a credit as text", [2, household, "5", minutes(30)])
  await statements("a statement of kind 3", [3, household, 5, minutes(30)])
  const parts = (r: RootValue) => r.sealed as { commitment?: Uint8Array; content: CID[] }[]
  await add(
    "format",
    "a sealed part without a commitment",
    rootWith(stated, (r) => Reflect.deleteProperty(parts(r)[0]!, "commitment")),
  )

  const one = await buildEvidence({ ...stating, households: [stating.households[1]!] }, () => [
    auditor.recipient,
  ])
  const good = dagCbor.encode({ meters: [], records: [[minutes(0)]], seed: new Uint8Array(32) })
  const inside = async (name: string, reason: DamageReason, length: number, content: Uint8Array) => {
    const bytes = concatBytes(new Uint8Array(4), content)
    new DataView(bytes.buffer).setUint32(0, length)
    const file = rawBlock(await seal(bytes, [auditor.recipient]))
    const built = linkedWith(one, (r) => parts(r)[0]!.content, file)
    const unlinked = one.blocks[0]!.cid
    await add(
      reason,
      name,
      { ...built, blocks: built.blocks.filter(({ cid }) => !cid.equals(unlinked)) },
      true,
    )
  }
  const zeros = new Uint8Array(8)
  await inside("more inside than there is", "inside", good.length + 9, concatBytes(good, zeros))
  await inside("not padded with zeros", "inside", good.length, concatBytes(good, zeros.with(7, 1)))
  const unsalted = dagCbor.encode({ meters: [], records: [[minutes(0)]] })
  await inside("no seed inside", "format", unsalted.length, unsalted)
  return found
}

/** What may be wrong with a table of emission factors, and with its name. */
async function damagedFactors(small: Built, counted: Built): Promise<Damaged> {
  const found: Damaged = []
  const add = async (reason: DamageReason, name: string, built: Built) =>
    found.push({ name: `factors: ${name}`, reason, root: built.root.toString(), car: await carOf(built) })
  type Entry = { [name: string]: unknown; sha256: Uint8Array; table: CID | null }
  const entry = (root: RootValue) => root.factors as Entry
  const named = (name: string, change: (factors: Entry) => unknown, reason: DamageReason = "format") =>
    add(
      reason,
      name,
      rootWith(counted, (root) => change(entry(root))),
    )
  const text = new TextDecoder().decode(gridTable)
  const tabled = (name: string, table: string) => {
    const block = rawBlock(new TextEncoder().encode(table))
    const built = rootWith(counted, (root) => {
      entry(root).table = block.cid
      entry(root).sha256 = block.cid.multihash.digest
    })
    return add("factors", name, { ...built, blocks: [block, ...built.blocks] })
  }
  const isTable = ({ bytes }: Block) => bytes.length === gridTable.length
  const flipped = ({ cid, bytes }: Block) => ({ cid, bytes: bytes.with(bytes.length - 2, 0x32) })
  await add("missing", "the table missing", {
    ...counted,
    blocks: counted.blocks.filter((block) => !isTable(block)),
  })
  await add("changed", "a digit of the table changed", {
    ...counted,
    blocks: counted.blocks.map((block) => (isTable(block) ? flipped(block) : block)),
  })
  const structured = cborBlock(text)
  const inCbor = rootWith(counted, (root) => {
    entry(root).table = structured.cid
  })
  await add("codec", "the table in a DAG-CBOR block", { ...inCbor, blocks: [structured, ...inCbor.blocks] })
  await named("another hash than the table's", (factors) => (factors.sha256 = bytesFor("table")), "factors")
  await named("another version than the table's", (factors) => (factors.version = "2"), "factors")
  await tabled("no source in the table", text.replace("# source", "# from"))
  await tabled("an hour twice in the table", text.replace("16:00+02:00", "12:00Z"))
  await tabled("a table without hours", text.slice(0, text.indexOf("2026-06")))
  await tabled("a factor in tonnes", text.replace("351", "351000"))
  await tabled("a day that there is not", text.replace("06-21T12", "02-30T12"))
  await named("a grid without a name", (factors) => (factors.grid = ""))
  await named("a name that runs backwards", (factors) => (factors.source = "made up\u202e"))
  await named("a hash of 31 bytes", (factors) => (factors.sha256 = factors.sha256.subarray(1)))
  await named("a field more", (factors) => (factors.unit = "g/kWh"))
  await named("a field less", (factors) => Reflect.deleteProperty(factors, "table"))
  await add(
    "format",
    "nothing in their place",
    rootWith(counted, (root) => (root.factors = null)),
  )
  await add(
    "format",
    "in format 1",
    rootWith(small, (root) => {
      root.factors = { ...entry(dagCbor.decode<RootValue>(counted.blocks.at(-1)!.bytes)), table: null }
    }),
  )
  return found
}

async function damagedFiles(small: Built): Promise<Damaged> {
  const car = Buffer.from(await carOf(small), "base64")
  const of = (name: string, bytes: Uint8Array) => ({
    name,
    reason: "car" as const,
    root: small.root.toString(),
    car: Buffer.from(bytes).toString("base64"),
  })
  return [
    of("a CAR file that is cut in its last block", car.subarray(0, -10)),
    of("a CAR file that is cut in its header", car.subarray(0, 20)),
    of("an empty file", new Uint8Array()),
    of("a CAR file of version 2", Buffer.concat([Buffer.from("0aa16776657273696f6e02", "hex"), car])),
    of("a web page", new TextEncoder().encode("<!doctype html><title>Not found</title>")),
  ]
}

/** Random numbers that come out the same each time: SHA-256 over a counter, for vectors and nothing else. */
export async function withFixedRandomness<T>(seed: string, work: () => Promise<T>): Promise<T> {
  let counter = 0
  const fill = (array: Uint8Array): Uint8Array => {
    for (let i = 0; i < array.length; i += 32)
      array.set(bytesFor(`${seed} ${counter++}`).subarray(0, array.length - i), i)
    return array
  }
  Object.defineProperty(globalThis.crypto, "getRandomValues", { value: fill, configurable: true })
  try {
    return await work()
  } finally {
    delete (globalThis.crypto as { getRandomValues?: unknown }).getRandomValues
  }
}
