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
  firstBoundary,
  isPublic,
  type MeterPart,
} from "../../energy/batch.ts"
import {
  buildEvidence,
  type CommonRules,
  type Evidence,
  type MeterReadings,
} from "../../protocol/evidence.ts"
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
  meters: readonly Meter[]
  recipientsOf: (household: Hex) => readonly Recipient[]
}

/**
 * Makes the next batch from what the journal holds up to the batch's time, with its evidence and its tree.
 * @returns undefined when there is nothing new to state.
 */
export async function buildBatch(journal: Journal, plan: BatchPlan): Promise<NewBatch | undefined> {
  const previous = journal.batches.standingBefore(plan.number)
  const stated = previous ? journal.batches.statements(previous.number) : []
  const taken = plan.meters.map((meter) => takeReadings(journal, meter, plan, stated))
  if (taken.every(({ readings }) => readings.length === 0)) return undefined
  const from =
    previous?.time ??
    firstBoundary(
      plan.meters.map((meter) => meter.startTime),
      plan.rules.intervalSeconds,
    )
  if (plan.time <= from) return undefined
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
  const withReadings = taken.filter(({ readings }) => readings.length > 0)
  // A meter that has never said anything that counts is named all the same: its household's energy is not known.
  const named = taken.filter(
    ({ readings, part }) => readings.length > 0 || (!part.before && part.counted.length === 0),
  )
  const evidence: Evidence = {
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
    meters: named.filter(({ open }) => open).map(meterReadings),
    generation: result.generation,
    statements,
    root,
    households: sealedParts(withReadings, result.households),
  }
  const { root: cid, blocks } = await buildEvidence(evidence, plan.recipientsOf)
  return {
    number: plan.number,
    time: plan.time,
    root,
    evidence: cid,
    statements: result.statements,
    accounts,
    blocks,
    lastReadings: withReadings.map(({ meter, readings }) => ({
      meter: journal.readings.rowId(meter.key.meterId),
      reading: readings.at(-1)!.id,
    })),
  }
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

interface Taken {
  meter: Meter
  part: MeterPart
  readings: StoredReading[]
  open: boolean
}

/** A meter's readings for this batch: in order of arrival, up to the first that counts and is later than the batch. */
function takeReadings(
  journal: Journal,
  meter: Meter,
  { number, time }: BatchPlan,
  stated: readonly MeterStatement[],
): Taken {
  const { meterId } = meter.key
  const last = journal.batches.lastReading(journal.readings.rowId(meterId), number)
  const waiting = journal.readings.after(meterId, last)
  const end = waiting.findIndex((reading) => reading.reason === undefined && reading.time > time)
  const readings = end < 0 ? waiting : waiting.slice(0, end)
  const before = journal.readings.lastCounted(meterId, last)
  const counted = readings.filter((reading) => reading.reason === undefined).map(toCounted)
  const anchor = before ?? counted[0]
  return {
    meter,
    readings,
    open: anchor ? isPublic(anchor.registers) : readings.every((reading) => isPublic(reading.registers)),
    part: {
      meterId,
      household: meter.household,
      startTime: meter.startTime,
      startWh: meter.startWh,
      ratedW: meter.ratedW,
      restarts: meter.restarts,
      stated: stated.find((statement) => statement.meterId === meterId),
      before: before && toCounted(before),
      counted,
    },
  }
}

function toCounted({ time, registers, counters, bytes }: StoredReading): CountedReading {
  return { time, registers, ...(counters && { counters }), digest: readingDigest(bytes) }
}

function meterReadings({ meter, readings }: Taken): MeterReadings {
  const { meterId, scheme, publicKey } = meter.key
  return {
    meterId,
    scheme,
    publicKey,
    readings: readings.map(({ received, bytes }) => ({ received, bytes })),
  }
}

function sealedParts(taken: readonly Taken[], records: ReturnType<typeof computeBatch>["households"]) {
  const sealed = taken.filter(({ open }) => !open)
  const households = new Set([
    ...sealed.map(({ meter }) => meter.household),
    ...records.map((r) => r.household),
  ])
  return [...households].sort().map((household) => ({
    household,
    meters: sealed.filter(({ meter }) => meter.household === household).map(meterReadings),
    records: records.find((record) => record.household === household)?.records ?? [],
  }))
}

/** How a batch appears to people: number and time. */
export function nameOf(batch: Pick<Batch, "number" | "time">): string {
  return `batch ${batch.number} (${new Date(batch.time * 1000).toISOString().replace(".000", "")})`
}
