import type { Hex } from "../protocol/hex.ts"
import { Assurance } from "../protocol/meter.ts"
import { keyOf, mintsOf, sumOf } from "./books.ts"
import { batchName, evidenceOf, holds } from "./checked-batch.ts"
import type { CheckResult } from "./checks.ts"
import { lifeOf, type MeterEvent } from "./meter-events.ts"
import { type History, type Proposed, proposalOf, rulesOf, type Settled } from "./record.ts"
import type { BatchOutcome } from "./sites.ts"

/** One batch as the report lists it. */
export interface BatchLine {
  where: string
  site: number
  number: bigint
  oracle: Hex
  /** Where its intervals begin and end, Unix seconds; where it was not read, only the end is known. */
  from: number | undefined
  time: number
  root: Hex
  /** CID of the evidence's root block. */
  evidence: string
  leaves: number
  block: bigint
  transaction: Hex
  verdict: "holds" | "does not hold" | "not to be had" | "cancelled" | "not checked"
  /** Why, where it does not hold or was cancelled. */
  reasons: string[]
  readings: number
  counted: number
  doubtful: number
  /** It was recomputed by an earlier audit of the same cache. */
  fromCache: boolean
}

/** One meter: what the registry says of it from its first day on, and what its readings came to. */
export interface MeterLine {
  meterId: Hex
  /** As registered first; changes are among the events. */
  site: number
  household: Hex
  assurance: "meter" | "gateway"
  ratedW: number
  startWh: bigint
  startTime: number
  events: MeterEvent[]
  readings: number
  counted: number
  /** Readings in doubt, by reason. */
  doubtful: Record<string, number>
  /** Sequence numbers that never came, from `after + 1` to `until - 1`. */
  missing: { after: number; until: number }[]
  /** The register that it was last paid up to, Wh; what that came to in GREEN and certificates. */
  paidUpToWh: bigint
  mintedWh: bigint
  findings: string[]
}

/** One settlement: a register's way that was paid for, and the mints that it is due. */
export interface Payment {
  where: string
  site: number
  number: bigint
  meterId: Hex
  household: Hex
  fromWh: bigint
  toWh: bigint
  fromTime: number
  toTime: number
  /** What is minted for 10,000 Wh by the rules of the proposal; of that, how much goes to the commons. */
  factor: number
  commonsShare: number
  mints: { account: Hex; wh: bigint; certificates: bigint | undefined }[]
  block: bigint
  transaction: Hex
  findings: string[]
}

/** All that was looked at, line by line. */
export interface Ledger {
  batches: BatchLine[]
  meters: MeterLine[]
  payments: Payment[]
}

/** A batch's outcome without what is large: what the ledger keeps of it. */
export interface BatchNotes {
  line: BatchLine
  readingsOf: readonly { meterId: Hex; readings: number }[]
  doubtful: readonly { meterId: Hex; sequence: number; reason: string }[]
  missing: readonly { meterId: Hex; after: number; until: number }[]
}

export function notesOf(outcome: BatchOutcome): BatchNotes {
  const { proposal } = outcome
  if ("unavailable" in outcome) {
    const line: BatchLine = { ...emptyLine(proposal), reasons: [outcome.unavailable] }
    if (proposal.cancelled === undefined) line.verdict = "not to be had"
    return { line, readingsOf: [], doubtful: [], missing: [] }
  }
  const { checked, fromCache } = outcome
  const reasons = [...checked.faults, ...checked.findings.map(({ what }) => what)]
  const line: BatchLine = {
    ...emptyLine(proposal),
    from: checked.from,
    readings: checked.examined.readings,
    counted: checked.counted,
    doubtful: checked.doubtful.length,
    fromCache,
  }
  line.reasons.push(...reasons)
  if (proposal.cancelled === undefined) line.verdict = holds(checked) ? "holds" : "does not hold"
  // A cancelled batch's readings come again in the next.
  else return { line, readingsOf: [], doubtful: [], missing: [] }
  const { readingsOf, doubtful, missing } = checked
  return { line, readingsOf, doubtful, missing }
}

