import { setImmediate } from "node:timers/promises"
import {
  accountStatements,
  booked,
  noAccounting,
  statesAccounts,
  withIntervals,
} from "../../energy/accounts.ts"
import {
  type BatchResult,
  type CountedReading,
  computeBatch,
  essentialReadings,
  firstBoundary,
  isPublic,
  type MeterPart,
} from "../../energy/batch.ts"
import type { Block } from "../../protocol/block.ts"
import {
  type CommonRules,
  type EvidenceSource,
  type MeterSource,
  readRoot,
  writeEvidence,
} from "../../protocol/evidence.ts"
import type { NamedFactors } from "../../protocol/factors-in-evidence.ts"
import { type Hex, toHex } from "../../protocol/hex.ts"
import type { OracleAddress } from "../../protocol/proposal.ts"
import { readingDigest } from "../../protocol/reading.ts"
import type { Recipient } from "../../protocol/seal.ts"
import { keyWithin } from "../../protocol/sharing-key.ts"
import { leafOf, type MeterStatement } from "../../protocol/statement.ts"
import { type Accounts, accountsWithin } from "../../protocol/tariff.ts"
import { buildTree, rootOf } from "../../protocol/tree.ts"
import type { Meter } from "../config.ts"
import type { BatchAccounts } from "../journal/accounts.ts"
import type { Batch, NewBatch } from "../journal/batches.ts"
import type { Journal } from "../journal/journal.ts"
import type { StoredReading } from "../journal/readings.ts"

export interface BatchPlan extends OracleAddress {
  site: number
  number: bigint
  /** An interval boundary, Unix seconds. */
  time: number
  rules: CommonRules
  /** What the community's accounts are kept by; undefined where it keeps none. */
  accounts?: Accounts | undefined
  /** The table by which avoided CO2 is counted; undefined where there is none. */
  factors?: NamedFactors | undefined
  meters: readonly Meter[]
  recipientsOf: (household: Hex) => readonly Recipient[]
}

/** Readings that are read from the journal at a time; between two of these others get their turn. */
const readingsAtATime = 500

/** Blocks that are written together: a commit costs more than a small block. */
const bytesPerCommit = 1024 * 1024

/**
 * Makes the next batch from what the journal holds up to the batch's time, with its tree. Its evidence is in the journal
 * when this returns, for the batch to be added. The readings are gone through a few at a time: to learn what the batch
 * says, and again to write them down.
 * @returns undefined when there is nothing new to state.
 */
export async function buildBatch(journal: Journal, plan: BatchPlan): Promise<NewBatch | undefined> {
  const previous = journal.batches.standingBefore(plan.number)
  const stated = new Map(
    (previous ? journal.batches.statements(previous.number) : []).map((one) => [one.meterId, one]),
  )
  const from =
    previous?.time ??
    firstBoundary(
      plan.meters.map((meter) => meter.startTime),
      plan.rules.intervalSeconds,
    )
  if (plan.time <= from) return undefined
  const taken: Taken[] = []
  for (const meter of plan.meters) taken.push(await takeReadings(journal, meter, plan, from, stated))
  if (taken.every(({ count }) => count === 0)) return undefined
  const result = computeBatch(
    taken.map(({ part }) => part),
    from,
    plan.time,
    plan.rules,
  )
  if (result.statements.length === 0) return undefined

  const keptBy = plan.accounts && accountsWithin(plan.accounts, from, plan.time)
  const accounts = accountsAfter(journal, previous, result.households, keptBy, from, plan.time)
  const statements = [...result.statements, ...(accounts?.statements ?? [])]
  const root = toHex(rootOf(buildTree(statements.map(leafOf))))
  const withReadings = taken.filter(({ count }) => count > 0)
  // A meter that has never said anything that counts is named all the same: its household's energy is not known.
  const named = taken.filter(({ count, part }) => count > 0 || (!part.before && part.counted.length === 0))
  const factors = plan.factors && (await asNamedNext(journal, previous, plan.factors))
  const evidence: EvidenceSource = {
    chainId: plan.chainId,
    oracle: plan.oracle,
    site: plan.site,
    number: plan.number,
    from,
    time: plan.time,
    previous: previous?.evidence ?? null,
    rules: {
      ...plan.rules,
      version: 2,
      sharingKey: keyWithin(plan.rules.sharingKey, from, plan.time),
      accounts: keptBy ?? null,
    },
    ...(factors && { factors }),
    meters: named.filter(({ open }) => open).map((one) => readingsOf(journal, one)),
    generation: result.generation,
    statements,
    root,
    households: sealedParts(journal, withReadings, result.households),
  }
  // Before the evidence is written: what was taken of the meters is not held in memory until it is.
  const lastReadings = withReadings.map(({ meter, last }) => ({
    meter: journal.readings.rowId(meter.key.meterId),
    reading: last,
  }))
  const cid = await keepEvidence(journal, evidence, plan.recipientsOf)
  return {
    number: plan.number,
    time: plan.time,
    root,
    evidence: cid,
    statements: result.statements,
    accounts,
    lastReadings,
  }
}

/** A table that the batch before names is not in this one again. */
async function asNamedNext(
  { batches }: Journal,
  previous: Batch | undefined,
  factors: NamedFactors,
): Promise<NamedFactors> {
  const root = previous && batches.block(previous.evidence)
  if (!root) return factors
  const head = await readRoot(previous.evidence, async () => root)
  const before = "factors" in head ? head.factors : undefined
  return before && toHex(before.sha256) === factors.sha256 ? { ...factors, table: undefined } : factors
}

