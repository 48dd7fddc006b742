import type { Hex } from "../../../protocol/hex.ts"
import type { Outcome } from "../../intake.ts"

/**
 * What a meter is told after the commit; protocol/SPEC.md, section 4.2. It shows nothing that the meter did not say:
 * no register, no name, and of a refusal only its class.
 */
export interface Receipt {
  /** keccak256 of the payload as it came. */
  digest: Hex
  sequence?: number
  verdict: "counted" | "in doubt" | "refused" | "known"
  reason?: string
}

export function receiptOf(digest: Hex, outcome: Outcome): Receipt {
  if (outcome.kind === "known") return { digest, verdict: "known" }
  if (outcome.kind === "refused") return { digest, verdict: "refused", reason: outcome.reason }
  const { sequence } = outcome.signed.reading
  if (outcome.verdict.accepted) return { digest, sequence, verdict: "counted" }
  return { digest, sequence, verdict: "in doubt", reason: outcome.verdict.reason }
}
