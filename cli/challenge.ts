import { evidenceFrom } from "../audit/evidence-source.ts"
import { connect, readHistory } from "../audit/history.ts"
import { rulesOf } from "../audit/record.ts"
import { impactOracleAbi } from "../contracts/generated/impactOracle.ts"
import { readConfig } from "../gateway/config.ts"
import { equivocationsIn } from "../gateway/journal/equivocations.ts"
import { evidenceCid } from "../protocol/block.ts"
import { judgeEquivocation } from "../protocol/equivocation.ts"
import { PersonError } from "../protocol/error.ts"
import { readEvidence } from "../protocol/evidence.ts"
import type { Hex } from "../protocol/hex.ts"
import { readAccountKey } from "../protocol/key-file.ts"
import { isMeterStatement } from "../protocol/statement.ts"
import { doubt, proveTwinReadings, proveTwinRoots } from "../provisioning/challenge.ts"
import {
  type Act,
  connectOperator,
  gwei,
  lower,
  type Operator,
  parseAddress,
  send,
} from "../provisioning/operator.ts"
import { type Command, optional, readGiven, required, type Values, wholeNumber } from "./command.ts"
import { proofIn, writeProofs } from "./proof.ts"

export const challenge: Command = {
  name: "challenge",
  summary: "doubt a statement on chain, or show a proof of fraud",
  help: `
Usage: commonwatt challenge NODE --proof FILE [--dry-run]
       commonwatt challenge NODE --site N --batch N --meter ID --evidence URL|DIR [--dry-run]
       commonwatt challenge collect --config FILE --out DIR

NODE is --rpc URL --oracle ADDRESS --key-file FILE: a node of the chain, the ImpactOracle contract, and the key of the
account that pays the gas (32 bytes of hexadecimal behind 0x).

  --proof FILE    a proof of fraud, as audit, gateways and validators write them. Two readings with one sequence number:
                  the contract suspends the meter. Two roots with one number: the validator loses its stake, and half
                  of it is yours. The proof is judged here first; one that does not hold is not sent
  --meter ID      asks the site for the reading behind what a pending batch states of this meter. It takes the bond
                  that the rules name; whoever shows the reading in time has it, and if nobody does, the batch is
                  cancelled, the site loses its stake, and half of that is yours with your bond
  --dry-run       says what it would do, and does nothing

collect writes what a gateway's journal holds of two readings with one sequence number, a file for each.

Example:
  commonwatt challenge --proof equivocation-b83796e7-sequence-52.json --rpc http://127.0.0.1:8545 \\
    --oracle 0x2279b7a0a67db372996a5fab50d91eaa73d2ebe6 --key-file challenger.key
`,
  options: {
    proof: { type: "string" },
    site: { type: "string" },
    batch: { type: "string" },
    meter: { type: "string" },
    evidence: { type: "string" },
    rpc: { type: "string" },
    oracle: { type: "string" },
    "key-file": { type: "string" },
    config: { type: "string" },
    out: { type: "string" },
    "dry-run": { type: "boolean" },
  },
  async run(values, [action, ...more]) {
    if (action === "collect" && more.length === 0) return collect(values)
    if (action !== undefined)
      throw new PersonError(`There is no "challenge ${[action, ...more].join(" ")}".`, {
        next: "There is challenge, and challenge collect. See --help.",
      })
    const oracle = parseAddress(required(values, "oracle", "the address of the ImpactOracle contract"))
    const rpc = required(values, "rpc", "the address of a node")
    const proof = optional(values, "proof")
    if (proof === undefined && optional(values, "meter") === undefined)
      throw new PersonError("What is to be shown or doubted?", {
        next: "Give --proof FILE, or --site, --batch and --meter. See --help.",
      })
    const keyFile = required(values, "key-file", "the key of the account that pays the gas")
    const operator = await connectOperator(rpc, readAccountKey(keyFile, "The challenger's key"))
    const act =
      proof === undefined ? await doubtOf(values, rpc, oracle) : await showing(proof, oracle, operator)
    process.stderr.write(
      `${act.says}${act.value ? `, with a bond of ${act.value} wei` : ""}: ${act.functionName} of ${act.address}\n`,
    )
    if (values["dry-run"]) {
      process.stderr.write("--dry-run: nothing was sent.\n")
      return 0
    }
    const { transactionHash } = await send(operator, act)
    process.stdout.write(`${JSON.stringify({ done: act.says, transaction: transactionHash })}\n`)
    return 0
  },
}

async function showing(file: string, oracle: Hex, operator: Operator): Promise<Act> {
  const proof = proofIn(readGiven(file, "proof"), file)
  const { proven, reasons } = await judgeEquivocation(proof)
  if (!proven)
    throw new PersonError(`${file} proves nothing, and the contract would refuse it.`, { context: reasons })
  if (proof.kind === "readings") return proveTwinReadings(oracle, proof)
  const chainId = await operator.getChainId()
  if (proof.oracle !== oracle || proof.chainId !== chainId)
    throw new PersonError("The proof is of another oracle.", {
      context: [
        `It is of ${proof.oracle} on chain ${proof.chainId}; given is ${oracle} on chain ${chainId}.`,
      ],
      next: "Give --oracle and --rpc of the proof.",
    })
  const stakes = await operator.readContract({
    address: oracle,
    abi: impactOracleAbi,
    functionName: "stakes",
  })
  return proveTwinRoots(lower(stakes), proof)
}

async function doubtOf(values: Values, rpc: string, oracle: Hex): Promise<Act> {
  required(values, "site", "the site's number")
  required(values, "batch", "the batch's number")
  const site = wholeNumber(values, "site", 1, 1, 2 ** 32 - 1)
  const number = BigInt(wholeNumber(values, "batch", 1, 1, Number.MAX_SAFE_INTEGER))
  const meter = required(values, "meter", "the meter's id").toLowerCase()
  const source = evidenceFrom(required(values, "evidence", "where the batch's evidence is"))
  const history = await readHistory(connect(rpc), oracle)
  const proposal = history.proposals.find(
    (p) => p.oracle === oracle && p.site === site && p.number === number,
  )
  if (!proposal) throw new PersonError(`Batch ${number} of site ${site} was not proposed to this oracle.`)
  const cid = evidenceCid(proposal.evidence)
  const { statements } = await readEvidence(cid, await source(cid), [])
  const stated = statements.filter(isMeterStatement)
  const which = stated.find(({ meterId }) => meterId === meter)
  if (!which)
    throw new PersonError(`Batch ${number} of site ${site} states nothing of meter ${meter}.`, {
      context: [`It states something of: ${stated.map(({ meterId }) => meterId).join(", ")}`],
    })
  const bond = gwei(rulesOf(history, proposal)?.rules.bond ?? 0)
  return doubt(oracle, { site, number, bond }, statements, which)
}

async function collect(values: Values): Promise<number> {
  const config = readConfig(required(values, "config", "the gateway's configuration"))
  const out = required(values, "out", "the directory for the proofs")
  const files = await writeProofs(out, equivocationsIn(config.dataDir, config.meters))
  for (const file of files) process.stdout.write(`${JSON.stringify({ file })}\n`)
  return 0
}
