import { costOf, type Fees, offer, type Price, raisedOffer } from "./fees.ts"

/** A transaction that was written down and is neither mined nor lost, as far as this gateway knows. */
export interface OpenTransaction extends Fees {
  nonce: number
  /** How long this process has been waiting for it, milliseconds. */
  waitedMs: number
}

export interface LaneFacts<T extends OpenTransaction> {
  open: readonly T[]
  /** How many transactions of the account are mined: the next nonce. */
  mined: number
  /** The same with those that wait at the node, whoever sent them. */
  pending: number
  price: Price
  /** Most wei that may be paid for a unit of gas. */
  ceiling: bigint
  /** How long a transaction may wait before it is replaced, milliseconds. */
  patienceMs: number
}

export type LaneStep<T> =
  /** Sign a transaction with this nonce; an earlier one with the same nonce is replaced by it. */
  | { do: "sign"; nonce: number; fees: Fees; replaces: T | undefined }
  /** Let the nodes hear of it once more. */
  | { do: "send"; transaction: T; tooDear: boolean }
  /** Something with an earlier nonce, not this gateway's, must be mined first. */
  | { do: "wait"; transaction: T }
  | { do: "save" }

/** A node that knows of more than this many transactions of the account is not believed. */
const mostWaiting = 64

/**
 * What to do next in the account's one lane. One nonce at a time is used, so that a transaction never waits for a
 * later one of ours; what waits too long is replaced under its own nonce; one whose nonce cannot be reached any more,
 * because those before it vanished in a reorganisation, is made anew where the chain goes on.
 */
export function nextInLane<T extends OpenTransaction>(facts: LaneFacts<T>): LaneStep<T> {
  const { mined, price, ceiling, patienceMs } = facts
  const pending = believed(facts)
  const usual = offer(price, ceiling)
  const fresh = (nonce: number): LaneStep<T> =>
    usual ? { do: "sign", nonce, fees: usual, replaces: undefined } : { do: "save" }

  const last = newest(facts.open.filter(({ nonce }) => nonce >= mined))
  if (!last) return fresh(pending)
  if (pending < last.nonce) return fresh(pending)
  // The node holds everything from the mined ones up to ours: somebody else's is before it.
  if (mined < last.nonce && pending > last.nonce) return { do: "wait", transaction: last }
  const stuck = mined === last.nonce && last.waitedMs >= patienceMs
  const raised = stuck ? raisedOffer(last, price, ceiling) : undefined
  if (raised) return { do: "sign", nonce: last.nonce, fees: raised, replaces: last }
  return { do: "send", transaction: last, tooDear: stuck || costOf(price) > last.maxFeePerGas }
}

function believed({ mined, pending }: LaneFacts<OpenTransaction>): number {
  return pending < mined || pending - mined > mostWaiting ? mined : pending
}

/** The latest replacement of the first nonce. */
function newest<T extends OpenTransaction>(open: readonly T[]): T | undefined {
  const first = Math.min(...open.map(({ nonce }) => nonce))
  return open
    .filter(({ nonce }) => nonce === first)
    .reduce<T | undefined>(
      (best, one) => (best && best.maxFeePerGas >= one.maxFeePerGas ? best : one),
      undefined,
    )
}
