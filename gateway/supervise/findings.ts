import type { Anomaly } from "../../energy/anomalies.ts"
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
    ...facts.anomalies.map(anomalyFinding),
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

const anomaliesInWords: Readonly<Record<Anomaly["kind"], Pick<Finding, "code" | "means" | "next">>> = {
  "night-generation": {
    code: "night-generation",
    means:
      "What it counted counts: nothing is taken off. A battery behind the meter does this, and so does a meter that is wired or set up wrongly, or somebody who feeds it.",
    next: "Look at what is behind the meter. If it is not the sun's, validators and the cooperative must hear of it.",
  },
  twins: {
    code: "twins",
    means:
      "Both count: nothing is taken off. Two roofs never give the same to the watt-hour; one device under two names does.",
    next: "Compare the serial numbers of both meters and their displays with their last readings.",
  },
  "string-off": {
    code: "string-off",
    means: "Nothing is wrong with what is counted; the household generates less than it could.",
    next: "Look at the roof and the inverter: a string that fell off, a fuse, new shade, dirt or snow.",
  },
  "below-clear-sky": {
    code: "below-clear-sky",
    means:
      "Nothing is wrong with what is counted; the household generates less than it did, or two weeks had not one clear day.",
    next: "Look at the roof and the inverter: a string that fell off, a fuse, new shade, dirt or snow.",
  },
  "above-clear-sky": {
    code: "above-clear-sky",
    means:
      "What it counted counts: nothing is taken off. More panels than are registered do this, and a meter that is wired or set up wrongly, or somebody who feeds it.",
    next: "Compare the meter's display and the panels on the roof with what is registered. If it is not the sun's, validators and the cooperative must hear of it.",
  },
}

/** An anomaly is told to people and changes no figure. */
function anomalyFinding({ kind, roofs, says }: Anomaly): Finding {
  const about = roofs.join(" and ")
  return { severity: "warning", about, what: `${says}.`, since: undefined, ...anomaliesInWords[kind] }
}
