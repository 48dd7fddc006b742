import { decodeFunctionData, type PublicClient } from "viem"
import { impactOracleAbi } from "../contracts/generated/impactOracle.ts"
import { signerOf } from "../protocol/attestation.ts"
import type { Hex } from "../protocol/hex.ts"
import { inForce } from "./meter-life.ts"
import type { Finding } from "./recompute.ts"
import type { History, Proposed } from "./record.ts"

/** Recovers every signature of every proposal from the transaction that carried it. */
export async function attestationFindings(
  client: PublicClient,
  history: History,
): Promise<{ examined: number; findings: Finding[]; skipped: string[] }> {
  const findings: Finding[] = []
  const skipped: string[] = []
  let examined = 0
  for (const proposal of history.proposals) {
    const where = `site ${proposal.site} proposal ${proposal.number}`
    const find = (what: string) => findings.push({ check: "attestations", where, what })
    const set = inForce(
      history.validators.filter(({ oracle }) => oracle === proposal.oracle),
      proposal.at,
    )
    if (!set || set.version !== proposal.validatorSet) {
      find(`names validator set ${proposal.validatorSet}, in force was ${set?.version ?? "none"}`)
      continue
    }
    const { to, input } = await client.getTransaction({ hash: proposal.at.transaction })
    const call = to?.toLowerCase() === proposal.oracle ? decodePropose(input) : undefined
    if (!call) {
      skipped.push(
        `${where} came through another contract: its signatures are not in the transaction's input`,
      )
      continue
    }
    const { signers, wrong } = await recoverSigners(history, proposal, call, set.validators)
    examined += signers
    for (const what of wrong) find(what)
    if (signers < set.threshold) find(`${signers} validators signed, ${set.threshold} are needed`)
  }
  return { examined, findings, skipped }
}

function decodePropose(input: Hex): { bitmap: bigint; packed: Hex } | undefined {
  try {
    const call = decodeFunctionData({ abi: impactOracleAbi, data: input })
    return call.functionName === "propose" ? { bitmap: call.args[1], packed: call.args[2] } : undefined
  } catch {
    return undefined
  }
}

async function recoverSigners(
  history: History,
  proposal: Proposed,
  { bitmap, packed }: { bitmap: bigint; packed: Hex },
  validators: readonly Hex[],
): Promise<{ signers: number; wrong: string[] }> {
  const indices = validators.map((_, i) => i).filter((i) => (bitmap >> BigInt(i)) & 1n)
  const wrong: string[] = []
  let signers = 0
  for (const [n, index] of indices.entries()) {
    const compact = `0x${packed.slice(2 + 128 * n, 2 + 128 * (n + 1))}` as Hex
    const signer = await signerOf({ chainId: history.chainId, oracle: proposal.oracle }, proposal, compact)
    if (signer === validators[index]) signers++
    else wrong.push(`signature ${n} is by ${signer ?? "nobody"}, not by validator ${validators[index]}`)
  }
  return { signers, wrong }
}
