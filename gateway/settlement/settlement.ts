import type { Logger } from "pino"
import { boundaryAt } from "../../energy/intervals.ts"
import { evidenceDigest } from "../../protocol/block.ts"
import type { Clock } from "../../protocol/clock.ts"
import type { Hex } from "../../protocol/hex.ts"
import type { Proposal } from "../../protocol/proposal.ts"
import { leafOf } from "../../protocol/statement.ts"
import { buildTree, multiProofOf } from "../../protocol/tree.ts"
import type { Config } from "../config.ts"
import type { Batch } from "../journal/batches.ts"
import type { Journal } from "../journal/journal.ts"
import { type AttestationRequest, askValidator, collectSignatures } from "./attest.ts"
import { buildBatch, nameOf } from "./build.ts"
import type { Chain, Head, SettlePart } from "./chain.ts"
import { beyondChallenge, type Challenge, createAnswers } from "./challenges.ts"
import { createLane } from "./lane.ts"
import { reasonOf } from "./reason.ts"

/** How far settlement is, for the page and for whoever waits for it. */
export interface SettlementStatus {
  /** The time up to which everything is settled on chain, Unix seconds. */
  settledUpTo: number
  /** What it does or waits for. */
  doing: string
  /** What is wrong, in words; undefined when nothing is. */
  problem: string | undefined
  /** Whose statements of the last proposed batch were doubted on chain. */
  challenges: readonly Challenge[]
  /** Names of meters whose statements cannot be doubted on chain. */
  beyondChallenge: readonly string[]
}

export interface SettlementOptions {
  config: Config
  journal: Journal
  chain: Chain
  clock: Clock
  /** Milliseconds of a clock that never steps, for durations. */
  monotonic: () => number
  log: Logger
}

/** Meters settled by one transaction: at 66,000 gas each, the first time, it keeps below the limit of EIP-7825. */
const metersPerTransaction = 200

/**
 * From journal to chain, one step at a time. Each step looks at the chain first and does what is missing there, so
 * it may be repeated, and the program may end anywhere: what counts is in the journal or on the chain. The contract
 * takes a number once and pays a watt-hour once, so that no step can do harm twice.
 */
