import type { Logger } from "pino"
import { boundaryAt } from "../../energy/intervals.ts"
import { evidenceDigest } from "../../protocol/block.ts"
import type { Clock } from "../../protocol/clock.ts"
import type { Hex } from "../../protocol/hex.ts"
import type { Proposal } from "../../protocol/proposal.ts"
import type { Recipient } from "../../protocol/seal.ts"
import { leafOf } from "../../protocol/statement.ts"
import { buildTree } from "../../protocol/tree.ts"
import type { Config, Meter } from "../config.ts"
import type { Batch, BatchState } from "../journal/batches.ts"
import type { Journal } from "../journal/journal.ts"
import { buildBatch, nameOf } from "./build.ts"
import type { Chain, Head } from "./chain.ts"
import { beyondChallenge, createAnswers } from "./challenges.ts"
import { depthOf, stands } from "./depth.ts"
import { writeProofs } from "./double-signature.ts"
import { weiOf } from "./fees.ts"
import { createGathering } from "./gather.ts"
import { createKeyWatch } from "./keys.ts"
import { createLane, type LanePatience, usualLanePatience } from "./lane.ts"
import { nextStep } from "./next.ts"
import type { Tip } from "./nodes.ts"
import { pay } from "./pay.ts"
import { createPool } from "./pool.ts"
import { reasonOf } from "./reason.ts"
import { gasAccount, type SettlementStatus, statusAtStart, warningsOf } from "./status.ts"

export type { SettlementStatus } from "./status.ts"

/** How long settlement waits for others, milliseconds. */
export interface Patience extends LanePatience {
  /** For validators that are slower than the others, once enough have signed. */
  graceMs: number
  /** For a node to reach the block that was seen already, before a shorter chain is taken for the chain. */
  behindMs: number
}

export const usualPatience: Patience = { ...usualLanePatience, graceMs: 2_000, behindMs: 120_000 }
const accountEveryMs = 60_000
/** Each look costs traffic, and a change is registered ahead or heals: what came too early is kept apart until then. */
const keysEveryMs = { usual: 60_000, paced: 0 }
/** What a batch costs is the mean of the last ones. */
const batchesForCost = 5

export interface SettlementOptions {
  config: Config
  journal: Journal
  chain: Chain
  /** The site's own: what it sealed it can open again, should its journal be lost. */
  recipient?: Recipient
  clock: Clock
  /** Milliseconds of a clock that never steps, for durations. */
  monotonic: () => number
  patience?: Patience
  log: Logger
  /** Learns of a meter that has another key by the registry. */
  onKeyChange?: (meter: Meter) => void
}

/**
 * From journal to chain, one step at a time. Each step looks at the chain first and does what is missing there, so
 * it may be repeated, and the program may end anywhere: what counts is in the journal or on the chain. The contract
 * takes a number once and pays a watt-hour once, so that no step can do harm twice.
 */
