import type { Hex } from "../protocol/hex.ts"
import type { CheckResult } from "./checks.ts"
import { type AnnouncedPolicy, type ChainRules, type History, type Proposed, rulesOf } from "./record.ts"

const nothing: Hex = `0x${"00".repeat(32)}`

/**
 * The rules that each oracle took over are those that its community announced, and were in force when it did.
 * @param timeOf a block's time, Unix seconds.
 */
export async function checkPolicies(
  history: History,
  timeOf: (block: bigint) => Promise<number>,
  check: CheckResult,
): Promise<void> {
  for (const { oracle, version, rules, at } of history.rules) {
    check.examined++
    const where = `oracle ${oracle} rules ${version}`
    const find = (what: string) => check.findings.push({ check: "policy", where, what })
    const announced = announcedTo(history, oracle)
    const policy = announced.find((p) => p.version === version)
    if (!policy) {
      find("were never announced by its policy")
      continue
    }
    for (const name of Object.keys(policy.rules) as (keyof ChainRules)[])
      if (policy.rules[name] !== rules[name])
        find(`say ${name} ${rules[name]}, announced was ${policy.rules[name]}`)
    const time = await timeOf(at.block)
    if (policy.withdrawn || policy.activeFrom > time)
      find(`were taken over at time ${time}, before they were in force`)
    const later = announced.find((p) => p.version > version && !p.withdrawn && p.activeFrom <= time)
    if (later) find(`were taken over when version ${later.version} was in force`)
  }
  for (const { oracle } of history.oracles)
    if (!history.policyOf.has(oracle))
      check.skipped.push(`oracle ${oracle} is of another kind: it has no policy that could be read`)
}

function announcedTo(history: History, oracle: Hex): AnnouncedPolicy[] {
  return history.policies.filter(({ by }) => by === history.policyOf.get(oracle))
}

/** keccak256 of the name of the sharing key that a proposal's batch had to use; undefined where none is prescribed. */
export function sharingKeyOf(history: History, proposal: Pick<Proposed, "oracle" | "at">): Hex | undefined {
  const version = rulesOf(history, proposal)?.version
  const policy = announcedTo(history, proposal.oracle).find((p) => p.version === version)
  return policy && policy.sharingKey !== nothing ? policy.sharingKey : undefined
}
