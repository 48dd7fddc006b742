import type { Logger } from "pino"
import { parseTransaction } from "viem"
import type { Clock } from "../../protocol/clock.ts"
import type { Transaction } from "../journal/batches.ts"
import type { Journal } from "../journal/journal.ts"
import type { Call, Chain, SignedTransaction } from "./chain.ts"
import { coins, costOf, gwei } from "./fees.ts"
import { nextInLane, type OpenTransaction } from "./nonce.ts"
import { reasonOf } from "./reason.ts"

/** How long the lane waits, milliseconds. */
export interface LanePatience {
  /** For a transaction to be mined, before it lets others work and looks again. */
  receiptMs: number
  /** Before a transaction that nobody mines is replaced by one that offers more. */
  replaceMs: number
}

export const usualLanePatience: LanePatience = { receiptMs: 20_000, replaceMs: 120_000 }

export interface LaneOptions {
  journal: Journal
  chain: Chain
  clock: Clock
  /** Milliseconds of a clock that never steps. */
  monotonic: () => number
  /** Most wei that may be paid for a unit of gas; for an answer to a challenge, on which a stake depends, ten times that. */
  ceiling: bigint
  patience: LanePatience
  log: Logger
}

/** `mined`: done, and what it did can be read. `waiting`: come again; `lane.waitsFor` says for what. */
export type Passage = "mined" | "waiting"

interface Version extends OpenTransaction {
  transaction: Transaction
}

/**
 * The one way from the gateway to the chain: transactions go out one after the other, each written down before it is
 * sent. What is written down is a claim and not a fact: whether it was mined is asked anew each time, so that neither a
 * crash, nor a reorganisation, nor somebody else with the same key leaves it in a wrong belief.
 */
