import type { PublicClient } from "viem"
import { judgeReadings, type TwinReadings } from "../protocol/equivocation.ts"
import type { Hex } from "../protocol/hex.ts"
import type { Identity } from "../protocol/seal.ts"
import { attestationFindings } from "./attestations.ts"
import {
  checkMints,
  checkRetirements,
  checkSettlements,
  checkSupply,
  keyOf,
  type ProvenBatch,
  sumOf,
} from "./books.ts"
import { batchName } from "./checked-batch.ts"
import { type CheckName, type CheckResult, checks } from "./checks.ts"
import { checkCode } from "./code.ts"
import { type FactorsInForce, followFactors } from "./emission-factors.ts"
import type { EvidenceSource } from "./evidence-source.ts"
import { readHistory } from "./history.ts"
import { type BatchNotes, type Ledger, ledgerOf, notesOf } from "./ledger.ts"
import { checkPolicies, sharingKeyOf } from "./policies.ts"
import { checkPool, type PoolReport } from "./pool.ts"
import { readPool } from "./pool-history.ts"
import type { MissingReadings, Recomputed } from "./recompute.ts"
import type { History } from "./record.ts"
import { type ValidatorRecord, validatorRecords } from "./signatures.ts"
import { type BatchOutcome, checkSite, type KeptChecks, type Reader } from "./sites.ts"
import { checkContracts, checkProposals } from "./standing-checks.ts"
import { checkTransfers } from "./transfers.ts"
import { findTwins } from "./twins.ts"
import { checkWindows } from "./windows.ts"

export interface AuditReport {
  ok: boolean
  chainId: number
  oracle: Hex
  toBlock: bigint
  checks: CheckResult[]
  readings: number
  counted: number
  doubtful: Recomputed["doubtful"]
  missing: MissingReadings[]
  batches: number
  /** GREEN and certificates that were minted, as their events say, Wh. */
  mintedWh: bigint
  /** Of it, certificates. */
  certificatesWh: bigint
  /** What the meters' own signatures account for, Wh. */
  auditedWh: bigint
  /** GREEN and certificates that were retired, Wh. */
  retiredWh: bigint
  /** Where each site's accounts stand, as its last batch that states them says, in whole token units. */
  credits: { site: number; household: Hex; credit: bigint }[]
  pools: PoolReport[]
  /** Statements that were doubted on chain, and what became of it. */
  challenges: { made: number; answered: number; unanswered: number }
  /** Stakes that were lost: whose, and how much of the chain's smallest coin. */
  slashed: { whose: string; wei: bigint }[]
  /** Proposals that were cancelled, and why. */
  cancelled: { where: string; why: string }[]
  /** How each validator's signatures fared, as the chain alone shows it. */
  validators: ValidatorRecord[]
  gasUsed: bigint
  /** Two readings that a meter signed with one sequence number, found in the evidence. */
  twins: TwinReadings[]
  /** The tables of emission factors that evidence names, from which batch on. */
  emissionFactors: FactorsInForce[]
  /** How many batches were taken from the cache as an earlier audit recomputed them. */
  fromCache: number
  /** Every batch, meter and settlement. */
  ledger: Ledger
}

export interface AuditOptions {
  client: PublicClient
  oracle: Hex
  /** Where the evidence is; without it only the chain is checked. */
  evidence: EvidenceSource | undefined
  identities: readonly Identity[]
  /** The sharing pools to audit with it: no contract of the oracle's knows them. */
  pools?: readonly Hex[]
  progress: (what: string) => void
  /** What earlier audits checked; `client` and `evidence` are best its own, too. */
  kept?: ((history: History) => KeptChecks) | undefined
  /** Makes someone who looks into the evidence of some batches as they are checked. */
  reader?: (history: History) => Reader
}

