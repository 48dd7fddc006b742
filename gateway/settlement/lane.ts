import type { Logger } from "pino"
import type { Clock } from "../../protocol/clock.ts"
import type { Hex } from "../../protocol/hex.ts"
import type { Transaction } from "../journal/batches.ts"
import type { Journal } from "../journal/journal.ts"
import type { Chain, SignedTransaction } from "./chain.ts"
import { reasonOf } from "./reason.ts"

const receiptPatienceMs = 60_000

export interface LaneOptions {
  journal: Journal
  chain: Chain
  clock: Clock
  /** Milliseconds of a clock that never steps. */
  monotonic: () => number
  log: Logger
}

/** The one way from the gateway to the chain: transactions go out one after the other, each written down first. */
export function createLane({ journal, chain, clock, monotonic, log }: LaneOptions) {
  /**
   * Writes a transaction down, sends it, and waits until it is mined. After a crash the one that was written down is
   * sent again instead of a second one.
   */
  async function transact(number: bigint, kind: Transaction["kind"], sign: () => Promise<SignedTransaction>) {
    const open = journal.batches.transactions(number).find((t) => t.kind === kind && t.gasUsed === undefined)
    if (open) {
      if (await finish(open)) return
      log.warn({ hash: open.hash }, "an earlier transaction was not mined; sending a new one")
    }
    const signed = await sign()
    const transaction = { ...signed, number, kind, sent: clock.now() }
    journal.batches.putTransaction(transaction)
    if (!(await finish(transaction))) throw new Error(`transaction ${signed.hash} is not mined yet`)
  }

  async function finish({ hash, raw }: { hash: Hex; raw: Hex }): Promise<boolean> {
    let receipt = await chain.receipt(hash)
    if (!receipt) {
      // "Already known" and "nonce too low" are answers here too: the receipt tells.
      await chain
        .send(raw)
        .catch((error: unknown) => log.debug({ hash, reason: reasonOf(error) }, "not sent"))
      const until = monotonic() + receiptPatienceMs
      while (!receipt && monotonic() < until) {
        await new Promise((resolve) => setTimeout(resolve, 100))
        receipt = await chain.receipt(hash)
      }
    }
    if (!receipt) return false
    journal.batches.setGasUsed(hash, receipt.gasUsed)
    if (!receipt.succeeded) throw new Error(`transaction ${hash} was reverted`)
    return true
  }

  async function recordGas(number: bigint): Promise<void> {
    for (const { hash, gasUsed } of journal.batches.transactions(number)) {
      if (gasUsed !== undefined) continue
      const receipt = await chain.receipt(hash)
      if (receipt) journal.batches.setGasUsed(hash, receipt.gasUsed)
    }
  }

  return { transact, recordGas }
}

export type Lane = ReturnType<typeof createLane>
