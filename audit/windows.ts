import type { CheckResult } from "./checks.ts"
import { type History, proposalOf, rulesOf } from "./record.ts"

/**
 * Everyone had the time to doubt a proposal that its rules promise, and nothing was settled before that was over.
 * @param timeOf a block's time, Unix seconds.
 */
export async function checkWindows(
  history: Pick<History, "proposals" | "settled" | "rules" | "oracles">,
  timeOf: (block: bigint) => Promise<number>,
  check: CheckResult,
): Promise<void> {
  const find = (site: number, number: bigint, what: string) =>
    check.findings.push({ check: check.name, where: `site ${site} proposal ${number}`, what })
  for (const proposal of history.proposals) {
    const rules = rulesOf(history, proposal)?.rules
    const proposedAt = await timeOf(proposal.at.block)
    if (rules && proposal.validAt < proposedAt + rules.challengeWindow)
      find(
        proposal.site,
        proposal.number,
        `could be doubted for ${proposal.validAt - proposedAt} s, its rules promise ${rules.challengeWindow} s`,
      )
    if (Number(proposal.time) > proposedAt)
      find(
        proposal.site,
        proposal.number,
        `is of ${proposal.time}, and was proposed before that at ${proposedAt}`,
      )
  }
  for (const settled of history.settled) {
    const validAt = proposalOf(history, settled)?.validAt
    const settledAt = await timeOf(settled.at.block)
    if (validAt !== undefined && settledAt < validAt)
      find(settled.site, settled.number, `was settled at ${settledAt}, before it was valid at ${validAt}`)
  }
}
