import * as dagCbor from "@ipld/dag-cbor"
import { z } from "zod"
import {
  type Block,
  type BlockSource,
  BrokenBlock,
  CID,
  cborBlock,
  fetchCbor,
  fetchRaw,
  maxBlockBytes,
  rawBlock,
} from "./block.ts"
import { commitmentTo, seedBytes } from "./commitment.ts"
import { factorsOut, factorsShape, fetchFactors, type NamedFactors } from "./factors-in-evidence.ts"
import { concatBytes, equalBytes, fromHex, type Hex, toHex } from "./hex.ts"
import type { HouseholdRecord } from "./household-record.ts"
import { isScheme, type Scheme } from "./meter.ts"
import type { LaterKey } from "./meter-keys.ts"
import { type Identity, type Recipient, sealStream, unseal } from "./seal.ts"
import { type SharingKey, sharingKeyShape } from "./sharing-key.ts"
import type { Statement } from "./statement.ts"
import { type Accounts, accountsShape } from "./tariff.ts"

export type { HouseholdRecord }

/** The rules that a batch was computed by. Their version is that of the evidence's format. */
export type Rules = CommonRules & ({ version: 1 } | { version: 2; accounts: Accounts | null })

export interface CommonRules {
  intervalSeconds: number
  /** Of a key with rows, those that are in force in the batch. */
  sharingKey: SharingKey
  headroomBasisPoints: number
  clockToleranceSeconds: number
}

/** A reading as the gateway took it in. The order of arrival is kept. */
export interface ReceivedReading {
  /** Unix seconds by the gateway's clock. */
  received: number
  /** The reading's bytes, verbatim. */
  bytes: Uint8Array
}

/** A meter's authentic readings since the batch before, counted ones and doubtful ones, in order of arrival. */
export interface MeterReadings {
  meterId: Hex
  scheme: Scheme
  /** Its first key, of which its meterId is made. */
  publicKey: Uint8Array
  /** The keys after that, in order; left out where there are none. From version 2 on. */
  laterKeys?: readonly LaterKey[]
  readings: ReceivedReading[]
}

/** Generation of one meter in one interval; undefined is a gap. */
export interface GenerationRecord {
  meterId: Hex
  start: number
  generatedWh: bigint | undefined
}

/** What shows a household's consumption: encrypted to the community's auditors and the household. */
export interface HouseholdEvidence {
  household: Hex
  meters: MeterReadings[]
  records: HouseholdRecord[]
}

export interface Evidence {
  chainId: number
  oracle: Hex
  site: number
  number: bigint
  /** Where its intervals begin: the time of the batch before, or any boundary for a site's first. */
  from: number
  /** The batch's time, where its intervals end: a boundary, Unix seconds. */
  time: number
  /** Root block of the batch before; null for the first. */
  previous: CID | null
  rules: Rules
  /** The table by which the community counts the CO2 that it avoids, where it has one. */
  factors?: NamedFactors
  /** Meters that measure generation alone: public. */
  meters: MeterReadings[]
  generation: GenerationRecord[]
  /** In the order in which the tree's leaves were given: meters' statements, then accounts'. */
  statements: Statement[]
  root: Hex
  households: HouseholdEvidence[]
}

/** A meter's readings that are fetched as they are written, more than once and the same each time. */
export interface MeterSource extends Omit<MeterReadings, "readings"> {
  count: number
  readings: Iterable<ReceivedReading> | AsyncIterable<ReceivedReading>
}

/** Evidence to be written whose readings need not be in memory. */
export interface EvidenceSource extends Omit<Evidence, "meters" | "households"> {
  meters: readonly MeterSource[]
  households: readonly HouseholdSource[]
}

interface HouseholdSource extends Omit<HouseholdEvidence, "meters"> {
  meters: readonly MeterSource[]
}

