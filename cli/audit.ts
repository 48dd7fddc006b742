import { writeFileSync } from "node:fs"
import { type AuditReport, audit } from "../audit/audit.ts"
import { openCache } from "../audit/cache/cache.ts"
import { checkClaim, periodOf } from "../audit/check-claim.ts"
import { createClaimant } from "../audit/claim.ts"
import { fetchTables } from "../audit/emission-factors.ts"
import { evidenceFrom } from "../audit/evidence-source.ts"
import { createExplainer } from "../audit/explain.ts"
import { explanationAsText } from "../audit/explain-text.ts"
import { connect } from "../audit/history.ts"
import { reportAsPage } from "../audit/page/page.ts"
import { asJson, reportAsText, verdictOf } from "../audit/report.ts"
import { type Credential, judgeCredential } from "../protocol/credential.ts"
import { PersonError } from "../protocol/error.ts"
import { parseAddress } from "../provisioning/operator.ts"
import { questionOf } from "./audit-explain.ts"
import { type Command, optional, readGiven, required } from "./command.ts"
import { showProgress } from "./progress.ts"
import { writeProofs } from "./proof.ts"

export const auditCommand: Command = {
  name: "audit",
  summary: "recompute everything that was minted",
  help: `
Usage: commonwatt audit --rpc URL --oracle ADDRESS [--evidence URL|DIR] [--key FILE] [--pool ADDRESS] [--cache DIR]
                        [--json] [--html FILE] [--proofs DIR]
       commonwatt audit … --claim FILE
       commonwatt audit explain … --household ADDRESS --day DAY
       commonwatt audit explain … --batch N [--site N]
       commonwatt audit explain … --mint TRANSACTION

  --rpc URL            a node of the chain
  --oracle ADDRESS     the ImpactOracle contract
  --evidence URL|DIR   where the evidence is: a gateway's page address, or a directory of CAR files
  --key FILE           an age identity that opens sealed evidence (households' consumption)
  --pool ADDRESS       a site's SharingPool, whose books are audited too
  --cache DIR          keeps there what was checked, so that the next audit checks only what is new. Made if it is not there;
                       say where it is yours alone. A chain that was rewritten, or another version of this program, is
                       checked anew
  --json               the report as JSON
  --html FILE          the report as one page for any browser, beside what is printed; it needs no network

  --proofs DIR         writes what proves by itself that a meter signed two readings with one sequence number, a file for
                       each, for commonwatt verify and commonwatt challenge

  --claim FILE         holds a claim that commonwatt claim made against all of this: its tables of emission factors are those
                       that the evidence names, its figures what the household's records give (with --key). A JSON line

explain answers "why did this home get 3.214 kWh on that day", after the same audit: each settlement, what it minted and
by which rule, the statement, the root, the transactions, and the signed reading with its digest and bytes.

  --household ADDRESS  with --day 2026-06-14 (UTC): all that was paid for energy of that day
  --batch N            all that was paid by a batch; --site N where there are several sites
  --mint TRANSACTION   all that was minted in a transaction

Exit code 0 only if every minted Wh is accounted for by the meters' own signatures; 1 if not; 2 if it could not be
checked at all. Names the first Wh that is not accounted for, and what was skipped.

Example, against a running demo (which prints the addresses):
  commonwatt audit --rpc http://127.0.0.1:8545 --oracle 0xe7f1725e7734ce288f8367e1bb143e90bb3f0512 \\
    --evidence http://127.0.0.1:8080 --html audit.html
  commonwatt audit explain --rpc http://127.0.0.1:8545 --oracle 0xe7f1725e7734ce288f8367e1bb143e90bb3f0512 \\
    --evidence http://127.0.0.1:8080 --batch 1
`,
  options: {
    rpc: { type: "string" },
    oracle: { type: "string" },
    evidence: { type: "string" },
    key: { type: "string" },
    pool: { type: "string" },
    cache: { type: "string" },
    json: { type: "boolean" },
    html: { type: "string" },
    proofs: { type: "string" },
    claim: { type: "string" },
    household: { type: "string" },
    day: { type: "string" },
    batch: { type: "string" },
    site: { type: "string" },
    mint: { type: "string" },
  },
  async run(values, [action, ...more]) {
    if ((action !== undefined && action !== "explain") || more.length > 0)
      throw new PersonError(`There is no "audit ${[action, ...more].join(" ")}".`, {
        next: "There is audit, and audit explain. See --help.",
      })
    const explainer = action === "explain" ? createExplainer(questionOf(values)) : undefined
    const evidence = optional(values, "evidence")
    const claimFile = optional(values, "claim")
    if (explainer && claimFile !== undefined)
      throw new PersonError("--claim is for audit alone, not for audit explain.")
    if (evidence === undefined && claimFile !== undefined)
      throw new PersonError("A claim cannot be checked without --evidence.")
    const credential = claimFile === undefined ? undefined : credentialIn(claimFile)
    const claimant = credential && createClaimant(periodOf(credential))
    const reader = explainer?.reader ?? claimant?.reader
    const key = optional(values, "key")
    const page = optional(values, "html")
    const rpc = required(values, "rpc", "the address of a node")
    const oracle = parseAddress(required(values, "oracle", "the address of the ImpactOracle contract"))
    const progress = showProgress(process.stderr, () => performance.now())
    const identities = key === undefined ? [] : [readGiven(key, "key").trim()]
    const directory = optional(values, "cache")
    const say = (what: string) => process.stderr.write(`${what}\n`)
    const cache = directory === undefined ? undefined : await openCache(directory, connect(rpc), say)
    const pool = optional(values, "pool")
    const source = evidence === undefined ? undefined : (cache?.evidence ?? evidenceFrom)(evidence)
    const report = await audit({
      client: cache?.client ?? connect(rpc),
      oracle,
      evidence: source,
      identities,
      pools: pool === undefined ? [] : [parseAddress(pool)],
      kept: cache && ((history) => cache.checks(history, identities)),
      progress: progress.say,
      ...(reader && { reader }),
    })
    await cache?.save()
    progress.done()
    if (page !== undefined) {
      const place = evidence === undefined ? "" : ` --evidence ${evidence}`
      const command = `commonwatt audit --rpc ${withoutSecrets(rpc)} --oracle ${oracle}${place}${key === undefined ? "" : " --key KEYFILE"}`
      writePage(page, report, { madeAt: Math.floor(Date.now() / 1000), evidence, command })
    }
    const proofs = optional(values, "proofs")
    if (proofs !== undefined) await writeProofs(proofs, report.twins)
    if (credential && claimant && source) {
      const tables = await fetchTables(report.emissionFactors, source)
      const checked = checkClaim(credential, report, claimant, tables)
      process.stderr.write(`${verdictOf(report)}\n`)
      process.stdout.write(`${asJson(checked)}\n`)
      return checked.holds ? 0 : 1
    }
    if (explainer) {
      const explanation = explainer.explain(report)
      process.stdout.write(values.json ? `${asJson(explanation)}\n` : explanationAsText(explanation))
    } else process.stdout.write(values.json ? `${asJson(report)}\n` : reportAsText(report))
    return report.ok ? 0 : 1
  },
}

/** @throws PersonError for what is not signed by its issuer. */
function credentialIn(file: string): Credential {
  const { credential, reasons } = judgeCredential(readGiven(file, "claim"))
  if (credential && reasons.length === 0) return credential
  throw new PersonError(`${file} is not a claim that holds by itself.`, {
    context: reasons,
    next: "commonwatt verify FILE says more.",
  })
}

function writePage(file: string, report: AuditReport, notes: Parameters<typeof reportAsPage>[1]): void {
  try {
    writeFileSync(file, reportAsPage(report, notes))
  } catch (cause) {
    throw new PersonError(`The report cannot be written to ${file}.`, {
      context: [(cause as Error).message],
      cause,
    })
  }
  process.stderr.write(`The report is in ${file}\n`)
}

/** A node's address often carries its owner's key in the path or before the host. */
function withoutSecrets(rpc: string): string {
  return URL.canParse(rpc) ? new URL(rpc).origin : rpc
}
