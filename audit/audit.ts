import type { PublicClient } from "viem"
import { evidenceCid } from "../protocol/block.ts"
import { type OpenedEvidence, readEvidence } from "../protocol/evidence.ts"
import type { Hex } from "../protocol/hex.ts"
import type { OracleAddress, Proposal } from "../protocol/proposal.ts"
import type { Identity } from "../protocol/seal.ts"
import { attestationFindings } from "./attestations.ts"
import { checkMints, checkSettlements, checkSupply, keyOf, type ProvenBatch } from "./books.ts"
import { type CheckName, type CheckResult, checks } from "./checks.ts"
import type { EvidenceSource } from "./evidence-source.ts"
import { type History, inForce, type Proposed, type RegisteredMeter, readHistory } from "./history.ts"
import { emptySite, type MissingReadings, type Recomputed, recompute, type SiteMemory } from "./recompute.ts"

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
  /** GREEN that was minted, as the token's events say, Wh. */
  mintedWh: bigint
  /** What the meters' own signatures account for, Wh. */
  auditedWh: bigint
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
    mintedWh: history.minted.reduce((sum, mint) => sum + mint.wh, 0n),
    auditedWh: 0n,
    gasUsed: 0n,
  }

  checkContracts(history, result("contracts"))
  checkProposals(history, result("proposals"))
  const attestations = await attestationFindings(client, history)
  Object.assign(result("attestations"), attestations)

  const registered = new Map(history.meters.map((meter) => [meter.meterId, meter]))
  const proven = new Map<string, ProvenBatch>()
  if (evidence)
    for (const site of new Set(history.proposals.map((p) => p.site)))
      await recomputeSite(
        site,
        history,
        registered,
        { evidence, identities, progress },
        report,
        result,
        proven,
      )
  else
    for (const name of [
      "evidence",
      "meters",
      "readings",
      "generation",
      "households",
      "statements",
      "root",
    ] as const)
      result(name).skipped.push("no --evidence was given")

  const accounted = checkSettlements(
    history,
    registered,
    proven,
    evidence !== undefined,
    result("settlements"),
  )
  checkMints(history, registered, result("mints"))
  checkSupply(history, result("supply"))
  report.auditedWh = accounted
  report.gasUsed = await gasOf(client, history)
  const failed = report.checks.some(({ findings }) => findings.length > 0)
  report.ok = !failed && evidence !== undefined && report.auditedWh === report.mintedWh
  return report
}

function checkContracts(history: History, check: CheckResult): void {
  check.examined = history.meters.length
  if (history.minter !== history.issuance)
    check.findings.push({
      check: "contracts",
      where: `token ${history.token}`,
      what: `can be minted by ${history.minter}`,
    })
  const seen = new Set<Hex>()
  for (const { meterId } of history.meters) {
    if (seen.has(meterId))
      check.findings.push({ check: "contracts", where: `meter ${meterId}`, what: "was registered twice" })
    seen.add(meterId)
  }
}

function checkProposals(history: History, check: CheckResult): void {
  check.examined = history.proposals.length
  const last = new Map<number, Proposed>()
  for (const proposal of history.proposals) {
    const where = `site ${proposal.site} proposal ${proposal.number}`
    const previous = last.get(proposal.site)
    if (proposal.number !== (previous?.number ?? 0n) + 1n)
      check.findings.push({ check: "proposals", where, what: `follows number ${previous?.number ?? 0n}` })
    if (previous && proposal.time <= previous.time)
      check.findings.push({
        check: "proposals",
        where,
        what: `its time ${proposal.time} is not after ${previous.time}`,
      })
    last.set(proposal.site, proposal)
  }
}

async function recomputeSite(
  site: number,
  history: History,
  registered: ReadonlyMap<Hex, RegisteredMeter>,
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
      if (proposal.cancelled) {
        result("evidence").skipped.push(`${where} was cancelled, and its evidence is not to be had`)
        continue
      }
      result("evidence").findings.push({ check: "evidence", where, what: (error as Error).message })
      memory = { ...memory, evidence: cid, time: Number(proposal.time) }
      continue
    }
    const headroomBasisPoints = inForce(history.rules, proposal.at)?.headroomBasisPoints
    for (const what of headerFaults(opened, proposal, { ...history, headroomBasisPoints }))
      result("evidence").findings.push({ check: "evidence", where, what })
    const recomputed = recompute(opened, memory, registered)
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
    result("statements").examined += opened.statements.length
    result("root").examined++
    report.readings += recomputed.readings
    report.counted += recomputed.counted
    report.doubtful.push(...recomputed.doubtful)
    report.missing.push(...recomputed.missing)
    // A cancelled batch is outside the chain of evidence: the next one carries its readings again.
    if (proposal.cancelled) continue
    memory = recomputed.memory
    if (recomputed.findings.length === 0) {
      const { statements } = opened
      proven.set(keyOf(site, proposal.number), { statements, unproven: recomputed.unproven })
    }
  }
}

/** What the evidence says of itself against what is proposed, and the rules in force. */
export function headerFaults(
  evidence: OpenedEvidence,
  proposal: Proposal,
  inForce: OracleAddress & { headroomBasisPoints: number | undefined },
): string[] {
  const faults: string[] = []
  const same = (name: string, claimed: unknown, proposed: unknown) => {
    if (String(claimed) !== String(proposed)) faults.push(`says ${name} ${claimed}, proposed was ${proposed}`)
  }
  same("chain", evidence.chainId, inForce.chainId)
  same("oracle", evidence.oracle, inForce.oracle)
  same("site", evidence.site, proposal.site)
  same("number", evidence.number, proposal.number)
  same("time", evidence.time, proposal.time)
  same("root", evidence.root, proposal.root)
  same("leaf count", evidence.statements.length, proposal.leafCount)
  same("headroom", evidence.rules.headroomBasisPoints, inForce.headroomBasisPoints)
  return faults
}

async function gasOf(client: PublicClient, history: History): Promise<bigint> {
  const transactions = new Set([...history.proposals, ...history.settled].map(({ at }) => at.transaction))
  let gas = 0n
  for (const hash of transactions) gas += (await client.getTransactionReceipt({ hash })).gasUsed
  return gas
}
