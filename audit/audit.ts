import { keccak256, type PublicClient, stringToHex } from "viem"
import { evidenceCid } from "../protocol/block.ts"
import { type OpenedEvidence, readEvidence } from "../protocol/evidence.ts"
import type { Hex } from "../protocol/hex.ts"
import type { OracleAddress, Proposal } from "../protocol/proposal.ts"
import type { Identity } from "../protocol/seal.ts"
import { isAccountStatement, isMeterStatement } from "../protocol/statement.ts"
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
import { type CheckName, type CheckResult, checks } from "./checks.ts"
import type { EvidenceSource } from "./evidence-source.ts"
import { readHistory } from "./history.ts"
import { before } from "./meter-life.ts"
import { checkPolicies, sharingKeyOf } from "./policies.ts"
import { emptySite, type MissingReadings, type Recomputed, recompute, type SiteMemory } from "./recompute.ts"
import { type History, metersAt, type Proposed, rulesOf } from "./record.ts"
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
  /** Statements that were doubted on chain, and what became of it. */
  challenges: { made: number; answered: number; unanswered: number }
  /** Stakes that were lost: whose, and how much of the chain's smallest coin. */
  slashed: { whose: string; wei: bigint }[]
  /** Proposals that were cancelled, and why. */
  cancelled: { where: string; why: string }[]
  gasUsed: bigint
}

export interface AuditOptions {
  client: PublicClient
  oracle: Hex
  /** Where the evidence is; without it only the chain is checked. */
  evidence: EvidenceSource | undefined
  identities: readonly Identity[]
  progress: (what: string) => void
}

/** Recomputes everything that an oracle ever minted, from the chain and the evidence alone. */
export async function audit({
  client,
  oracle,
  evidence,
  identities,
  progress,
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
    challenges: {
      made: history.challenges.length,
      answered: history.challenges.filter(({ closed }) => closed?.how === "answered").length,
      unanswered: history.challenges.filter(({ closed }) => !closed).length,
    },
    slashed: history.slashed.map(({ whose, wei }) => ({ whose, wei })),
    cancelled: history.proposals.flatMap(({ site, number, cancelled }) =>
      cancelled === undefined ? [] : [{ where: `site ${site} proposal ${number}`, why: cancelled }],
    ),
    gasUsed: 0n,
  }

  checkContracts(history, result("contracts"))
  const timeOf = blockTimes(client)
  await checkPolicies(history, timeOf, result("policy"))
  checkProposals(history, result("proposals"))
  await checkWindows(history, timeOf, result("proposals"))
  const attestations = await attestationFindings(client, history)
  Object.assign(result("attestations"), attestations)

  const proven = new Map<string, ProvenBatch>()
  if (evidence)
    for (const site of new Set(history.proposals.map((p) => p.site)))
      await recomputeSite(site, history, { evidence, identities, progress }, report, result, proven)
  else
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
  checkSupply(history, result("supply"))
  checkRetirements(history, result("retirements"))
  for (const why of changesNotRecomputed(history)) result("meters").skipped.push(why)
  report.auditedWh = accounted
  report.gasUsed = await gasOf(client, history)
  const failed = report.checks.some(({ findings }) => findings.length > 0)
  report.ok = !failed && evidence !== undefined && report.auditedWh === report.mintedWh
  return report
}

function checkContracts(history: History, check: CheckResult): void {
  check.examined = history.meters.length
  const find = (where: string, what: string) => check.findings.push({ check: "contracts", where, what })
  const { mayMint, mayBurn, issuance, token, certificates, retirements } = history
  if (mayMint.token !== issuance) find(`token ${token}`, `can be minted by ${mayMint.token}`)
  if (mayMint.certificates !== issuance)
    find(`certificates ${certificates}`, `can be minted by ${mayMint.certificates}`)
  if (mayBurn.certificates !== retirements)
    find(`certificates ${certificates}`, `can be burned by ${mayBurn.certificates}, GREEN by ${retirements}`)
  if (history.oracles.at(-1)?.oracle !== history.oracle)
    check.skipped.push(
      `the oracle ${history.oracle} is not in office: ${history.oracles.at(-1)?.oracle ?? "nobody"} is`,
    )
  const seen = new Set<Hex>()
  for (const { meterId } of history.meters) {
    if (seen.has(meterId)) find(`meter ${meterId}`, "was registered twice")
    seen.add(meterId)
  }
}

function checkProposals(history: History, check: CheckResult): void {
  check.examined = history.proposals.length
  const last = new Map<string, Proposed>()
  for (const proposal of history.proposals) {
    const where = `site ${proposal.site} proposal ${proposal.number}`
    const previous = last.get(`${proposal.oracle} ${proposal.site}`) ?? lastOfPredecessor(history, proposal)
    if (proposal.number !== (previous?.number ?? 0n) + 1n)
      check.findings.push({ check: "proposals", where, what: `follows number ${previous?.number ?? 0n}` })
    if (previous && proposal.time <= previous.time)
      check.findings.push({
        check: "proposals",
        where,
        what: `its time ${proposal.time} is not after ${previous.time}`,
      })
    last.set(`${proposal.oracle} ${proposal.site}`, proposal)
  }
}

