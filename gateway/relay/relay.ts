import type { Logger } from "pino"
import type { Hex } from "../../protocol/hex.ts"
import type { IntentContracts } from "../../protocol/intent.ts"
import type { Journal } from "../journal/journal.ts"
import type { Relay as Entry, RelayReason } from "../journal/relays.ts"
import { reasonOf } from "../settlement/reason.ts"
import type { Fees, RelayChain } from "./chain.ts"
import { judgeSubmission, type Submission } from "./judge.ts"
import type { RelaySettings } from "./settings.ts"

const day = 86_400
/** A transaction that is not mined by then is sent again, with a higher fee, seconds. */
const patience = 45
/** How long a household waits for the contract's opinion when it hands in an intent, ms. */
const opinionMs = 3_000

export interface RelayOptions {
  journal: Journal
  chain: RelayChain
  at: { chainId: number; oracle: Hex }
  settings: Pick<RelaySettings, "perDay" | "allPerDay" | "maxFeeGwei" | "confirmations">
  /** Unix seconds of the wall clock: what contracts compare an intent's time with. */
  now: () => number
  log: Logger
}

/** How the relay is, for pages. */
export interface RelayStatus {
  /** Why intents wait; undefined when they do not. */
  waits: RelayReason | undefined
  detail: string | undefined
}

export type Relay = ReturnType<typeof createRelay>

/**
 * Carries households' signed intents to the chain and pays their gas. Each is written down first, and the contract takes
 * its nonce once, so that every step may be repeated and the program may end anywhere. One transaction is under way at
 * a time, from an account of the relay's own: nothing here can hold up a batch.
 */
