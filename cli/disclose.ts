import { evidenceFrom } from "../audit/evidence-source.ts"
import { connect, readHistory } from "../audit/history.ts"
import { BrokenBlock, evidenceCid } from "../protocol/block.ts"
import { type Disclosure, disclosed, discloseFrom, FalseDisclosure } from "../protocol/disclosure.ts"
import { PersonError } from "../protocol/error.ts"
import { parseAddress } from "../provisioning/operator.ts"
import { type Command, readGiven, required, type Values, wholeNumber } from "./command.ts"

export const disclose: Command = {
  name: "disclose",
  summary: "show an hour of a household to somebody, with a proof",
  help: `
Usage: commonwatt disclose --rpc URL --oracle ADDRESS --site N --evidence URL|DIR --key FILE
                           --household ADDRESS --from TIME --to TIME > FILE

  --rpc URL            a node of the chain
  --oracle ADDRESS     the ImpactOracle contract
  --site N             the household's site
  --evidence URL|DIR   where the evidence is: a gateway's page address, or a directory of CAR files
  --key FILE           an age identity that opens the household's part: its own, or an auditor's
  --household ADDRESS  whose intervals
  --from, --to TIME    from the first interval to the end of the last, as 2026-11-20T10:00Z

Prints a file that shows these intervals and no others: what the home made, imported, exported, gave and received. Who
gets it checks it with: commonwatt verify FILE --rpc URL

Example:
  commonwatt disclose --rpc http://127.0.0.1:8545 --oracle 0xe7f1725e7734ce288f8367e1bb143e90bb3f0512 --site 1 \\
    --evidence http://127.0.0.1:8080 --key auditor.key --household 0x1111111111111111111111111111111111111111 \\
    --from 2026-11-20T10:00Z --to 2026-11-20T11:00Z > ten-o-clock.json
`,
  options: {
    rpc: { type: "string" },
    oracle: { type: "string" },
    site: { type: "string" },
    evidence: { type: "string" },
    key: { type: "string" },
    household: { type: "string" },
    from: { type: "string" },
    to: { type: "string" },
  },
  async run(values) {
    const oracle = parseAddress(required(values, "oracle", "the address of the ImpactOracle contract"))
    const household = parseAddress(required(values, "household", "the household's address"))
    const site = wholeNumber(values, "site", 1, 1, 2 ** 32 - 1)
    const [from, to] = [timeFrom(values, "from"), timeFrom(values, "to")]
    if (to <= from) throw new PersonError("--to must be later than --from.")
    const identity = readGiven(required(values, "key", "an age identity"), "key").trim()
    const evidence = evidenceFrom(required(values, "evidence", "where the evidence is"))
    const history = await readHistory(connect(required(values, "rpc", "the address of a node")), oracle)

    const standing = history.proposals.filter((p) => p.site === site && p.cancelled === undefined)
    const batches: Disclosure["batches"] = []
    for (const [i, proposal] of standing.entries()) {
      const begins = Number(standing[i - 1]?.time ?? 0n)
      if (begins >= to || Number(proposal.time) <= from) continue
      const cid = evidenceCid(proposal.evidence)
      try {
        const batch = await discloseFrom(cid, await evidence(cid), [identity], household, from, to)
        if (batch.records.length > 0) batches.push(batch)
      } catch (cause) {
        if (!(cause instanceof FalseDisclosure || cause instanceof BrokenBlock)) throw cause
        throw new PersonError("That time cannot be shown.", { context: [cause.message], cause })
      }
    }
    if (batches.length === 0)
      throw new PersonError("Nothing of that time is in a batch that stands.", {
        context: [`site ${site} has ${standing.length} batches on chain`],
        next: "Check the times and the household; what is not settled yet can be shown once it is.",
      })
    process.stdout.write(`${JSON.stringify(disclosed(household, batches), null, 1)}\n`)
    return 0
  },
}

/** @throws PersonError when it is no moment. */
function timeFrom(values: Values, name: string): number {
  const text = required(values, name, "a time, as 2026-11-20T10:00Z")
  const time = Date.parse(text) / 1000
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d.*(Z|[+-]\d\d:\d\d)$/.test(text) || !Number.isInteger(time))
    throw new PersonError(`--${name} "${text}" is not a time.`, {
      next: "Write it with its zone, as 2026-11-20T10:00Z or 2026-11-20T11:00+01:00.",
    })
  return time
}