/** Evidence as read: without a key for it, a household's part stays sealed. */
export interface OpenedEvidence extends Omit<Evidence, "households"> {
  cid: CID
  households: HouseholdEvidence[]
  /** Households whose part no given identity could open. */
  sealed: Hex[]
  /** Of these, those whose part is not to be had: erased, or kept back. */
  erased: Hex[]
  /** From version 2 on: what fixes each household's records without showing them. */
  commitments: Commitment[]
}

export interface Commitment {
  household: Hex
  /** The root over its records (`commitmentTo`). */
  root: Hex
  /** What its records' salts come from: known to who could open the household's part. */
  seed: Uint8Array | undefined
}

const formats = { 1: "commonwatt/evidence/1", 2: "commonwatt/evidence/2" } as const

/**
 * Readings in one block, and their bytes: about 120 kB of Commonwatt's own, so that a box with little memory builds
 * and serves one at a time; fewer of the long records of makers' formats, so that a block stays below 1 MiB.
 */
const readingsPerChunk = 1000
const readingBytesPerChunk = 512 * 1024

/** Generation records or statements in one block: a statement takes up to 88 bytes, so that 10,000 stay below 1 MiB. */
const rowsPerChunk = 10_000

/** Makes the blocks of a batch's evidence in memory; the last one is the root. */
export async function buildEvidence(
  evidence: Evidence,
  recipientsOf: (household: Hex) => readonly Recipient[],
): Promise<{ root: CID; blocks: Block[] }> {
  const blocks: Block[] = []
  const counting = (meter: MeterReadings): MeterSource => ({ ...meter, count: meter.readings.length })
  const root = await writeEvidence(
    {
      ...evidence,
      meters: evidence.meters.map(counting),
      households: evidence.households.map((home) => ({ ...home, meters: home.meters.map(counting) })),
    },
    recipientsOf,
    (block) => blocks.push(block),
  )
  return { root, blocks }
}

/**
 * Makes the blocks of a batch's evidence one after the other; the last one is the root. Of the readings one chunk at a
 * time is in memory, of a sealed part one block.
 * @param recipientsOf who may open a household's part.
 * @param keep takes each block as it is made.
 */
export async function writeEvidence(
  evidence: EvidenceSource,
  recipientsOf: (household: Hex) => readonly Recipient[],
  keep: (block: Block) => void,
): Promise<CID> {
  const put = (block: Block): CID => {
    keep(block)
    return block.cid
  }
  const sealed = []
  for (const home of evidence.households) {
    const { household, records } = home
    const seed =
      evidence.rules.version > 1 ? globalThis.crypto.getRandomValues(new Uint8Array(seedBytes)) : undefined
    const inside = seed ? padded(home, seed) : contentOf(home)
    const content: CID[] = []
    for await (const block of ofSize(maxBlockBytes, await sealStream(inside, recipientsOf(household))))
      content.push(put(rawBlock(block)))
    sealed.push({
      household: fromHex(household, 20),
      content,
      ...(seed && { commitment: fromHex(commitmentTo(household, records, seed), 32) }),
    })
  }
  const meters = []
  for (const meter of evidence.meters) {
    const readings: CID[] = []
    for await (const chunk of readingChunks(meter)) readings.push(put(cborBlock(chunk.map(readingOut))))
    meters.push({ ...meterHead(meter), count: meter.count, readings })
  }
  const factors = evidence.factors && factorsOut(evidence.factors)
  if (factors?.block) put(factors.block)
  const root = cborBlock({
    format: formats[evidence.rules.version],
    chain: evidence.chainId,
    oracle: fromHex(evidence.oracle, 20),
    site: evidence.site,
    number: evidence.number,
    from: evidence.from,
    time: evidence.time,
    previous: evidence.previous,
    rules: evidence.rules,
    ...(factors && { factors: factors.entry }),
    meters,
    generation: slices(evidence.generation, rowsPerChunk).map((chunk) =>
      put(cborBlock(chunk.map(generationOut))),
    ),
    statements: slices(evidence.statements, rowsPerChunk).map((chunk) =>
      put(cborBlock(chunk.map(statementOut))),
    ),
    root: fromHex(evidence.root, 32),
    sealed,
  })
  return put(root)
}

