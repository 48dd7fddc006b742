import type { BatchState } from "../journal/batches.ts"
import type { Words } from "./words/en.ts"

/** How far a batch is, as people are told: what sets its states on the way to the chain apart is the operator's to know. */
export function stageOf(state: BatchState): keyof Words["green"]["states"] {
  if (state === "submitted") return "attested"
  return state === "mined" || state === "accepted" ? "proposed" : state
}
