import { audit } from "../audit/audit.ts"
import { evidenceFrom } from "../audit/evidence-source.ts"
import { connect } from "../audit/history.ts"
import { reportAsJson, reportAsText } from "../audit/report.ts"
import { parseAddress } from "../provisioning/operator.ts"
import { type Command, optional, readGiven, required } from "./command.ts"

export const auditCommand: Command = {
  name: "audit",
  summary: "recompute everything that was minted",
  help: `
Usage: commonwatt audit --rpc URL --oracle ADDRESS [--evidence URL|DIR] [--key FILE] [--pool ADDRESS] [--json]

  --rpc URL            a node of the chain
  --oracle ADDRESS     the ImpactOracle contract
  --evidence URL|DIR   where the evidence is: a gateway's page address, or a directory of CAR files
  --key FILE           an age identity that opens sealed evidence (households' consumption)
  --pool ADDRESS       a site's SharingPool, whose books are audited too
  --json               the report as JSON

Exit code 0 only if every minted Wh is accounted for by the meters' own signatures; 1 if not; 2 if it could not be
checked at all. Names the first Wh that is not accounted for, and what was skipped.

Example, against a running demo (which prints the addresses):
  commonwatt audit --rpc http://127.0.0.1:8545 --oracle 0xe7f1725e7734ce288f8367e1bb143e90bb3f0512 \\
    --evidence http://127.0.0.1:8080
`,
  options: {
    rpc: { type: "string" },
    oracle: { type: "string" },
    evidence: { type: "string" },
    key: { type: "string" },
    pool: { type: "string" },
    json: { type: "boolean" },
  },
  async run(values) {
    const evidence = optional(values, "evidence")
    const key = optional(values, "key")
    const oracle = parseAddress(required(values, "oracle", "the address of the ImpactOracle contract"))
    const pool = optional(values, "pool")
    const report = await audit({
      client: connect(required(values, "rpc", "the address of a node")),
      oracle,
      evidence: evidence === undefined ? undefined : evidenceFrom(evidence),
      identities: key === undefined ? [] : [readGiven(key, "key").trim()],
      pools: pool === undefined ? [] : [parseAddress(pool)],
      progress: (what) => process.stderr.write(`${what}\n`),
    })
    process.stdout.write(values.json ? `${reportAsJson(report)}\n` : reportAsText(report))
    return report.ok ? 0 : 1
  },
}
