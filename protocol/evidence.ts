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
import { concatBytes, equalBytes, fromHex, type Hex, toHex } from "./hex.ts"
import { isScheme, type Scheme } from "./meter.ts"
import { type Identity, type Recipient, seal, unseal } from "./seal.ts"
import { type SharingKey, sharingKeyShape } from "./sharing-key.ts"
import type { MeterStatement } from "./statement.ts"

/** The rules that a batch was computed by. */
export interface Rules {
  version: 1
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
  publicKey: Uint8Array
  readings: ReceivedReading[]
}

/** Generation of one meter in one interval; undefined is a gap. */
export interface GenerationRecord {
  meterId: Hex
  start: number
  generatedWh: bigint | undefined
}

/** A household's energy in one interval, all its meters together. Undefined energy is a gap. */
export interface HouseholdRecord {
  start: number
  energy:
    | {
        generatedWh: bigint
        importedWh: bigint
        exportedWh: bigint
        /** Of what it exported, what neighbours used; and of what it imported, what came from neighbours. */
        givenWh: bigint
        receivedWh: bigint
      }
    | undefined
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
  /** Meters that measure generation alone: public. */
  meters: MeterReadings[]
  generation: GenerationRecord[]
  /** In the order in which the tree's leaves were given. */
  statements: MeterStatement[]
  root: Hex
  households: HouseholdEvidence[]
}

/** Evidence as read: without a key for it, a household's part stays sealed. */
export interface OpenedEvidence extends Omit<Evidence, "households"> {
  cid: CID
  households: HouseholdEvidence[]
  /** Households whose part no given identity could open. */
  sealed: Hex[]
}

const format = "commonwatt/evidence/1"

/**
 * Readings in one block, and their bytes: about 120 kB of Commonwatt's own, so that a box with little memory builds
 * and serves one at a time; fewer of the long records of makers' formats, so that a block stays below 1 MiB.
 */
const readingsPerChunk = 1000
const readingBytesPerChunk = 512 * 1024

/** Generation records or statements in one block: a statement takes up to 88 bytes, so that 10,000 stay below 1 MiB. */
const rowsPerChunk = 10_000

/**
 * Makes the blocks of a batch's evidence; the last one is the root.
 * @param recipientsOf who may open a household's part.
 */
export async function buildEvidence(
  evidence: Evidence,
  recipientsOf: (household: Hex) => readonly Recipient[],
): Promise<{ root: CID; blocks: Block[] }> {
  const blocks: Block[] = []
  const put = (block: Block): CID => {
    blocks.push(block)
    return block.cid
  }
  const sealed = []
  for (const { household, meters, records } of evidence.households) {
    const content = dagCbor.encode({
      meters: meters.map((meter) => ({ ...meterHead(meter), readings: meter.readings.map(readingOut) })),
      records: records.map(recordOut),
    })
    const file = await seal(content, recipientsOf(household))
    sealed.push({
      household: fromHex(household, 20),
      content: slices(file, maxBlockBytes).map((slice) => put(rawBlock(slice))),
    })
  }
  const root = cborBlock({
    format,
    chain: evidence.chainId,
    oracle: fromHex(evidence.oracle, 20),
    site: evidence.site,
    number: evidence.number,
    from: evidence.from,
    time: evidence.time,
    previous: evidence.previous,
    rules: evidence.rules,
    meters: evidence.meters.map((meter) => ({
      ...meterHead(meter),
      count: meter.readings.length,
      readings: readingChunks(meter.readings).map((chunk) => put(cborBlock(chunk.map(readingOut)))),
    })),
    generation: slices(evidence.generation, rowsPerChunk).map((chunk) =>
      put(cborBlock(chunk.map(generationOut))),
    ),
    statements: slices(evidence.statements, rowsPerChunk).map((chunk) =>
      put(cborBlock(chunk.map(statementOut))),
    ),
    root: fromHex(evidence.root, 32),
    sealed,
  })
  put(root)
  return { root: root.cid, blocks }
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
  for (const { household, content } of head.sealed) {
    const slices: Uint8Array[] = []
    for (const slice of content) slices.push(await fetchRaw(source, slice))
    const opened = await unseal(concatBytes(...slices), identities)
    if (!opened) sealed.push(toHex(household))
    else households.push({ household: toHex(household), ...openHousehold(content[0]!, opened) })
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
    meters,
    generation: (await fetchRows(source, head.generation, generationShape)).map(generationIn),
    statements: (await fetchRows(source, head.statements, statementsShape)).map(statementIn),
    root: toHex(head.root),
    households,
    sealed,
  }
}

