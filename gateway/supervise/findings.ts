import { chainFindings } from "./chain-findings.ts"
import type { Facts } from "./facts.ts"
import { type Finding, howLong, inOrder } from "./finding.ts"
import { machineFindings } from "./machine-findings.ts"
import { meterFindings } from "./meter-findings.ts"

/** So many messages of one kind within an hour are more than chance. */
const manyRefused = 100
/** A meter's proof of its own fraud or fault: one is enough. */
const proof = "equivocation"

/** All that is wrong, most pressing first; empty where the gateway is healthy. */
export function findings(facts: Facts): Finding[] {
  return inOrder([
    ...meterFindings(facts),
    ...machineFindings(facts),
    ...chainFindings(facts),
    ...facts.quarantine.flatMap(quarantineFindings),
  ])
}

function quarantineFindings({ reason, total, lately }: Facts["quarantine"][number]): Finding[] {
  if (lately < (reason === proof ? 1 : manyRefused)) return []
  return [
    {
      code: "quarantine-growing",
      severity: reason === proof ? "alarm" : "warning",
      about: reason,
      what: `${lately} ${lately === 1 ? "message" : "messages"} within ${howLong(3600)} went into quarantine as ${reason} (${total} ever).`,
      means: "None of them counts. A fault, or somebody who tries.",
      next: "The operator's page says under Quarantine what the reason means and from whom they came.",
      since: undefined,
    },
  ]
}
