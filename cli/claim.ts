import { writeFileSync } from "node:fs"
import { audit } from "../audit/audit.ts"
import { openCache } from "../audit/cache/cache.ts"
import { createClaimant } from "../audit/claim.ts"
import { type FactorsInForce, fetchTables } from "../audit/emission-factors.ts"
import { evidenceFrom } from "../audit/evidence-source.ts"
import { connect } from "../audit/history.ts"
import { issuerOf, signCredential } from "../protocol/credential.ts"
import { PersonError } from "../protocol/error.ts"
import { readFactorsFile } from "../protocol/factors-file.ts"
import type { Hex } from "../protocol/hex.ts"
import { readAccountKey } from "../protocol/key-file.ts"
import { parseAddress } from "../provisioning/operator.ts"
import { dayOf } from "./audit-explain.ts"
import { type Command, optional, readGiven, required } from "./command.ts"
import { showProgress } from "./progress.ts"

const secondsOfDay = 86_400

export const claim: Command = {
  name: "claim",
  summary: "what a household's energy meant, as a credential that anyone can verify",
  help: `
Usage: commonwatt claim --rpc URL --oracle ADDRESS --evidence URL|DIR --key FILE --household ADDRESS
                        --from DAY --to DAY --issuer-key FILE [--factors FILE] [--out FILE] [--cache DIR]

Audits everything first, and claims nothing where that does not hold. Then it adds up what the household generated, used
itself, gave and received, and the CO2 that the grid would have emitted for what it generated, hour by hour, by the table
that the evidence names, and signs that as a W3C Verifiable Credential 2.0 (a compact JWS, vc+jwt), with links to the batches and the chain.

  --key FILE          opens the household's sealed records: its own age identity, or an auditor's
  --from, --to DAY    the first and the last day, as 2026-06-01 (UTC)
  --factors FILE      the table of emission factors that you expect: nothing is claimed by another
  --issuer-key FILE   who vouches for it: 32 bytes of Ed25519, from commonwatt provision key --kind meter
  --out FILE          where to write it; otherwise it is printed
  --cache DIR         as for audit

Verify it with commonwatt verify FILE, or with any JOSE library: docs/impact.md shows how.

Example:
  commonwatt claim --rpc http://127.0.0.1:8545 --oracle 0x2279b7a0a67db372996a5fab50d91eaa73d2ebe6 \\
    --evidence http://127.0.0.1:8080 --key auditor.key --household 0x7c1d0a022156b94b45d1d27093ee753b808dcdeb \\
    --from 2026-06-01 --to 2026-06-30 --issuer-key issuer.key --out june.vc
`,
  options: {
    rpc: { type: "string" },
    oracle: { type: "string" },
    evidence: { type: "string" },
    key: { type: "string" },
    household: { type: "string" },
    from: { type: "string" },
    to: { type: "string" },
    factors: { type: "string" },
    "issuer-key": { type: "string" },
    out: { type: "string" },
    cache: { type: "string" },
  },
  async run(values) {
    const rpc = required(values, "rpc", "the address of a node")
    const oracle = parseAddress(required(values, "oracle", "the address of the ImpactOracle contract"))
    const place = required(values, "evidence", "where the evidence is")
    const identities = [
      readGiven(required(values, "key", "what opens the household's records"), "key").trim(),
    ]
    const household = parseAddress(required(values, "household", "the household's address"))
    const from = dayOf(required(values, "from", "the first day, as 2026-06-01"))
    const to = dayOf(required(values, "to", "the last day, as 2026-06-30")) + secondsOfDay
    if (to <= from) throw new PersonError("The last day is before the first.")
    const expected = optional(values, "factors")
    const table = expected === undefined ? undefined : readFactorsFile(expected).sha256
    const secret = readAccountKey(required(values, "issuer-key", "who vouches for it"), "The issuer's key")
    const directory = optional(values, "cache")
    const progress = showProgress(process.stderr, () => performance.now())
    const cache = directory === undefined ? undefined : await openCache(directory, connect(rpc), progress.say)
    const claimant = createClaimant({ household, from, to })
    const evidence = (cache?.evidence ?? evidenceFrom)(place)
    const report = await audit({
      client: cache?.client ?? connect(rpc),
      oracle,
      evidence,
      identities,
      kept: cache && ((history) => cache.checks(history, identities)),
      progress: progress.say,
      reader: claimant.reader,
    })
    await cache?.save()
    progress.done()
    if (table !== undefined) refuseOther(table, expected!, report.emissionFactors)
    const tables = await fetchTables(report.emissionFactors, evidence)
    const credential = claimant.claim(report, tables, issuerOf(secret), Math.floor(Date.now() / 1000))
    const signed = signCredential(credential, secret)
    process.stderr.write(`${JSON.stringify(credential.credentialSubject, null, 2)}\n`)
    const out = optional(values, "out")
    if (out === undefined) process.stdout.write(`${signed}\n`)
    else writeFileSync(out, `${signed}\n`)
    return 0
  },
}

function refuseOther(table: Hex, file: string, named: readonly FactorsInForce[]): void {
  if (named.length > 0 && named.every(({ sha256 }) => sha256 === table)) return
  throw new PersonError(`The evidence does not count CO2 by the table ${file} alone.`, {
    context: [
      `SHA-256 of ${file}: ${table.slice(2)}`,
      ...named.map(
        ({ site, number, sha256, grid, version }) =>
          `site ${site} from batch ${number} on: ${sha256.slice(2)} (${grid}, ${version})`,
      ),
    ],
    next: "Leave out --factors to claim by what the evidence names.",
  })
}