export function createSettlement(options: SettlementOptions) {
  const { config, journal, chain, recipient, clock, monotonic, patience = usualPatience, log } = options
  const { site, settlement } = config
  const { confirmations, maxFeeGwei, warnBelowBatches } = config.chain
  const { batches } = journal
  const at = { chainId: config.chain.chainId, oracle: config.chain.oracle }
  const status: SettlementStatus = {
    ...statusAtStart(),
    settledUpTo: batches.newest(10).find(({ state }) => state === "settled")?.time ?? 0,
    beyondChallenge: beyondChallenge(config),
  }
  const ceiling = weiOf(maxFeeGwei)
  const lane = createLane({ journal, chain, clock, monotonic, ceiling, patience, log })
  const pool =
    config.sharingPool === undefined
      ? undefined
      : createPool({ address: config.sharingPool, journal, chain, lane })
  const answers = createAnswers({ config, journal, chain, lane, log })
  const keys = createKeyWatch({
    ...{ meters: config.meters, journal, chain, confirmations, monotonic, log },
    everyMs: keysEveryMs[config.pace ? "paced" : "usual"],
    onChange: (meter) => options.onKeyChange?.(meter),
  })
  const gathering = createGathering({ config, at, journal, clock, graceMs: patience.graceMs, log })
  let checked = false
  let refusedUpTo = 0
  let waitingSince: { time: number; since: number } | undefined
  let awaySince: number | undefined
  let reached = { block: 0n, atMs: 0 }
  let accountAtMs: number | undefined
  noteDoubleSignatures()

  /** Does one step. @returns whether there is more to do at once. */
  async function step(): Promise<boolean> {
    const tip = await survey()
    if (!checked) {
      await chain.check()
      checked = true
    }
    if (tip.number < reached.block && monotonic() - reached.atMs < patience.behindMs) {
      status.doing = `waiting for a node that is as far as block ${reached.block}, which was seen already`
      return false
    }
    reached = { block: tip.number, atMs: monotonic() }
    await readAccount()
    await keys.look(tip)
    await lane.catchUp()

    const head = await chain.head(site)
    const own = head.number > 0n ? batches.get(head.number) : undefined
    const next = batches.get(head.number + 1n)
    const onChain = own ? await chain.proposal(site, head.number) : { root: "", status: "none" as const }
    const paidStands = own?.state !== "settled" || (await stands(journal, chain, own.number, "paid"))
    const todo = nextStep({ head: head.number, ...onChain, own, paidStands, next })
    if (onChain.status !== "pending") status.challenges = []
    switch (todo.do) {
      case "stop":
        throw new Error(
          `the chain has ${head.number} proposals of this site, the journal does not know the last: another gateway, or a lost journal`,
        )
      case "supersede":
        return supersede(own!, todo.why)
      case "reopen":
        moveTo(own!, "accepted", "the chain has left the branch on which it was settled")
        return true
      case "follow":
        return follow(own!, head, onChain.status === "pending")
      case "propose":
        return propose(next!, head, onChain.status === "pending")
      case "build":
        return build(head, tip)
    }
  }

  /** @throws Error saying since when no node can be relied on. */
  async function survey() {
    try {
      const tip = await chain.survey()
      awaySince = undefined
      return tip
    } catch (error) {
      awaySince ??= clock.now()
      throw new Error(`${reasonOf(error)} (since ${iso(awaySince)})`)
    } finally {
      status.nodes = chain.nodes()
    }
  }

  async function supersede(batch: Batch, why: string): Promise<boolean> {
    moveTo(batch, "superseded", why)
    log.warn({ batch: Number(batch.number), why }, "batch superseded; the next one carries its readings")
    // Who signed ours and that one too has convicted himself. That is worth a look, and nothing waits for it.
    const carried = await chain.carried(site, batch.number).catch(() => undefined)
    if (carried) await gathering.keepCarried(carried.proposal, carried.signatures)
    noteDoubleSignatures()
    return true
  }

  /** The chain has our proposal. Is it there to stay, is it valid yet, and who is still to be paid? */
  async function follow(batch: Batch, head: Head, pending: boolean): Promise<boolean> {
    const depth = await depthOf(journal, chain, batch.number, "proposed")
    moveTo(batch, depth < confirmations ? "mined" : "accepted")
    if (pending) {
      status.doing = `${nameOf(batch)} is proposed; it is valid from ${iso(head.validAt)} on`
      await answers.answerAll(batch).finally(() => {
        status.challenges = answers.challenges()
      })
      return false
    }
    if (depth < confirmations) {
      status.doing = `${nameOf(batch)} is on chain and waits for ${confirmations - depth} more block(s) upon it`
      return false
    }
    return settle(batch)
  }

  async function settle(batch: Batch): Promise<boolean> {
    status.doing = `settling ${nameOf(batch)}`
    const statements = batches.statements(batch.number)
    const tree = buildTree(batches.leaves(batch.number).map(leafOf))
    const { passage, refused } = await pay(chain, lane, site, batch.number, statements, tree)
    if (passage === "waiting") return waitFor(`settling ${nameOf(batch)}`)
    if (passage === "mined") return true
    // Before it counts as paid: what a reorganisation takes away is then done again together with the mints.
    const accounts = await pool?.settle(batch.number)
    if (accounts?.passage === "waiting") return waitFor(`settling the accounts of ${nameOf(batch)}`)
    if (accounts?.passage === "mined") return true
    const depth = await depthOf(journal, chain, batch.number, "paid")
    if (depth < confirmations) {
      status.doing = `${nameOf(batch)} is paid and waits for ${confirmations - depth} more block(s) upon that`
      return false
    }
    const reasons = refused.map(({ meterId, why }) => `${nameOfMeter(meterId)}: ${why}`)
    if (accounts?.refused !== undefined) reasons.push(`the sharing pool: ${accounts.refused}`)
    moveTo(batch, "settled", reasons.join("; ") || undefined)
    for (const why of reasons)
      log.error({ batch: Number(batch.number), why }, "the contract refuses a statement")
    status.settledUpTo = batch.time
    log.info({ batch: Number(batch.number), meters: statements.length - refused.length }, "batch settled")
    return true
  }

  async function propose(batch: Batch, head: Head, pending: boolean): Promise<boolean> {
    if (["mined", "accepted", "settled", "superseded"].includes(batch.state)) {
      const why = "the chain has left the branch that had its number; it is proposed again"
      log.warn({ batch: Number(batch.number), why }, "a reorganisation")
      moveTo(batch, "built", why)
    }
    showState(batch)
    if (pending) {
      status.doing = `${nameOf(batch)} waits for the window of the one before, until ${iso(head.validAt)}`
      return false
    }
    status.doing = `${nameOf(batch)} is with the validators`
    const set = await chain.validators()
    const proposal: Proposal = {
      site,
      number: batch.number,
      root: batch.root,
      evidence: evidenceDigest(batch.evidence),
      time: BigInt(batch.time),
      leafCount: batches.leaves(batch.number).length,
      validatorSet: set.version,
    }
    const { signatures, problems, hopeless } = await gathering.gather(batch.number, proposal, set)
    noteDoubleSignatures()
    if (hopeless) {
      // Its readings go into a batch of a later time.
      refusedUpTo = batch.time
      batches.remove(batch.number)
      throw new Error(`${nameOf(batch)} was refused and is given up: ${problems.join("; ")}`)
    }
    if (!signatures) {
      if (batch.state === "attested") moveTo(batch, "built", "other validators are in force")
      throw new Error(
        `${nameOf(batch)} lacks signatures (${set.threshold} are needed): ${problems.join("; ")}`,
      )
    }
    for (const problem of problems)
      log.warn({ batch: Number(batch.number), problem }, "a validator did not sign")
    if (batch.state !== "submitted") moveTo(batch, "attested")
    status.doing = `proposing ${nameOf(batch)}`
    const passage = await lane
      .transact(batch.number, "propose", () =>
        chain.proposeCall(proposal, signatures.signers, signatures.packed),
      )
      .finally(() => {
        if (isSubmitted(batch)) moveTo(batch, "submitted")
      })
    return passage === "mined" || waitFor(`proposing ${nameOf(batch)}`)
  }

  async function build(head: Head, tip: Tip): Promise<boolean> {
    const time = boundaryAt(clock.now(), settlement.everySeconds)
    const last = batches.standingBefore(head.number + 1n)
    if (last?.state === "settled") status.settledUpTo = last.time
    Object.assign(status, { state: "collected", batch: undefined })
    status.since = last && batches.history(last.number).at(-1)?.time
    if (time <= Math.max(head.time, refusedUpTo)) {
      status.doing = "up to date"
      return false
    }
    if (!allReported(time)) {
      status.doing = `waiting for readings up to ${iso(time)}`
      return false
    }
    await keys.look(tip, { once: true })
    const inError = config.meters.filter(({ key }) => journal.keys.takenInError(key.meterId) > 0)
    if (inError.length > 0)
      throw new Error(
        `readings of ${inError.map(({ name }) => name).join(", ")} were counted by a key that was not in force any more`,
      )
    const { headroomBasisPoints } = await chain.rules()
    if (headroomBasisPoints !== config.rules.headroomBasisPoints)
      throw new Error(
        `the contract allows ${headroomBasisPoints} basis points of headroom, the configuration says ${config.rules.headroomBasisPoints}`,
      )
    const batch = await buildBatch(journal, {
      ...at,
      site,
      number: head.number + 1n,
      time,
      rules: { sharingKey: config.sharingKey, ...config.rules },
      accounts: config.accounts,
      factors: config.emissionFactors,
      meters: config.meters,
      recipientsOf: (household) => {
        const own = config.households.find(({ address }) => address === household)?.recipient
        return [...config.auditors, recipient, own].filter((one) => one !== undefined)
      },
    })
    if (!batch) {
      status.doing = "nothing new to settle"
      return false
    }
    batches.add({ ...batch, builtAt: clock.now() })
    log.info({ batch: Number(batch.number), statements: batch.statements.length }, "batch built")
    return true
  }

  /** A batch waits a while for meters that are late; who is later is in the next one. */
  function allReported(time: number): boolean {
    const late = config.meters.some(
      ({ key }) => (journal.readings.state(key.meterId).anchor?.time ?? 0) < time,
    )
    if (!late) return true
    if (waitingSince?.time !== time) waitingSince = { time, since: monotonic() }
    return monotonic() - waitingSince.since >= settlement.waitSeconds * 1000
  }

  /** Writes down that a batch came into a state, unless it is there. */
  function moveTo(batch: Batch, state: BatchState, note?: string): void {
    if (batch.state !== state) {
      batches.setState(batch.number, state, clock.now(), note)
      batch.state = state
    }
    showState(batch)
  }

  function showState({ number, state }: Batch): void {
    Object.assign(status, { state, batch: Number(number), since: batches.history(number).at(-1)?.time })
  }

  function isSubmitted({ number }: Batch): boolean {
    return batches
      .transactions(number)
      .some(({ kind, outcome }) => kind === "propose" && (outcome === undefined || outcome === "mined"))
  }

  function waitFor(what: string): false {
    status.doing = `${what}: waiting for ${lane.waitsFor() ?? "its turn"}`
    return false
  }

  async function readAccount(): Promise<void> {
    if (accountAtMs !== undefined && monotonic() - accountAtMs < accountEveryMs) return
    const paid = [...batches.paidForLast(batchesForCost).values()]
    status.account = gasAccount(chain.account, await chain.gasBalance(), paid, warnBelowBatches)
    accountAtMs = monotonic()
  }

  function noteDoubleSignatures(): void {
    const proofs = batches.doubleSignatures(site)
    if (proofs.length === status.doubleSignatures.length) return
    status.doubleSignatures = proofs
    try {
      const files = writeProofs(config.dataDir, at, proofs)
      log.error({ files }, "a validator signed two batches with one number")
    } catch (error) {
      // They are in the journal all the same, and a full disk is no reason not to settle.
      log.error(
        { reason: reasonOf(error) },
        "the proof that a validator signed two batches cannot be written",
      )
    }
  }

  function nameOfMeter(meterId: Hex): string {
    return config.meters.find(({ key }) => key.meterId === meterId)?.name ?? meterId
  }

  return {
    status,
    /** Whether the registry said since the start which keys the meters have. */
    hasLookedAtKeys: keys.hasLooked,
    /** Steps until there is nothing to do right now; keeps a problem for people to see, and never throws. */
    async advance(): Promise<void> {
      try {
        while (await step());
        Object.assign(status, { problem: undefined, problemSince: undefined })
      } catch (error) {
        const problem = reasonOf(error)
        if (status.problem !== problem) log.warn({ problem }, "settlement cannot go on for the moment")
        status.problem = problem
        status.problemSince ??= clock.now()
      }
      status.warnings = warningsOf(status)
    },
  }
}

export type Settlement = ReturnType<typeof createSettlement>

function iso(time: number): string {
  return new Date(time * 1000).toISOString().replace(".000", "")
}
