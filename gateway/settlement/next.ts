import type { Batch } from "../journal/batches.ts"
import type { ProposalStatus } from "./chain.ts"

/** What the chain and the journal say of the site's last proposal, and of the batch after it. */
export interface Facts {
  /** The number of the last proposal on chain; 0 before the first. */
  head: bigint
  /** Its root and where it stands. */
  root: string
  status: ProposalStatus
  /** The journal's batch with this number. */
  own: Pick<Batch, "state" | "root"> | undefined
  /** Whether the block in which its mints were seen is still on chain; true where none was noted. */
  paidStands: boolean
  /** The journal's batch with the next number. */
  next: Pick<Batch, "state"> | undefined
}

export type NextStep =
  /** The chain has a proposal that the journal knows nothing of. */
  | { do: "stop" }
  /** The number belongs to another proposal, or to nobody any more. */
  | { do: "supersede"; why: string }
  /** The proposal is ours: see it through to its mints. */
  | { do: "follow" }
  /** It was settled on a branch that the chain has left. */
  | { do: "reopen" }
  | { do: "propose" }
  | { do: "build" }

/**
 * The next step, from what is true on chain and what is written in the journal. The states that the journal remembers
 * decide nothing that the chain can be asked: so it goes on rightly after a crash at any moment, after any
 * reorganisation, and beside another gateway of the same site.
 */
export function nextStep({ head, root, status, own, paidStands, next }: Facts): NextStep {
  const onward: NextStep = { do: next ? "propose" : "build" }
  if (head === 0n) return onward
  if (!own) return { do: "stop" }
  // What is settled is settled, also when a new oracle follows the one that it was proposed to.
  if (own.state === "settled") return paidStands ? onward : { do: "reopen" }
  if (own.root === root && status !== "cancelled") return { do: "follow" }
  if (own.state === "superseded") return onward
  return {
    do: "supersede",
    why: own.root === root ? "cancelled on chain" : "another proposal took its number",
  }
}