/** Recomputes everything that an oracle ever minted, from the chain and the evidence alone. */
export async function audit({
  client,
  oracle,
  evidence,
  identities,
  pools = [],
  progress,
  kept: keptOf,
  reader: readerOf,
}: AuditOptions): Promise<AuditReport> {
  const history = await readHistory(client, oracle, (block, of) => progress(`chain: block ${block} of ${of}`))
  const results = new Map<CheckName, CheckResult>(
    (Object.keys(checks) as CheckName[]).map((name) => [
      name,
      { name, title: checks[name], examined: 0, findings: [], skipped: [] },
    ]),
  )
  const result = (name: CheckName) => results.get(name)!
  const report: AuditReport = {
    ok: false,
    chainId: history.chainId,
    oracle: history.oracle,
    toBlock: history.toBlock,
    checks: [...results.values()],
    readings: 0,
    counted: 0,
    doubtful: [],
    missing: [],
    batches: history.proposals.length,
    mintedWh: sumOf(history.minted),
    certificatesWh: sumOf(history.minted.filter(({ id }) => id !== undefined)),
    auditedWh: 0n,
    retiredWh: sumOf(history.retired),
    credits: [],
    pools: [],
    challenges: {
      made: history.challenges.length,
      answered: history.challenges.filter(({ closed }) => closed?.how === "answered").length,
      unanswered: history.challenges.filter(({ closed }) => !closed).length,
    },
    slashed: history.slashed.map(({ whose, wei }) => ({ whose, wei })),
    cancelled: history.proposals.flatMap(({ site, number, cancelled }) =>
      cancelled === undefined ? [] : [{ where: `site ${site} proposal ${number}`, why: cancelled }],
    ),
    validators: validatorRecords(history),
    gasUsed: 0n,
    twins: [],
    emissionFactors: [],
    fromCache: 0,
    ledger: { batches: [], meters: [], payments: [] },
  }

  checkContracts(history, result("contracts"))
  await checkCode(client, history, pools, result("contracts"))
  const timeOf = blockTimes(client)
  await checkPolicies(history, timeOf, result("policy"))
  checkProposals(history, result("proposals"))
  await checkWindows(history, timeOf, result("proposals"))
  const attestations = await attestationFindings(client, history)
  Object.assign(result("attestations"), attestations)

  const proven = new Map<string, ProvenBatch>()
  const notes: BatchNotes[] = []
  const factors = followFactors()
  const reader = readerOf?.(history)
  const kept = keptOf?.(history)
  if (evidence) {
    for (const site of new Set(history.proposals.map((p) => p.site)))
      await checkSite(site, { history, evidence, identities, progress, kept, reader }, (outcome) => {
        noteBatch(outcome, history, report, result, proven)
        notes.push(notesOf(outcome))
        if ("checked" in outcome && outcome.proposal.cancelled === undefined)
          factors.note(outcome.proposal, outcome.checked)
      })
    report.emissionFactors = factors.changes
    report.twins = (await findTwins(notes, evidence, identities)).filter(
      (twins) => judgeReadings(twins).proven,
    )
  } else
    for (const name of [
      "evidence",
      "meters",
      "readings",
      "generation",
      "households",
      "statements",
      "accounts",
      "root",
    ] as const)
      result(name).skipped.push("no --evidence was given")

  const accounted = checkSettlements(history, proven, evidence !== undefined, result("settlements"))
  checkMints(history, result("mints"), result("certificates"))
  checkTransfers(history, result("transfers"))
  checkSupply(history, result("supply"))
  checkRetirements(history, result("retirements"))
  if (pools.length === 0) result("pool").skipped.push("no --pool was given")
  for (const pool of pools) {
    const record = await readPool(client, history, pool)
    report.pools.push(checkPool(history, record, evidence && proven, result("pool")))
  }
  for (const why of changesNotRecomputed(history)) result("meters").skipped.push(why)
  report.auditedWh = accounted
  report.gasUsed = await gasOf(client, history)
  report.ledger = ledgerOf(history, notes, report.checks)
  const failed = report.checks.some(({ findings }) => findings.length > 0)
  report.ok = !failed && evidence !== undefined && report.auditedWh === report.mintedWh
  return report
}