/**
 * Reads a batch's evidence, checking every block against its address and every field against the format.
 * Judges nothing beyond that: whether it is true is for the rules to say.
 * @throws BrokenBlock naming the block and what is wrong with it.
 */
export async function readEvidence(
  cid: CID,
  source: BlockSource,
  identities: readonly Identity[],
): Promise<OpenedEvidence> {
  const head = await readRoot(cid, source)
  const meters: MeterReadings[] = []
  for (const meter of head.meters) {
    const readings = (await fetchRows(source, meter.readings, readingsShape)).map(readingIn)
    if (readings.length !== meter.count)
      throw new BrokenBlock(
        cid,
        `names ${meter.count} readings of meter ${toHex(meter.meter)}, its chunks hold ${readings.length}`,
      )
    meters.push({ ...meterHeadIn(meter), readings })
  }
  const households: HouseholdEvidence[] = []
  const sealed: Hex[] = []
  const erased: Hex[] = []
  const commitments: Commitment[] = []
  for (const part of head.sealed) {
    const household = toHex(part.household)
    const file = await fetchSealed(source, part.content)
    const opened = file && (await unseal(file, identities))
    let seed: Uint8Array | undefined
    if (!file) erased.push(household)
    if (!opened) sealed.push(household)
    else {
      const { seed: ownSeed, ...inside } = openHousehold(head.rules.version, part.content[0]!, opened)
      seed = ownSeed
      households.push({ household, ...inside })
    }
    if ("commitment" in part) commitments.push({ household, root: toHex(part.commitment), seed })
  }
  checkOnce(cid, "household", [...households.map(({ household }) => household), ...sealed])
  checkOnce(
    cid,
    "meter",
    [...meters, ...households.flatMap((household) => household.meters)].map(({ meterId }) => meterId),
  )
  return {
    cid,
    chainId: head.chain,
    oracle: toHex(head.oracle),
    site: head.site,
    number: head.number,
    from: head.from,
    time: head.time,
    previous: head.previous,
    rules: head.rules,
    ...("factors" in head && head.factors && { factors: await fetchFactors(head.factors, source) }),
    meters,
    generation: (await fetchRows(source, head.generation, generationShape)).map(generationIn),
    statements: (await fetchRows(source, head.statements, statementShapes[head.rules.version])).map(
      statementIn,
    ),
    root: toHex(head.root),
    households,
    sealed,
    erased,
    commitments,
  }
}

/** Reads the root block alone. @throws BrokenBlock */
export async function readRoot(cid: CID, source: BlockSource) {
  return parse(cid, rootShape, await fetchCbor(source, cid))
}

/** A sealed part's file; undefined where a block of it is not to be had: a member may be erased. @throws BrokenBlock */
async function fetchSealed(source: BlockSource, links: readonly CID[]): Promise<Uint8Array | undefined> {
  const slices: Uint8Array[] = []
  let whole = true
  for (const link of links) {
    const bytes = await source(link)
    if (bytes) slices.push(await fetchRaw(async () => bytes, link))
    else whole = false
  }
  return whole ? concatBytes(...slices) : undefined
}

function openHousehold(
  version: Rules["version"],
  cid: CID,
  opened: Uint8Array,
): Omit<HouseholdEvidence, "household"> & { seed: Uint8Array | undefined } {
  const content = version > 1 ? unpadded(cid, opened) : opened
  let value: unknown
  try {
    value = dagCbor.decode(content)
  } catch {
    throw new BrokenBlock(cid, "opens, but what is inside is not DAG-CBOR")
  }
  const { meters, records, seed } = parse(cid, version > 1 ? saltedShape : householdShape, value)
  if (!equalBytes(dagCbor.encode(value), content)) throw new BrokenBlock(cid, "is not canonical inside")
  return {
    meters: meters.map((meter) => ({ ...meterHeadIn(meter), readings: meter.readings.map(readingIn) })),
    records: records.map(recordIn),
    seed,
  }
}

