import type { Hex } from "../../protocol/hex.ts"
import { type AccountStatement, leafOf } from "../../protocol/statement.ts"
import { buildTree, multiProofOf } from "../../protocol/tree.ts"
import type { Journal } from "../journal/journal.ts"
import { type Chain, ContractRefuses } from "./chain.ts"
import type { Lane } from "./lane.ts"

export interface PoolOptions {
  /** The SharingPool. */
  address: Hex
  journal: Pick<Journal, "batches">
  chain: Pick<Chain, "poolAccount" | "signSettleAccounts">
  lane: Pick<Lane, "transact">
}

/** Accounts settled by one transaction: at 55,000 gas each, the first time, it keeps below the limit of EIP-7825. */
const accountsPerTransaction = 200

/**
 * Settles a valid batch's account statements in the community's pool. Each time it asks the pool where every account
 * stands, and does what is missing: it may be repeated and broken off anywhere, and another may have done it before.
 */
export function createPool({ address, journal, chain, lane }: PoolOptions) {
  /** What the pool has not settled yet, the largest new debts first: it never credits more than it debits. */
  async function missing(stated: readonly AccountStatement[]): Promise<AccountStatement[]> {
    const found: { statement: AccountStatement; change: bigint }[] = []
    for (const statement of stated) {
      const { credit, time } = await chain.poolAccount(address, statement.household)
      if (time < statement.time) found.push({ statement, change: statement.credit - credit })
    }
    return found.sort((a, b) => (a.change < b.change ? -1 : 1)).map(({ statement }) => statement)
  }

  /** @returns why the pool refuses some of it; undefined when all of it is settled. */
  async function settle(number: bigint): Promise<string | undefined> {
    const stated = journal.batches.accounts.statements(number)
    if (stated.length === 0) return undefined
    const leaves = journal.batches.leaves(number)
    const tree = buildTree(leaves.map(leafOf))
    const place = new Map(leaves.map((leaf, i) => [leaf.kind === 2 ? leaf.household : undefined, i]))
    try {
      let left = await missing(stated)
      // One more than there are parts: a transaction from before a crash may come first.
      const most = Math.ceil(left.length / accountsPerTransaction) + 1
      for (let i = 0; left.length > 0 && i < most; i++) {
        const part = left.slice(0, accountsPerTransaction).map(({ household }) => place.get(household)!)
        await lane.transact(number, "accounts", () => {
          const { order, proof, flags } = multiProofOf(tree, part)
          const statements = order.map((leaf) => leaves[leaf] as AccountStatement)
          return chain.signSettleAccounts(address, number, { statements, proof, flags })
        })
        left = await missing(stated)
      }
      return left.length > 0 ? `${left.length} accounts are still not settled` : undefined
    } catch (error) {
      if (error instanceof ContractRefuses) return error.message
      throw error
    }
  }

  return { settle }
}