export function createLane({
  journal,
  chain,
  clock,
  monotonic,
  ceiling: usualCeiling,
  patience,
  log,
}: LaneOptions) {
  const { batches } = journal
  const firstSeen = new Map<string, number>()
  let dearSince: number | undefined
  let waitsFor: string | undefined

  /** Does what `call` says, unless it is done already. @throws Error when it was mined and had no effect. */
  async function transact(
    number: bigint,
    kind: Transaction["kind"],
    callOf: () => Promise<Call>,
  ): Promise<Passage> {
    waitsFor = undefined
    const ceiling = kind === "answer" ? 10n * usualCeiling : usualCeiling
    const earlier = await lookAt(batches.openTransactions(), (await chain.nonces()).mined)
    // Of answers there may be several; of the others the caller reads anew what is left to do.
    if (kind !== "answer" && earlier.some((one) => one.number === number && one.kind === kind)) return "mined"
    const call = await callOf()
    const does = (transaction: Transaction) => doesTheSame(transaction, number, kind, call)
    const unseen = await reopenVanished(batches.transactions(number).filter(does))
    // A statement may be doubted again after it was answered; everything else is done once.
    if (unseen && kind !== "answer") return stay(`transaction ${unseen.hash} to have its effect`)

    const open = batches.openTransactions().map(versionOf)
    const [nonces, price] = await Promise.all([chain.nonces(), chain.price()])
    const step = nextInLane({ ...nonces, open, price, ceiling, patienceMs: patience.replaceMs })
    const isDear = step.do === "save" || (step.do === "send" && step.tooDear)
    dearSince = isDear ? (dearSince ?? clock.now()) : undefined
    const forCheaperGas = `cheaper gas since ${iso(dearSince ?? 0)}: ${gwei(costOf(price))} are asked for a unit, the limit is ${gwei(ceiling)}, and to ${kind} batch ${number} would cost about ${coins(costOf(price) * call.gas)}`
    if (step.do === "save") return stay(forCheaperGas)
    if (step.do === "wait")
      return stay(`a transaction with an earlier nonce, which somebody else sent from ${chain.account}`)

    const transaction =
      step.do === "send"
        ? step.transaction.transaction
        : writeDown(await chain.sign(call, step.nonce, step.fees), number, kind)
    if (step.do === "sign" && step.replaces)
      log.warn(
        { replaced: step.replaces.transaction.hash, hash: transaction.hash, nonce: step.nonce },
        "a transaction that nobody mines is replaced",
      )
    // Each process waits anew for what it finds: how long it was off counts for nothing.
    if (!firstSeen.has(transaction.hash)) firstSeen.set(transaction.hash, monotonic())
    // "Already known" and "nonce too low" are answers here too: the receipt tells.
    const refusal = await chain.send(transaction.raw).then(() => undefined, reasonOf)
    const found = await untilMined()
    if (found.length > 0) return found.some(does) ? "mined" : stay("its turn")
    const reason = isDear ? `, and for ${forCheaperGas}` : refusal ? ` (${refusal})` : ""
    return stay(`transaction ${transaction.hash} to be mined${reason}`)
  }

  function writeDown({ hash, raw }: SignedTransaction, number: bigint, kind: Transaction["kind"]) {
    batches.putTransaction({ hash, raw, number, kind, sent: clock.now() })
    return { hash, raw }
  }

  /**
   * Of transactions that were mined once and are wanted again: those on a branch that the chain has left may be sent
   * again. @returns one that is on chain all the same.
   */
  async function reopenVanished(once: readonly Transaction[]): Promise<Transaction | undefined> {
    let present: Transaction | undefined
    for (const transaction of once.filter(({ outcome }) => outcome === "mined")) {
      const { hash, kind } = transaction
      if (await chain.receipt(hash)) present = transaction
      else {
        log.warn({ hash, kind }, "a transaction that was mined is not on the chain any more")
        batches.setOutcome(hash, undefined)
      }
    }
    return present
  }

  function stay(what: string): Passage {
    waitsFor = what
    return "waiting"
  }

  /** Notes what became of each. @returns those that are mined. @throws Error for one that was mined without effect. */
  async function lookAt(open: readonly Transaction[], mined: number): Promise<Transaction[]> {
    const found: Transaction[] = []
    const reverted: string[] = []
    for (const transaction of open) {
      const receipt = await chain.receipt(transaction.hash)
      if (receipt) {
        const { gasUsed, paidWei, succeeded } = receipt
        batches.setOutcome(transaction.hash, succeeded ? "mined" : "reverted", { gasUsed, paidWei })
        if (succeeded) found.push(transaction)
        else reverted.push(transaction.hash)
      } else if (nonceOf(transaction) < mined) {
        log.info({ hash: transaction.hash }, "another transaction took the nonce of this one")
        batches.setOutcome(transaction.hash, "lost")
      }
    }
    if (reverted.length > 0) throw new Error(`transaction ${reverted.join(", ")} was mined and had no effect`)
    return found
  }

  /** Waits a while until something is mined, asking less and less often. */
  async function untilMined(): Promise<Transaction[]> {
    const until = monotonic() + patience.receiptMs
    for (let pause = 100; ; pause = Math.min(2 * pause, 3000)) {
      const found = await lookAt(batches.openTransactions(), 0)
      if (found.length > 0 || monotonic() >= until) return found
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }

  function versionOf(transaction: Transaction): Version {
    const since = firstSeen.get(transaction.hash) ?? monotonic()
    firstSeen.set(transaction.hash, since)
    const { nonce, maxFeePerGas = 0n, maxPriorityFeePerGas = 0n } = parseTransaction(transaction.raw)
    const waitedMs = monotonic() - since
    return { transaction, nonce: nonce ?? 0, maxFeePerGas, maxPriorityFeePerGas, waitedMs }
  }

  return {
    transact,
    /** Notes what became of transactions that an earlier life sent. */
    async catchUp(): Promise<void> {
      const open = batches.openTransactions()
      if (open.length > 0) await lookAt(open, (await chain.nonces()).mined)
    },
    /** What the last `transact` waits for, in words. */
    waitsFor: (): string | undefined => waitsFor,
  }
}

export type Lane = ReturnType<typeof createLane>

/** A proposal may have been signed by other validators the second time: it is the same all the same. */
function doesTheSame(
  transaction: Transaction,
  number: bigint,
  kind: Transaction["kind"],
  call: Call,
): boolean {
  if (transaction.number !== number || transaction.kind !== kind) return false
  if (kind === "propose") return true
  const { to, data } = parseTransaction(transaction.raw)
  return to?.toLowerCase() === call.to.toLowerCase() && data === call.data
}

function nonceOf({ raw }: Transaction): number {
  return parseTransaction(raw).nonce ?? 0
}

function iso(time: number): string {
  return new Date(time * 1000).toISOString().replace(".000", "")
}