/** More than any record takes: a start, and five energies of 9 bytes. */
const recordBytes = 64

/**
 * The length of the content, the content, and zeros. How much a home uses makes its records longer or shorter by some
 * bytes, so each record counts as the longest there is; and what is left, how much the meters said, is rounded up, so
 * that the length of what is sealed tells little about it. The content is made twice: its length stands before it.
 */
async function* padded(home: HouseholdSource, seed: Uint8Array): AsyncGenerator<Uint8Array> {
  let length = 0
  for await (const part of contentOf(home, seed)) length += part.length
  const written = dagCbor.encode(home.records.map(recordOut)).length
  const size = roundedUp(4 + length - written + recordBytes * (home.records.length + 1))
  const head = new Uint8Array(4)
  new DataView(head.buffer).setUint32(0, length)
  yield head
  yield* contentOf(home, seed)
  for (let left = size - 4 - length; left > 0; left -= zeros.length) yield zeros.subarray(0, left)
}

const zeros = new Uint8Array(64 * 1024)

/** A household's content in DAG-CBOR, whose maps have their shorter keys first, in parts as its readings come. */
async function* contentOf(
  { meters, records }: HouseholdSource,
  seed?: Uint8Array,
): AsyncGenerator<Uint8Array> {
  yield cborHead("map", seed ? 3 : 2)
  if (seed) yield* entry("seed", seed)
  yield dagCbor.encode("meters")
  yield cborHead("list", meters.length)
  for (const meter of meters) {
    const head = meterHead(meter)
    yield cborHead("map", Object.keys(head).length + 1)
    yield* entry("key", head.key)
    if (head.later) yield* entry("later", head.later)
    yield* entry("meter", head.meter)
    yield* entry("scheme", head.scheme)
    yield dagCbor.encode("readings")
    yield cborHead("list", meter.count)
    for await (const chunk of readingChunks(meter))
      yield dagCbor.encode(chunk.map(readingOut)).subarray(cborHead("list", chunk.length).length)
  }
  yield* entry("records", records.map(recordOut))
}

const entry = (key: string, value: unknown) => [dagCbor.encode(key), dagCbor.encode(value)]

/** What stands before the items of a list or a map: the kind and how many, in the fewest bytes (RFC 8949, 3). */
function cborHead(kind: "list" | "map", count: number): Uint8Array {
  const major = { list: 0x80, map: 0xa0 }[kind]
  const head = dagCbor.encode(count)
  head[0]! |= major
  return head
}

/** To the next of 4, 5, 6, 7, 8, 10, 12, 14, 16, 20 … KiB: at most a quarter more. */
function roundedUp(bytes: number): number {
  let step = 1024
  while (8 * step < bytes) step *= 2
  return Math.max(4096, Math.ceil(bytes / step) * step)
}

function unpadded(cid: CID, opened: Uint8Array): Uint8Array {
  if (opened.length < 4) throw new BrokenBlock(cid, "is not canonical inside: it has no length")
  const end = 4 + new DataView(opened.buffer, opened.byteOffset).getUint32(0)
  if (end > opened.length || opened.subarray(end).some((byte) => byte !== 0))
    throw new BrokenBlock(cid, "is not canonical inside: it is not as long as it says")
  return opened.subarray(4, end)
}

/** A list that is kept in several blocks. @throws BrokenBlock */
async function fetchRows<T>(source: BlockSource, links: readonly CID[], shape: z.ZodType<T[]>): Promise<T[]> {
  const rows: T[] = []
  for (const link of links)
    for (const row of parse(link, shape, await fetchCbor(source, link))) rows.push(row)
  return rows
}

/** @throws BrokenBlock when a name is there twice: what the second one means nobody could say. */
function checkOnce(cid: CID, what: string, names: readonly Hex[]): void {
  const seen = new Set<Hex>()
  for (const name of names) {
    if (seen.has(name)) throw new BrokenBlock(cid, `names ${what} ${name} twice`)
    seen.add(name)
  }
}