export function createRelay({ journal: { relays }, chain, at, settings, now, log }: RelayOptions) {
  const status: RelayStatus = { waits: undefined, detail: undefined }
  let checked = false
  /** Transactions that a node took since this program started. */
  const takenByNode = new Set<Hex>()
  /** The newest block that mined intents were looked for in. */
  let seen: Hex | undefined

  /** The contracts, as the chain says, or as it said when it was last there. */
  function knownContracts(): IntentContracts | undefined {
    const known = relays.contracts(at.chainId, at.oracle)
    return known && { chainId: at.chainId, ...known }
  }

  async function check(): Promise<IntentContracts> {
    const known = knownContracts()
    if (checked && known) return known
    const id = await chain.chainId()
    if (id !== at.chainId) throw new Wait("chain wrong", `the node is on chain ${id}, not on ${at.chainId}`)
    relays.putContracts(at.chainId, at.oracle, await chain.contracts())
    checked = true
    return knownContracts()!
  }

  /**
   * Takes an intent from a household that is logged in.
   * @throws PersonError when it is not carried, with the reason; nothing is kept then.
   */
  async function submit(
    household: Hex,
    submission: Submission,
    balance: bigint | undefined,
  ): Promise<Entry | Refused> {
    const contracts = knownContracts()
    if (!contracts) return { refused: "chain away", detail: "The gateway has not seen the chain yet." }
    const { intent, signature, claim } = submission
    const since = now() - day
    const circumstances = () => ({
      household,
      contracts,
      now: now(),
      available: balance === undefined ? undefined : balance - relays.pendingWh(household),
      today: { own: relays.countOf(household, since), all: relays.countSince(since) },
      limits: settings,
    })
    const known = relays.byNonce(household, intent.nonce)
    if (known?.signature === signature && known.intent.kind === intent.kind) return known
    const digest = await judgeSubmission(submission, circumstances())
    const opinion = await within(opinionMs, chain.refusal(intent, signature, contracts)).catch(
      () => undefined,
    )
    if (opinion) return { refused: opinion.reason, detail: opinion.detail }
    // Others may have been taken while the chain was asked.
    await judgeSubmission(submission, circumstances())
    if (relays.byNonce(household, intent.nonce))
      return { refused: "used", detail: "The nonce was used before." }
    const entry = relays.add(intent, digest, signature, claim, now())
    log.info({ relay: Number(entry.id), kind: intent.kind }, "an intent was handed in")
    return entry
  }

  /** Does what is next for all intents. Never throws; what holds it up is in the status. */
  async function advance(): Promise<void> {
    for (const { id } of relays.expired(now())) relays.setState(id, "failed", "expired")
    try {
      const open = relays.sent()
      const unsettled = relays.unsettled()
      if (open.length === 0 && unsettled.length === 0 && !relays.nextQueued() && checked) return
      const contracts = await check()
      const head = unsettled.length > 0 ? await chain.head() : undefined
      if (head && (head.hash !== seen || unsettled.some(({ number, picture }) => number && !picture))) {
        for (const entry of unsettled) await confirm(entry, contracts, head.number)
        seen = head.hash
      }
      for (const entry of open) await follow(entry, contracts)
      while (relays.sent().length === 0) {
        const next = relays.nextQueued()
        if (!next) break
        await carry(next, contracts)
      }
      Object.assign(status, { waits: undefined, detail: undefined })
    } catch (error) {
      checked = false
      const [waits, detail]: [RelayReason, string] =
        error instanceof Wait ? [error.reason, error.message] : ["chain away", reasonOf(error)]
      if (status.waits !== waits) log.warn({ waits, detail }, "intents of households wait")
      Object.assign(status, { waits, detail })
    }
  }

  async function carry(entry: Entry, contracts: IntentContracts): Promise<void> {
    const { id, intent, signature } = entry
    if (await chain.used(intent, contracts))
      return relays.setState(id, "failed", "used", "another transaction used it up")
    const refusal = await chain.refusal(intent, signature, contracts)
    if (refusal) return relays.setState(id, "failed", refusal.reason, refusal.detail)
    const gas = await chain.gas(intent, signature, contracts)
    if (gas === undefined) return relays.setState(id, "failed", "refused", "it would take too much gas")
    const nonce = await chain.nonce()
    const fees = await feesFor(nonce)
    if (exceeds(fees.maxFeePerGas))
      throw new Wait(
        "gas price",
        `gas costs ${fees.maxFeePerGas} wei, and the limit is ${settings.maxFeeGwei} gwei`,
      )
    if ((await chain.gasMoney()) < gas * fees.maxFeePerGas)
      throw new Wait("gas money", `the account ${chain.address} has not enough for gas`)
    await transact(entry, contracts, { nonce, gas, ...fees })
  }

  /** Today's fees; more than was offered before where an earlier transaction may still stand in this place. */
  async function feesFor(nonce: number): Promise<Fees> {
    const fees = await chain.fees()
    const offered = relays.feesAtNonce(nonce)
    if (!offered) return fees
    return {
      maxFeePerGas: raised(offered.maxFeePerGas, fees.maxFeePerGas),
      maxPriorityFeePerGas: raised(offered.maxPriorityFeePerGas, fees.maxPriorityFeePerGas),
    }
  }

  async function transact(
    { id, intent, signature }: Entry,
    contracts: IntentContracts,
    terms: Fees & { nonce: number; gas: bigint },
  ): Promise<void> {
    const signed = await chain.sign(intent, signature, contracts, terms)
    relays.putTransaction({ ...signed, relay: id, sent: now(), ...terms })
    relays.setState(id, "sent")
    await sendAgain(signed)
    const entry = relays.get(id)!
    await look(entry)
  }

  /** "Already known" and "nonce too low" are answers here too: the receipt tells. */
  async function sendAgain({ hash, raw }: { hash: Hex; raw: Hex }): Promise<void> {
    try {
      await chain.send(raw)
      takenByNode.add(hash)
    } catch (error) {
      log.debug({ hash, reason: reasonOf(error) }, "not sent")
    }
  }

  /** @returns whether one of its transactions is mined. */
  async function look({ id, intent }: Entry): Promise<boolean> {
    for (const { hash } of relays.transactions(id)) {
      const receipt = await chain.receipt(hash)
      if (!receipt) continue
      takenByNode.delete(hash)
      if (receipt.succeeded) relays.setDone(id, hash, receipt.block, receipt.number)
      else relays.setState(id, "failed", "refused", `transaction ${hash} was reverted`)
      log.info({ relay: Number(id), kind: intent.kind, succeeded: receipt.succeeded }, "an intent was mined")
      return true
    }
    return false
  }

  /** An intent under way: is it mined, stuck, or was its transaction's place taken? */
  async function follow(entry: Entry, contracts: IntentContracts): Promise<void> {
    if (await look(entry)) return
    const transactions = relays.transactions(entry.id)
    const last = transactions.at(-1)
    if (!last || (await chain.nonce()) > last.nonce) {
      // Its place went to another transaction of this account. It may have been mined since it was looked for.
      if (!(await look(entry))) relays.setState(entry.id, "queued")
      return
    }
    if (now() - last.sent < patience) {
      // The program may have ended, or the line been down, before a node had it.
      if (!takenByNode.has(last.hash)) await sendAgain(last)
      return
    }
    const { id, intent, signature } = entry
    const refusal = await chain.refusal(intent, signature, contracts)
    // It can never succeed any more; the next one takes its place.
    if (refusal && intent.until <= now()) return relays.setState(id, "failed", "expired")
    const gas = refusal ? undefined : await chain.gas(intent, signature, contracts)
    const fees = await feesFor(last.nonce)
    if (gas === undefined || exceeds(fees.maxFeePerGas)) await sendAgain(last)
    else await transact(entry, contracts, { nonce: last.nonce, gas, ...fees })
  }

  /** A mined intent: is it still there, deep enough, and drawn? */
  async function confirm(entry: Entry, contracts: IntentContracts, head: bigint): Promise<void> {
    const { id, transaction, block, number, picture } = entry
    if (!entry.final) {
      const receipt = await chain.receipt(transaction!)
      if (!receipt) {
        log.warn({ relay: Number(id) }, "the chain dropped the block of an intent; it is sent again")
        relays.undo(id)
        for (const transaction of relays.transactions(id)) await sendAgain(transaction)
        return
      }
      if (receipt.block !== block || receipt.number !== number)
        relays.setDone(id, transaction!, receipt.block, receipt.number)
      if (head - receipt.block >= BigInt(settings.confirmations)) relays.setFinal(id)
    }
    if (number !== undefined && picture === undefined)
      relays.setPicture(id, await chain.picture(number, contracts))
  }

  const exceeds = (maxFeePerGas: bigint) =>
    settings.maxFeeGwei !== undefined && maxFeePerGas > BigInt(Math.round(settings.maxFeeGwei * 1e9))

  return { status, contracts: knownContracts, submit, advance }
}

/** A node takes another transaction in the place of one that waits for an eighth more; a wei more for what is rounded. */
function raised(old: bigint, today: bigint): bigint {
  const least = (old * 9n) / 8n + 1n
  return today > least ? today : least
}

/** Not taken, for a reason that the chain gave. */
export interface Refused {
  refused: RelayReason
  detail: string
}

/** Something that only time or the operator changes. */
class Wait extends Error {
  readonly reason: RelayReason

  constructor(reason: RelayReason, message: string) {
    super(message)
    this.reason = reason
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer in time")), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