/** What the registry knows of meters and recomputing does not yet follow. */
function changesNotRecomputed({ meters }: History): string[] {
  const iso = (time: number) => new Date(time * 1000).toISOString().replace(".000", "")
  return meters.flatMap(({ meterId, ratings, moves, households, end }) => [
    ...ratings.map(
      ({ time }) =>
        `meter ${meterId}: its rated power changed at ${iso(time)}; a batch is recomputed with the one that was registered when it was proposed, also for readings before the change`,
    ),
    ...moves.map(
      ({ site, time }) =>
        `meter ${meterId}: moved to site ${site} at ${iso(time)}; that site's first batch of it is recomputed without what it read before`,
    ),
    ...households.map(
      ({ time }) =>
        `meter ${meterId}: changed hands at ${iso(time)}; a batch's shares are recomputed for the household that was registered when it was proposed, also for intervals before`,
    ),
    ...(end ? [`meter ${meterId}: ended at ${iso(end.time)}; readings after that are not told apart`] : []),
  ])
}

/** Puts what was found out about one batch into the report. */
function noteBatch(
  outcome: BatchOutcome,
  history: History,
  report: AuditReport,
  result: (name: CheckName) => CheckResult,
  proven: Map<string, ProvenBatch>,
): void {
  const { proposal } = outcome
  const where = batchName(proposal)
  const evidence = result("evidence")
  evidence.examined++
  if ("unavailable" in outcome) {
    if (proposal.cancelled !== undefined)
      evidence.skipped.push(
        `${where} was cancelled (${proposal.cancelled}), and its evidence is not to be had`,
      )
    else evidence.findings.push({ check: "evidence", where, what: outcome.unavailable })
    return
  }
  const { checked, fromCache } = outcome
  if (fromCache) report.fromCache++
  // What is false in a cancelled batch was found out in time: nothing was minted by it.
  if (proposal.cancelled !== undefined) {
    for (const what of [...checked.faults, ...checked.findings.map((finding) => finding.what)])
      report.cancelled.push({ where, why: `recomputed: ${what}` })
    return
  }
  for (const what of checked.faults) evidence.findings.push({ check: "evidence", where, what })
  const unprescribed = "the policy prescribes no sharing key: any is taken as it is"
  if (!sharingKeyOf(history, proposal) && !evidence.skipped.includes(unprescribed))
    evidence.skipped.push(unprescribed)
  for (const finding of checked.findings) result(finding.check as CheckName).findings.push(finding)
  for (const { check, why } of checked.skipped) {
    const { skipped } = result(check)
    if (!skipped.includes(why)) skipped.push(why)
  }
  for (const name of ["meters", "readings", "generation", "households", "statements", "accounts"] as const)
    result(name).examined += checked.examined[name]
  result("root").examined++
  report.readings += checked.examined.readings
  report.counted += checked.counted
  report.doubtful.push(...checked.doubtful)
  report.missing.push(...checked.missing)
  if (checked.findings.length > 0) return
  const { statements, accounts, unproven } = checked
  proven.set(keyOf(proposal), { statements, accounts, unproven })
  if (accounts.length > 0)
    report.credits = [
      ...report.credits.filter(({ site }) => site !== proposal.site),
      ...accounts.map(({ household, credit }) => ({ site: proposal.site, household, credit })),
    ]
}

function blockTimes(client: PublicClient): (block: bigint) => Promise<number> {
  const known = new Map<bigint, number>()
  return async (blockNumber) => {
    const time = known.get(blockNumber) ?? Number((await client.getBlock({ blockNumber })).timestamp)
    known.set(blockNumber, time)
    return time
  }
}

async function gasOf(client: PublicClient, history: History): Promise<bigint> {
  const transactions = new Set([...history.proposals, ...history.settled].map(({ at }) => at.transaction))
  let gas = 0n
  for (const hash of transactions) gas += (await client.getTransactionReceipt({ hash })).gasUsed
  return gas
}
