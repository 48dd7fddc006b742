import type { AuditReport } from "./audit.ts"
import type { CheckResult } from "./checks.ts"

const mostFindings = 20

/** The report as a person reads it. */
export function reportAsText(report: AuditReport): string {
  const lines = report.checks.flatMap((check) => [
    `${mark(check)} ${check.title} (${check.examined})`,
    ...check.findings.slice(0, mostFindings).map(({ where, what }) => `       ${where}: ${what}`),
    ...(check.findings.length > mostFindings
      ? [`       and ${check.findings.length - mostFindings} more`]
      : []),
    ...check.skipped.slice(0, mostFindings).map((why) => `       skipped: ${why}`),
  ])
  const missing = report.missing.reduce((sum, { after, until }) => sum + until - after - 1, 0)
  return `${[
    `Oracle ${report.oracle} on chain ${report.chainId}, up to block ${report.toBlock}`,
    "",
    ...lines,
    "",
    `${report.batches} batches, ${report.readings} readings: ${report.counted} counted, ${report.doubtful.length} in doubt and not counted, ${missing} missing in the sequences.`,
    ...(report.fromCache > 0
      ? [`${report.fromCache} of the batches were recomputed by an earlier audit of the same cache.`]
      : []),
    ...summary(
      "In doubt",
      report.doubtful.map(({ reason }) => reason),
    ),
    ...(report.twins.length > 0
      ? [
          `${report.twins.length} time(s) a meter signed two different readings with one sequence number: the proofs are in the JSON report, and --proofs writes each to a file.`,
        ]
      : []),
    ...doubts(report),
    ...signatures(report),
    ...report.emissionFactors.map(
      ({ site, number, grid, source, version, sha256 }) =>
        `CO2 is counted at site ${site} from batch ${number} on by the table "${grid}", version "${version}", of "${source}" (SHA-256 ${sha256.slice(2)}).`,
    ),
    `Minted ${report.mintedWh} Wh${report.certificatesWh > 0n ? ` (${report.certificatesWh} Wh of it as certificates)` : ""}, accounted for by the meters' signatures ${report.auditedWh} Wh. Retired ${report.retiredWh} Wh.`,
    ...report.pools.map(
      ({ pool, accounts, heldWh, owed, debts }) =>
        `Sharing pool ${pool}: ${accounts} accounts, holds ${heldWh} Wh, owes ${owed} Wh; ${debts.length} accounts are in debt, together ${debts.reduce((sum, { debt }) => sum + debt, 0n)} Wh.`,
    ),
    verdictOf(report),
  ].join("\n")}\n`
}

function mark({ findings, skipped, examined }: CheckResult): string {
  if (findings.length > 0) return "[FAIL]"
  return skipped.length > 0 && examined === 0 ? "[skip]" : "[ ok ]"
}

/** What was doubted on chain, and what was cancelled. */
function doubts({ challenges, cancelled, slashed }: AuditReport): string[] {
  const { made, answered, unanswered } = challenges
  const doubted = `${made} statements were doubted on chain: ${answered} answered, ${unanswered} not.`
  return [
    ...(made > 0 ? [doubted] : []),
    ...slashed.map(({ whose, wei }) => `Slashed: ${whose}, ${wei} wei.`),
    ...cancelled
      .slice(0, mostFindings)
      .map(({ where, why }) => `Cancelled, and nothing minted by it: ${where}: ${why}.`),
  ]
}

/** A line for each validator. */
function signatures({ validators }: AuditReport): string[] {
  return validators.map(
    ({ validator, asked, signed, cancelled }) =>
      `Validator ${validator}: its signature is on ${signed} of ${asked} proposals, ${cancelled} of them cancelled for a false statement.`,
  )
}

function summary(title: string, reasons: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  const text = [...counts].map(([reason, n]) => `${reason} ${n}`).join(", ")
  return text ? [`${title}: ${text}.`] : []
}

/** The verdict in a sentence. */
export function verdictOf(report: AuditReport): string {
  if (report.ok) return "Every minted Wh is accounted for."
  const first = report.checks.flatMap((check) => check.findings)[0]
  if (first) return `Not every minted Wh is accounted for. First: ${first.where}: ${first.what}`
  return "Not every minted Wh was accounted for: part of it could not be checked (see skipped)."
}

/** A report or an explanation as JSON; energies and blocks are strings of whole numbers. */
export function asJson(report: object): string {
  return JSON.stringify(
    report,
    (_key, value: unknown) => (typeof value === "bigint" ? value.toString() : value),
    2,
  )
}