/** Writes the evidence into the journal block by block. */
async function keepEvidence(
  { batches }: Journal,
  evidence: EvidenceSource,
  recipientsOf: BatchPlan["recipientsOf"],
): Promise<Batch["evidence"]> {
  batches.beginBlocks(evidence.number)
  let waiting: Block[] = []
  let bytes = 0
  const write = () => {
    batches.keepBlocks(evidence.number, waiting)
    waiting = []
    bytes = 0
  }
  const root = await writeEvidence(evidence, recipientsOf, (block) => {
    waiting.push(block)
    bytes += block.bytes.length
    if (bytes >= bytesPerCommit) write()
  })
  write()
  return root
}

/** The accounts behind this batch, and what it states of them; what they were stays where none are kept for a while. */
function accountsAfter(
  journal: Journal,
  previous: Batch | undefined,
  households: BatchResult["households"],
  keptBy: Accounts | undefined,
  from: number,
  time: number,
): BatchAccounts | undefined {
  const before = previous && journal.batches.accounts.accounting(previous.number)
  if (!keptBy) return before && { statements: [], accounting: before }
  const shared = withIntervals(before ?? noAccounting, households, keptBy)
  if (!statesAccounts(keptBy, from, time)) return { statements: [], accounting: shared }
  const accounting = booked(shared, keptBy.fund)
  return { statements: accountStatements(accounting.credits, time), accounting }
}

/** What a batch takes of a meter: `count` readings behind row `after`, up to row `last`. */
interface Taken {
  meter: Meter
  part: MeterPart
  count: number
  after: bigint
  last: bigint
  open: boolean
}

/** A meter's readings for this batch: in order of arrival, up to the first that counts and is later than the batch. */
async function takeReadings(
  journal: Journal,
  meter: Meter,
  { number, time, rules }: BatchPlan,
  from: number,
  stated: ReadonlyMap<Hex, MeterStatement>,
): Promise<Taken> {
  const { meterId } = meter.key
  const after = journal.batches.lastReading(journal.readings.rowId(meterId), number)
  const before = journal.readings.lastCounted(meterId, after)
  const terms = {
    startTime: meter.startTime,
    startWh: meter.startWh,
    ratedW: meter.ratedW,
    restarts: meter.restarts,
    stated: stated.get(meterId),
  }
  const essential = essentialReadings<StoredReading>({ ...terms, before }, from, rules)
  let anchor: StoredReading | undefined = before
  let generatesOnly = true
  let count = 0
  let last = after
  for await (const reading of storedAfter(journal, meterId, after)) {
    if (reading.reason === undefined) {
      if (reading.time > time) break
      essential.add(reading)
      anchor ??= reading
    }
    generatesOnly &&= isPublic(reading.registers)
    count++
    last = reading.id
  }
  return {
    meter,
    count,
    after,
    last,
    open: anchor ? isPublic(anchor.registers) : generatesOnly,
    part: {
      ...terms,
      meterId,
      household: meter.household,
      before: before && toCounted(before),
      counted: essential.kept().map(toCounted),
    },
  }
}

/** A meter's readings behind a row, a few at a time in memory. */
async function* storedAfter(
  { readings }: Journal,
  meterId: Hex,
  after: bigint,
): AsyncGenerator<StoredReading> {
  for (let last = after; ; await setImmediate()) {
    const some = readings.after(meterId, last, readingsAtATime)
    yield* some
    if (some.length < readingsAtATime) return
    last = some.at(-1)!.id
  }
}

function toCounted({ time, registers, counters, bytes }: StoredReading): CountedReading {
  return { time, registers, ...(counters && { counters }), digest: readingDigest(bytes) }
}

/** The readings that were taken, as often as they are gone through. */
function readingsOf(journal: Journal, { meter, count, after, last }: Taken): MeterSource {
  const { meterId, scheme, publicKey } = meter.key
  const laterKeys = journal.keys.later(meterId)
  const readings = {
    async *[Symbol.asyncIterator]() {
      for await (const { id, received, bytes } of storedAfter(journal, meterId, after)) {
        if (id > last) return
        yield { received, bytes }
      }
    },
  }
  return { meterId, scheme, publicKey, laterKeys, count, readings }
}

function sealedParts(
  journal: Journal,
  taken: readonly Taken[],
  records: ReturnType<typeof computeBatch>["households"],
): EvidenceSource["households"] {
  const meters = new Map<Hex, MeterSource[]>(records.map(({ household }) => [household, []]))
  for (const one of taken.filter(({ open }) => !open)) {
    const { household } = one.meter
    meters.set(household, [...(meters.get(household) ?? []), readingsOf(journal, one)])
  }
  const recordsOf = new Map(records.map(({ household, records }) => [household, records]))
  return [...meters.keys()].sort().map((household) => ({
    household,
    meters: meters.get(household)!,
    records: recordsOf.get(household) ?? [],
  }))
}

/** How a batch appears to people: number and time. */
export function nameOf(batch: Pick<Batch, "number" | "time">): string {
  return `batch ${batch.number} (${new Date(batch.time * 1000).toISOString().replace(".000", "")})`
}