export function createSettlement({ config, journal, chain, clock, monotonic, log }: SettlementOptions) {
  const { site, settlement, validators } = config
  const at = { chainId: config.chain.chainId, oracle: config.chain.oracle }
  const status: SettlementStatus = {
    settledUpTo: 0,
    doing: "starting",
    problem: undefined,
    challenges: [],
    beyondChallenge: beyondChallenge(config),
  }
  const lane = createLane({ journal, chain, clock, monotonic, log })
  const answers = createAnswers({ config, journal, chain, lane, log })
  let checked = false
  let refusedUpTo = 0
  let waitingSince: { time: number; since: number } | undefined

  /** Does one step. @returns whether there is more to do at once. */
  async function step(): Promise<boolean> {
    if (!checked) {
      await chain.check()
      checked = true
    }
    const head = await chain.head(site)
    const proposed = head.number > 0n ? journal.batches.get(head.number) : undefined
    if (proposed && proposed.state !== "settled" && proposed.state !== "superseded")
      return afterProposal(proposed, head)
    if (!proposed && head.number > 0n)
      throw new Error(
        `the chain has ${head.number} proposals of this site, the journal does not know the last: another gateway, or a lost journal`,
      )
    const next = journal.batches.get(head.number + 1n)
    if (next) return propose(next, head)
    return build(head)
  }

  /** The chain has this number. Is it ours, is it valid yet, and who is still to be paid? */
  async function afterProposal(batch: Batch, head: Head): Promise<boolean> {
    const { root, status: onChain } = await chain.proposal(site, batch.number)
    if (onChain !== "pending") status.challenges = []
    if (root !== batch.root || onChain === "cancelled") {
      const why = onChain === "cancelled" ? "cancelled on chain" : "another proposal took its number"
      journal.batches.setState(batch.number, "superseded", why)
      log.warn({ batch: Number(batch.number), why }, "batch superseded; the next one carries its readings")
      return true
    }
    if (batch.state !== "proposed") journal.batches.setState(batch.number, "proposed")
    await lane.recordGas(batch.number)
    if (onChain === "pending") {
      status.doing = `${nameOf(batch)} is proposed; it is valid from ${iso(head.validAt)} on`
      await answers.answerAll(batch).finally(() => {
        status.challenges = answers.challenges()
      })
      return false
    }
    return settle(batch)
  }

  async function settle(batch: Batch): Promise<boolean> {
    status.doing = `settling ${nameOf(batch)}`
    const statements = journal.batches.statements(batch.number)
    const tree = buildTree(journal.batches.leaves(batch.number).map(leafOf))
    const partOf = (leaves: readonly number[]): SettlePart => {
      const { order, proof, flags } = multiProofOf(tree, leaves)
      return { statements: order.map((leaf) => statements[leaf]!), proof, flags }
    }
    const unpaid: number[] = []
    for (const [i, { meterId, time }] of statements.entries())
      if ((await chain.paidTime(meterId)) < time) unpaid.push(i)

    const refused: string[] = []
    for (let i = 0; i < unpaid.length; i += metersPerTransaction) {
      let leaves = unpaid.slice(i, i + metersPerTransaction)
      if (await chain.settleRefusal(site, batch.number, partOf(leaves))) {
        const each = await Promise.all(
          leaves.map(async (leaf) => ({
            leaf,
            why: await chain.settleRefusal(site, batch.number, partOf([leaf])),
          })),
        )
        leaves = each.filter(({ why }) => why === undefined).map(({ leaf }) => leaf)
        refused.push(
          ...each
            .filter(({ why }) => why)
            .map(({ leaf, why }) => `${nameOfMeter(statements[leaf]!.meterId)}: ${why}`),
        )
      }
      if (leaves.length === 0) continue
      await lane.transact(batch.number, "settle", () => chain.signSettle(site, batch.number, partOf(leaves)))
    }
    journal.batches.setState(batch.number, "settled", refused.join("; ") || undefined)
    for (const why of refused)
      log.error({ batch: Number(batch.number), why }, "the contract refuses a statement")
    status.settledUpTo = batch.time
    log.info({ batch: Number(batch.number), meters: statements.length - refused.length }, "batch settled")
    return true
  }

  async function propose(batch: Batch, head: Head): Promise<boolean> {
    if (head.number > 0n && (await chain.proposal(site, head.number)).status === "pending") {
      status.doing = `${nameOf(batch)} waits for the window of the one before, until ${iso(head.validAt)}`
      return false
    }
    const set = await chain.validators()
    const proposal: Proposal = {
      site,
      number: batch.number,
      root: batch.root,
      evidence: evidenceDigest(batch.evidence),
      time: BigInt(batch.time),
      leafCount: journal.batches.leaves(batch.number).length,
      validatorSet: set.version,
    }
    const signatures = await gather(batch, proposal, set)
    if (!signatures) return false
    if (batch.state === "built") journal.batches.setState(batch.number, "attested")
    status.doing = `proposing ${nameOf(batch)}`
    await lane.transact(batch.number, "propose", () =>
      chain.signPropose(proposal, signatures.signers, signatures.packed),
    )
    return true
  }

  /** Asks the validators that have not signed yet, all at once; keeps what each said. */
  async function gather(
    batch: Batch,
    proposal: Proposal,
    set: { addresses: Hex[]; threshold: number; version: number },
  ) {
    status.doing = `${nameOf(batch)} is with the validators`
    const standing = () =>
      journal.batches.attestations(batch.number).filter((a) => a.validatorSet === set.version)
    const request: AttestationRequest = { ...at, proposal }
    const signed = new Set(
      standing()
        .filter((a) => a.signature)
        .map((a) => a.validator),
    )
    let signatures = await collectSignatures(at, proposal, standing(), set)
    if (signatures) return signatures
    const problems: string[] = []
    let refusals = 0
    await Promise.all(
      validators
        .filter((url) => !signed.has(url))
        .map(async (url) => {
          try {
            const answer = await askValidator(url, request)
            journal.batches.putAttestation(batch.number, answer)
            if (!answer.refusal) return
            refusals++
            problems.push(`${url} refuses: ${answer.refusal}`)
          } catch (error) {
            problems.push(`${url} does not answer: ${reasonOf(error)}`)
          }
        }),
    )
    signatures = await collectSignatures(at, proposal, standing(), set)
    if (!signatures && refusals > set.addresses.length - set.threshold) {
      // It can never be signed by enough. Its readings go into a batch of a later time.
      refusedUpTo = batch.time
      journal.batches.remove(batch.number)
      throw new Error(`${nameOf(batch)} was refused and is given up: ${problems.join("; ")}`)
    }
    if (!signatures)
      throw new Error(
        `${nameOf(batch)} lacks signatures (${set.threshold} are needed): ${problems.join("; ")}`,
      )
    for (const problem of problems)
      log.warn({ batch: Number(batch.number), problem }, "a validator did not sign")
    return signatures
  }

  async function build(head: Head): Promise<boolean> {
    const time = boundaryAt(clock.now(), settlement.everySeconds)
    const last = journal.batches.standingBefore(head.number + 1n)
    if (last?.state === "settled") status.settledUpTo = last.time
    if (time <= Math.max(head.time, refusedUpTo)) {
      status.doing = "up to date"
      return false
    }
    if (!allReported(time)) {
      status.doing = `waiting for readings up to ${iso(time)}`
      return false
    }
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
      meters: config.meters,
      recipientsOf: (household) => {
        const own = config.households.find(({ address }) => address === household)?.recipient
        return own ? [...config.auditors, own] : config.auditors
      },
    })
    if (!batch) {
      status.doing = "nothing new to settle"
      return false
    }
    journal.batches.add(batch)
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

  function nameOfMeter(meterId: Hex): string {
    return config.meters.find(({ key }) => key.meterId === meterId)?.name ?? meterId
  }

  return {
    status,
    /** Steps until there is nothing to do right now; keeps a problem for people to see, and never throws. */
    async advance(): Promise<void> {
      try {
        while (await step());
        status.problem = undefined
      } catch (error) {
        const problem = reasonOf(error)
        if (status.problem !== problem) log.warn({ problem }, "settlement cannot go on for the moment")
        status.problem = problem
      }
    },
  }
}

export type Settlement = ReturnType<typeof createSettlement>

function iso(time: number): string {
  return new Date(time * 1000).toISOString().replace(".000", "")
}
