import type { Sight } from "../journal/batches.ts"
import type { Journal } from "../journal/journal.ts"
import type { Chain } from "./chain.ts"

/**
 * How deep in the chain something is that is seen there at this moment, counted from the block in which it was first
 * seen: 1 when that is the last. A reorganisation that takes the block away begins the count anew.
 */
export async function depthOf(journal: Journal, chain: Chain, number: bigint, what: Sight): Promise<number> {
  // Asked after it was seen: the block that shows it is not later than this one.
  const tip = await chain.tip()
  const seen = journal.batches.sighting(number, what)
  if (seen && seen.block <= tip.number && (await chain.blockHash(seen.block)) === seen.hash)
    return Number(tip.number - seen.block) + 1
  journal.batches.putSighting(number, what, { block: tip.number, hash: tip.hash })
  return 1
}

/** Whether the block in which something was seen is on chain. A chain that is shorter for a moment says nothing. */
export async function stands(journal: Journal, chain: Chain, number: bigint, what: Sight): Promise<boolean> {
  const seen = journal.batches.sighting(number, what)
  if (!seen) return true
  const hash = await chain.blockHash(seen.block)
  return hash === undefined || hash === seen.hash
}