function slices<T extends { length: number; slice(from: number, to: number): T }>(
  items: T,
  length: number,
): T[] {
  const out: T[] = []
  for (let i = 0; i < items.length; i += length) out.push(items.slice(i, i + length))
  return out
}

/** @throws Error when there are not as many readings as were announced. */
async function* readingChunks({ meterId, count, readings }: MeterSource): AsyncGenerator<ReceivedReading[]> {
  let chunk: ReceivedReading[] = []
  let bytes = 0
  let seen = 0
  for await (const reading of readings) {
    seen++
    bytes += reading.bytes.length
    if (chunk.length === readingsPerChunk || (chunk.length > 0 && bytes > readingBytesPerChunk)) {
      yield chunk
      chunk = []
      bytes = reading.bytes.length
    }
    chunk.push(reading)
  }
  if (chunk.length > 0) yield chunk
  if (seen !== count) throw new Error(`Meter ${meterId} has ${seen} readings where ${count} were announced.`)
}

/** The same bytes in parts of one size, the last one shorter. */
async function* ofSize(size: number, parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let block = new Uint8Array(size)
  let used = 0
  for await (let part of parts)
    while (part.length > 0) {
      const taken = part.subarray(0, size - used)
      block.set(taken, used)
      used += taken.length
      part = part.subarray(taken.length)
      if (used < size) continue
      yield block
      block = new Uint8Array(size)
      used = 0
    }
  if (used > 0) yield block.slice(0, used)
}

const meterHead = ({ meterId, scheme, publicKey, laterKeys = [] }: Omit<MeterReadings, "readings">) => ({
  meter: fromHex(meterId, 32),
  scheme,
  key: publicKey,
  ...(laterKeys.length > 0 && { later: laterKeys.map(laterOut) }),
})
const meterHeadIn = ({ meter, scheme, key, later }: MeterHead) => ({
  meterId: toHex(meter),
  scheme,
  publicKey: key,
  ...(later && { laterKeys: later.map(laterIn) }),
})
const laterOut = ({ from, scheme, publicKey }: LaterKey) => [from, scheme, fromHex(publicKey)] as const
const laterIn = ([from, scheme, key]: LaterRow): LaterKey => ({ from, scheme, publicKey: toHex(key) })
const readingOut = ({ received, bytes }: ReceivedReading) => [received, bytes] as const
const readingIn = ([received, bytes]: readonly [number, Uint8Array]): ReceivedReading => ({ received, bytes })
const generationOut = ({ meterId, start, generatedWh }: GenerationRecord) =>
  [fromHex(meterId, 32), start, generatedWh ?? null] as const
const generationIn = ([meterId, start, generatedWh]: z.infer<
  typeof generationShape
>[number]): GenerationRecord => ({
  meterId: toHex(meterId),
  start,
  generatedWh: generatedWh ?? undefined,
})
const statementOut = (s: Statement) =>
  s.kind === 1
    ? ([1, fromHex(s.meterId, 32), s.generatedWh, s.time, fromHex(s.reading, 32)] as const)
    : ([2, fromHex(s.household, 20), s.credit, s.time] as const)
const statementIn = (row: z.infer<(typeof statementShapes)[2]>[number]): Statement => {
  if (row[0] === 2) return { kind: 2, household: toHex(row[1]), credit: row[2], time: row[3] }
  const [kind, meterId, generatedWh, time, reading] = row
  return { kind, meterId: toHex(meterId), generatedWh, time, reading: toHex(reading) }
}
const recordOut = ({ start, energy }: HouseholdRecord) =>
  energy
    ? [start, energy.generatedWh, energy.importedWh, energy.exportedWh, energy.givenWh, energy.receivedWh]
    : [start]
const recordIn = (record: z.infer<typeof recordShape>): HouseholdRecord => {
  if (record.length === 1) return { start: record[0], energy: undefined }
  const [start, generatedWh, importedWh, exportedWh, givenWh, receivedWh] = record
  return { start, energy: { generatedWh, importedWh, exportedWh, givenWh, receivedWh } }
}