/** A site's numbers go on where they were in the oracle before. */
function lastOfPredecessor(history: History, { oracle, site, at }: Proposed): Proposed | undefined {
  const i = history.oracles.findIndex((inOffice) => inOffice.oracle === oracle)
  const predecessor = history.oracles[i - 1]?.oracle
  return history.proposals
    .filter((p) => p.oracle === predecessor && p.site === site && before(p.at, at))
    .at(-1)
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

async function recomputeSite(
  site: number,
  history: History,
  {
    evidence,
    identities,
    progress,
  }: Required<Pick<AuditOptions, "identities" | "progress">> & { evidence: EvidenceSource },
  report: AuditReport,
  result: (name: CheckName) => CheckResult,
  proven: Map<string, ProvenBatch>,
): Promise<void> {
  let memory: SiteMemory = emptySite
  const proposals = history.proposals.filter((p) => p.site === site)
  for (const proposal of proposals) {
    progress(`site ${site}: batch ${proposal.number} of ${proposals.length}`)
    const where = `site ${site} batch ${proposal.number}`
    const cid = evidenceCid(proposal.evidence)
    result("evidence").examined++
    let opened: OpenedEvidence
    try {
      opened = await readEvidence(cid, await evidence(cid), identities)
    } catch (error) {
      if (proposal.cancelled !== undefined) {
        result("evidence").skipped.push(
          `${where} was cancelled (${proposal.cancelled}), and its evidence is not to be had`,
        )
        continue
      }
      result("evidence").findings.push({ check: "evidence", where, what: (error as Error).message })
      memory = { ...memory, evidence: cid, time: Number(proposal.time) }
      continue
    }
    const expected = {
      chainId: history.chainId,
      oracle: proposal.oracle,
      headroomBasisPoints: rulesOf(history, proposal)?.rules.headroom,
      sharingKey: sharingKeyOf(history, proposal),
    }
    const faults = headerFaults(opened, proposal, expected)
    const recomputed = recompute(opened, memory, metersAt(history, proposal.at))
    // What is false in a cancelled batch was found out in time: nothing was minted by it. It is outside the chain of
    // evidence: the next one carries its readings again.
    if (proposal.cancelled !== undefined) {
      for (const what of [...faults, ...recomputed.findings.map((finding) => finding.what)])
        report.cancelled.push({ where, why: `recomputed: ${what}` })
      continue
    }
    for (const what of faults) result("evidence").findings.push({ check: "evidence", where, what })
    const unprescribed = "the policy prescribes no sharing key: any is taken as it is"
    if (!expected.sharingKey && !result("evidence").skipped.includes(unprescribed))
      result("evidence").skipped.push(unprescribed)
    for (const finding of recomputed.findings) result(finding.check as CheckName).findings.push(finding)
    for (const { check, why } of recomputed.skipped) {
      const { skipped } = result(check)
      if (!skipped.includes(why)) skipped.push(why)
    }
    result("meters").examined +=
      opened.meters.length + opened.households.reduce((n, h) => n + h.meters.length, 0)
    result("readings").examined += recomputed.readings
    result("generation").examined += opened.generation.length
    result("households").examined += opened.households.reduce((n, h) => n + h.records.length, 0)
    result("statements").examined += opened.statements.filter(isMeterStatement).length
    result("accounts").examined += opened.statements.filter(isAccountStatement).length
    result("root").examined++
    report.readings += recomputed.readings
    report.counted += recomputed.counted
    report.doubtful.push(...recomputed.doubtful)
    report.missing.push(...recomputed.missing)
    memory = recomputed.memory
    if (recomputed.findings.length === 0) {
      const statements = opened.statements.filter(isMeterStatement)
      const accounts = opened.statements.filter(isAccountStatement)
      proven.set(keyOf(proposal), { statements, unproven: recomputed.unproven, accounts })
      if (accounts.length > 0)
        report.credits = [
          ...report.credits.filter((credit) => credit.site !== site),
          ...accounts.map(({ household, credit }) => ({ site, household, credit })),
        ]
    }
  }
}

/** What the evidence says of itself against what is proposed, and the rules in force. */
export function headerFaults(
  evidence: OpenedEvidence,
  proposal: Proposal,
  expected: OracleAddress & { headroomBasisPoints: number | undefined; sharingKey: Hex | undefined },
): string[] {
  const faults: string[] = []
  const same = (name: string, claimed: unknown, proposed: unknown) => {
    if (String(claimed) !== String(proposed)) faults.push(`says ${name} ${claimed}, proposed was ${proposed}`)
  }
  same("chain", evidence.chainId, expected.chainId)
  same("oracle", evidence.oracle, expected.oracle)
  same("site", evidence.site, proposal.site)
  same("number", evidence.number, proposal.number)
  same("time", evidence.time, proposal.time)
  same("root", evidence.root, proposal.root)
  same("leaf count", evidence.statements.length, proposal.leafCount)
  same("headroom", evidence.rules.headroomBasisPoints, expected.headroomBasisPoints)
  const { name } = evidence.rules.sharingKey
  if (expected.sharingKey && keccak256(stringToHex(name)) !== expected.sharingKey)
    faults.push(`shares by the key "${name}", which is not the one that the policy prescribes`)
  return faults
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