/** @param notes of the batches that were looked at; the others are listed as not checked. */
export function ledgerOf(
  history: History,
  notes: readonly BatchNotes[],
  checks: readonly CheckResult[],
): Ledger {
  const found = new Map<string, string[]>()
  for (const { where, what } of checks.flatMap(({ findings }) => findings))
    found.set(where, [...(found.get(where) ?? []), what])
  const lines = new Map(notes.map(({ line }) => [keyOf(line), line]))
  const payments = history.settled.map((settled) => paymentOf(history, settled, found))
  return {
    batches: history.proposals.map((proposal) => lines.get(keyOf(proposal)) ?? emptyLine(proposal)),
    meters: meterLines(history, notes, payments, found),
    payments,
  }
}

function emptyLine(proposal: Proposed): BatchLine {
  const { site, number, oracle, time, root, leafCount, at, cancelled } = proposal
  return {
    where: batchName(proposal),
    site,
    number,
    oracle,
    from: undefined,
    time: Number(time),
    root,
    evidence: evidenceOf(proposal).toString(),
    leaves: leafCount,
    block: at.block,
    transaction: at.transaction,
    verdict: cancelled === undefined ? "not checked" : "cancelled",
    reasons: cancelled === undefined ? [] : [cancelled],
    readings: 0,
    counted: 0,
    doubtful: 0,
    fromCache: false,
  }
}

function paymentOf(history: History, s: Settled, found: ReadonlyMap<string, string[]>): Payment {
  const proposal = proposalOf(history, s)
  const rules = proposal && rulesOf(history, proposal)?.rules
  const life = history.meters.find(({ meterId }) => meterId === s.meterId)
  const mints = mintsOf(history, s)
  const where = `${batchName(s)} meter ${s.meterId}`
  return {
    where,
    site: s.site,
    number: s.number,
    meterId: s.meterId,
    household: mints[0]?.account ?? life?.household ?? "0x",
    fromWh: s.fromWh,
    toWh: s.toWh,
    fromTime: s.fromTime,
    toTime: s.toTime,
    factor: (life?.assurance === Assurance.gateway ? rules?.gatewayFactor : rules?.meterFactor) ?? 0,
    commonsShare: mints.length > 1 ? (rules?.commonsShare ?? 0) : 0,
    mints: mints.map(({ account, wh, id }) => ({ account, wh, certificates: id })),
    block: s.at.block,
    transaction: s.at.transaction,
    findings: found.get(where) ?? [],
  }
}

function meterLines(
  history: History,
  notes: readonly BatchNotes[],
  payments: readonly Payment[],
  found: ReadonlyMap<string, string[]>,
): MeterLine[] {
  const lines = new Map(
    history.meters.map((life) => {
      const { meterId, site, household, assurance, ratedW, startWh, startTime } = life
      const line: MeterLine = {
        meterId,
        site,
        household,
        assurance: assurance === Assurance.meter ? "meter" : "gateway",
        ratedW,
        startWh,
        startTime,
        events: lifeOf(life),
        readings: 0,
        counted: 0,
        doubtful: {},
        missing: [],
        paidUpToWh: startWh,
        mintedWh: 0n,
        findings: [...found].flatMap(([where, what]) => (where.endsWith(`meter ${meterId}`) ? what : [])),
      }
      return [meterId, line] as const
    }),
  )
  for (const { readingsOf, doubtful, missing } of notes) {
    for (const { meterId, readings } of readingsOf) {
      const line = lines.get(meterId)
      if (!line) continue
      line.readings += readings
      line.counted += readings
    }
    for (const { meterId, reason } of doubtful) {
      const line = lines.get(meterId)
      if (!line) continue
      line.counted--
      line.doubtful[reason] = (line.doubtful[reason] ?? 0) + 1
    }
    for (const { meterId, after, until } of missing) lines.get(meterId)?.missing.push({ after, until })
  }
  for (const { meterId, toWh, mints } of payments) {
    const line = lines.get(meterId)
    if (!line) continue
    line.paidUpToWh = toWh
    line.mintedWh += sumOf(mints)
  }
  return [...lines.values()]
}
