import type { Hex } from "../../protocol/hex.ts"
import type { MeterStatement } from "../../protocol/statement.ts"
import { multiProofOf, type Tree } from "../../protocol/tree.ts"
import type { Chain, SettlePart } from "./chain.ts"
import type { Lane, Passage } from "./lane.ts"

/** Meters settled by one transaction: at 66,000 gas each, the first time, it keeps below the limit of EIP-7825. */
const metersPerTransaction = 200
/** A node is asked so much at once. */
const questionsAtOnce = 25

export interface Payment {
  /** `done` when nobody who can be paid is unpaid. */
  passage: Passage | "done"
  /** Statements that the contract refuses, with its reason. */
  refused: { meterId: Hex; why: string }[]
}

/**
 * Settles those statements of a valid proposal that are not paid yet. Who is paid is asked of the contract each time,
 * which pays a watt-hour once, so that it makes no difference who sent what before.
 * @param statements the batch's meter statements, which are the first leaves of its tree.
 */
export async function pay(
  chain: Chain,
  lane: Lane,
  site: number,
  number: bigint,
  statements: readonly MeterStatement[],
  tree: Tree,
): Promise<Payment> {
  const partOf = (leaves: readonly number[]): SettlePart => {
    const { order, proof, flags } = multiProofOf(tree, leaves)
    return { statements: order.map((leaf) => statements[leaf]!), proof, flags }
  }
  const paidTimes = await eachOf(statements, ({ meterId }) => chain.paidTime(meterId))
  const unpaid = statements.flatMap(({ time }, i) => (paidTimes[i]! < time ? [i] : []))

  const payment: Payment = { passage: "done", refused: [] }
  for (let i = 0; i < unpaid.length; i += metersPerTransaction) {
    let leaves = unpaid.slice(i, i + metersPerTransaction)
    if (await chain.settleRefusal(site, number, partOf(leaves))) {
      const reasons = await eachOf(leaves, (leaf) => chain.settleRefusal(site, number, partOf([leaf])))
      payment.refused.push(
        ...leaves.flatMap((leaf, j) =>
          reasons[j] === undefined ? [] : [{ meterId: statements[leaf]!.meterId, why: reasons[j] }],
        ),
      )
      leaves = leaves.filter((_, j) => reasons[j] === undefined)
    }
    if (leaves.length === 0) continue
    payment.passage = await lane.transact(number, "settle", () =>
      chain.settleCall(site, number, partOf(leaves)),
    )
    if (payment.passage === "waiting") return payment
  }
  return payment
}

async function eachOf<T, R>(all: readonly T[], ask: (one: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = []
  for (let i = 0; i < all.length; i += questionsAtOnce)
    answers.push(...(await Promise.all(all.slice(i, i + questionsAtOnce).map(ask))))
  return answers
}
