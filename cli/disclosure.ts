import { evidenceDigest } from "../protocol/block.ts"
import { checkDisclosure, type Disclosed, FalseDisclosure } from "../protocol/disclosure.ts"

export const isDisclosure = (text: string): boolean =>
  /^\s*\{/.test(text) && text.includes('"commonwatt/disclosure/1"')

/** Prints what a disclosure shows, a JSON line for each record. @returns the exit code. */
export async function verifyDisclosure(text: string, rpc: string | undefined): Promise<number> {
  const { holds, lines } = await judgeDisclosure(text, rpc)
  for (const line of lines) process.stdout.write(`${JSON.stringify(line)}\n`)
  return holds ? 0 : 1
}

/**
 * Says of each record that was disclosed what it is, and whether it holds: against the batch that the file carries, and
 * with a node against the batch that stands on chain.
 */
export async function judgeDisclosure(
  text: string,
  rpc: string | undefined,
): Promise<{ holds: boolean; lines: object[] }> {
  let disclosed: Disclosed
  try {
    disclosed = await checkDisclosure(text)
  } catch (error) {
    if (!(error instanceof FalseDisclosure)) throw error
    return { holds: false, lines: [{ proven: false, reason: error.message }] }
  }
  const { household, batches } = disclosed
  const lines: object[] = []
  let holds = true
  for (const batch of batches) {
    const onChain = rpc === undefined ? null : await standing(rpc, batch)
    holds &&= onChain !== false
    const { chainId, oracle, site, number, evidence } = batch
    for (const { start, energy } of batch.records)
      lines.push({
        proven: true,
        onChain,
        household,
        start: new Date(start * 1000).toISOString(),
        energy: energy
          ? Object.fromEntries(Object.entries(energy).map(([name, wh]) => [name, wh.toString()]))
          : null,
        batch: { chainId, oracle, site, number: number.toString(), evidence: evidence.toString() },
      })
  }
  return { holds, lines }
}

/** Whether the batch was proposed on its chain with this evidence, and was not cancelled. */
async function standing(rpc: string, batch: Disclosed["batches"][number]): Promise<boolean> {
  // The chain's library is large, and without a node nothing of it is wanted.
  const { connect, readHistory } = await import("../audit/history.ts")
  const history = await readHistory(connect(rpc), batch.oracle)
  return (
    history.chainId === batch.chainId &&
    history.proposals.some(
      (proposal) =>
        proposal.oracle === batch.oracle &&
        proposal.site === batch.site &&
        proposal.number === batch.number &&
        proposal.evidence === evidenceDigest(batch.evidence) &&
        proposal.cancelled === undefined,
    )
  )
}