/** Reads the root block alone. @throws BrokenBlock */
export async function readRoot(cid: CID, source: BlockSource) {
  return parse(cid, rootShape, await fetchCbor(source, cid))
}

function openHousehold(cid: CID, opened: Uint8Array): Omit<HouseholdEvidence, "household"> {
  let value: unknown
  try {
    value = dagCbor.decode(opened)
  } catch {
    throw new BrokenBlock(cid, "opens, but what is inside is not DAG-CBOR")
  }
  const { meters, records } = parse(cid, householdShape, value)
  if (!equalBytes(dagCbor.encode(value), opened)) throw new BrokenBlock(cid, "is not canonical inside")
  return {
    meters: meters.map((meter) => ({ ...meterHeadIn(meter), readings: meter.readings.map(readingIn) })),
    records: records.map(recordIn),
  }
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

function readingChunks(readings: readonly ReceivedReading[]): ReceivedReading[][] {
  const chunks: ReceivedReading[][] = []
  let bytes = 0
  for (const reading of readings) {
    const last = chunks.at(-1)
    bytes += reading.bytes.length
    if (last && last.length < readingsPerChunk && bytes <= readingBytesPerChunk) last.push(reading)
    else {
      chunks.push([reading])
      bytes = reading.bytes.length
    }
  }
  return chunks
}

const meterHead = ({ meterId, scheme, publicKey }: MeterReadings) => ({
  meter: fromHex(meterId, 32),
  scheme,
  key: publicKey,
})
const meterHeadIn = ({ meter, scheme, key }: z.infer<typeof meterShape>) => ({
  meterId: toHex(meter),
  scheme,
  publicKey: key,
})
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
const statementOut = ({ kind, meterId, generatedWh, time, reading }: MeterStatement) =>
  [kind, fromHex(meterId, 32), generatedWh, time, fromHex(reading, 32)] as const
const statementIn = ([kind, meterId, generatedWh, time, reading]: z.infer<
  typeof statementsShape
>[number]): MeterStatement => ({ kind, meterId: toHex(meterId), generatedWh, time, reading: toHex(reading) })
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
const meterShape = z.object({
  meter: bytesOf(32),
  scheme: z.custom<Scheme>(isScheme, "must be a signature scheme"),
  key: z.instanceof(Uint8Array),
})
const rootShape = z.strictObject({
  format: z.literal(format),
  chain: count,
  oracle: bytesOf(20),
  site: count,
  number: wh,
  from: count,
  time: count,
  previous: link.nullable(),
  rules: z.strictObject({
    version: z.literal(1),
    intervalSeconds: count.positive(),
    sharingKey: sharingKeyShape,
    headroomBasisPoints: count,
    clockToleranceSeconds: count,
  }),
  meters: z.array(meterShape.extend({ count, readings: z.array(link) }).strict()),
  generation: z.array(link),
  statements: z.array(link),
  root: bytesOf(32),
  sealed: z.array(z.strictObject({ household: bytesOf(20), content: z.array(link).min(1) })),
})
const generationShape = z.array(z.tuple([bytesOf(32), count, wh.nullable()]))
const statementsShape = z.array(z.tuple([z.literal(1), bytesOf(32), wh, count, bytesOf(32)]))
const recordShape = z.union([z.tuple([count]), z.tuple([count, wh, wh, wh, wh, wh])])
const householdShape = z.strictObject({
  meters: z.array(meterShape.extend({ readings: readingsShape }).strict()),
  records: z.array(recordShape),
})

function parse<T extends z.ZodType>(cid: CID, shape: T, value: unknown): z.output<T> {
  const result = shape.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new BrokenBlock(cid, `is not in the format: ${issue?.path.join(".") || "value"}: ${issue?.message}`)
}
