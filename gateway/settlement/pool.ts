import type { Hex } from "../../protocol/hex.ts"
import { type AccountStatement, leafOf } from "../../protocol/statement.ts"
import { buildTree, multiProofOf } from "../../protocol/tree.ts"
import type { Journal } from "../journal/journal.ts"
import { type Chain, ContractRefuses } from "./chain.ts"
import type { Lane, Passage } from "./lane.ts"

export interface PoolOptions {
  /** The SharingPool. */
  address: Hex
  journal: Pick<Journal, "batches">
  chain: Pick<Chain, "poolAccount" | "settleAccountsCall">
  lane: Pick<Lane, "transact">
}

export interface AccountsPayment {
  /** `done` when every account that can be settled is. */
  passage: Passage | "done"
  /** Why the pool refuses the rest. */
  refused?: string
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

  /** Sends one transaction, if something is missing. */
  async function settle(number: bigint): Promise<AccountsPayment> {
    const stated = journal.batches.accounts.statements(number)
    if (stated.length === 0) return { passage: "done" }
    try {
      const left = await missing(stated)
      if (left.length === 0) return { passage: "done" }
      const leaves = journal.batches.leaves(number)
      const place = new Map(leaves.map((leaf, i) => [leaf.kind === 2 ? leaf.household : undefined, i]))
      const part = left.slice(0, accountsPerTransaction).map(({ household }) => place.get(household)!)
      const passage = await lane.transact(number, "accounts", () => {
        const { order, proof, flags } = multiProofOf(buildTree(leaves.map(leafOf)), part)
        const statements = order.map((leaf) => leaves[leaf] as AccountStatement)
        return chain.settleAccountsCall(address, number, { statements, proof, flags })
      })
      return { passage }
    } catch (error) {
      if (error instanceof ContractRefuses) return { passage: "done", refused: error.message }
      throw error
    }
  }

  return { settle }
}