const bytesOf = (length: number) =>
  z.instanceof(Uint8Array).refine((bytes) => bytes.length === length, `must be ${length} bytes`)
const link = z.instanceof(CID)
const count = z.number().int().nonnegative()
const wh = z.union([count, z.bigint().nonnegative()]).transform(BigInt)
const readingsShape = z.array(z.tuple([count, z.instanceof(Uint8Array)]))
const scheme = z.custom<Scheme>(isScheme, "must be a signature scheme")
const meterFields = { meter: bytesOf(32), scheme, key: z.instanceof(Uint8Array) }
/** A key after the first: since when it is in force, its scheme, and the key. */
const laterRow = z.tuple([count.positive(), scheme, z.instanceof(Uint8Array)])
type LaterRow = z.infer<typeof laterRow>
const later = z
  .array(laterRow)
  .min(1)
  .refine((rows) => rows.every(([from], i) => i === 0 || from > rows[i - 1]![0]), "must be in order of time")
const laterField = { later: later.exactOptional() }
type MeterHead = z.infer<z.ZodObject<typeof meterFields & typeof laterField>>
const rulesFields = {
  intervalSeconds: count.positive(),
  sharingKey: sharingKeyShape,
  headroomBasisPoints: count,
  clockToleranceSeconds: count,
}
const sealedFields = { household: bytesOf(20), content: z.array(link).min(1) }
const rootFields = {
  chain: count,
  oracle: bytesOf(20),
  site: count,
  number: wh,
  from: count,
  time: count,
  previous: link.nullable(),
  generation: z.array(link),
  statements: z.array(link),
  root: bytesOf(32),
}
const openMeter = { ...meterFields, count, readings: z.array(link) }
const rootShape = z.discriminatedUnion("format", [
  z.strictObject({
    ...rootFields,
    format: z.literal(formats[1]),
    rules: z.strictObject({ ...rulesFields, version: z.literal(1) }),
    meters: z.array(z.strictObject(openMeter)),
    sealed: z.array(z.strictObject(sealedFields)),
  }),
  z.strictObject({
    ...rootFields,
    format: z.literal(formats[2]),
    rules: z.strictObject({ ...rulesFields, version: z.literal(2), accounts: accountsShape.nullable() }),
    meters: z.array(z.strictObject({ ...openMeter, ...laterField })),
    factors: factorsShape.exactOptional(),
    sealed: z.array(z.strictObject({ ...sealedFields, commitment: bytesOf(32) })),
  }),
])
const generationShape = z.array(z.tuple([bytesOf(32), count, wh.nullable()]))
const units = z
  .union([z.number().int(), z.bigint()])
  .transform(BigInt)
  .refine((credit) => BigInt.asIntN(64, credit) === credit, "must fit into 64 bits")
const meterRow = z.tuple([z.literal(1), bytesOf(32), wh, count, bytesOf(32)])
const accountRow = z.tuple([z.literal(2), bytesOf(20), units, count])
const statementShapes = { 1: z.array(meterRow), 2: z.array(z.union([meterRow, accountRow])) } as const
const recordShape = z.union([z.tuple([count]), z.tuple([count, wh, wh, wh, wh, wh])])
const sealedMeter = { ...meterFields, readings: readingsShape }
const householdShape = z.strictObject({
  meters: z.array(z.strictObject(sealedMeter)),
  records: z.array(recordShape),
  seed: z.undefined().optional(),
})

const saltedShape = householdShape.extend({
  meters: z.array(z.strictObject({ ...sealedMeter, ...laterField })),
  seed: bytesOf(seedBytes),
})

function parse<T extends z.ZodType>(cid: CID, shape: T, value: unknown): z.output<T> {
  const result = shape.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new BrokenBlock(cid, `is not in the format: ${issue?.path.join(".") || "value"}: ${issue?.message}`)
}
