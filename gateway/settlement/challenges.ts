import type { Logger } from "pino"
import { type Hex, toHex } from "../../protocol/hex.ts"
import { Scheme } from "../../protocol/meter.ts"
import { leafOf, type MeterStatement } from "../../protocol/statement.ts"
import type { Config } from "../config.ts"
import type { Batch } from "../journal/batches.ts"
import type { Journal } from "../journal/journal.ts"
import type { Chain } from "./chain.ts"
import type { Lane } from "./lane.ts"
import { reasonOf } from "./reason.ts"

/** Somebody doubts a statement of the pending batch and asks for the reading behind it. */
export interface Challenge {
  batch: bigint
  meterId: Hex
  /** The meter's name. */
  meter: string
  /** Until when it must be answered, Unix seconds of the chain. */
  deadline: number
  answered: boolean
  /** Why this gateway could not answer; undefined while it has not tried, and when it could. */
  problem: string | undefined
}

export interface AnswersOptions {
  config: Config
  journal: Journal
  chain: Chain
  lane: Lane
  log: Logger
}

/** Names of the meters whose readings the chain cannot read: nobody can doubt their statements there. */
export function beyondChallenge({ meters }: Pick<Config, "meters">): string[] {
  return meters.filter(({ key }) => !isReadOnChain(key.scheme)).map(({ name }) => name)
}

const isReadOnChain = (scheme: Scheme) => scheme === Scheme.ed25519 || scheme === Scheme.es256

/**
 * Answers every challenge to the pending batch with the reading that its statement quotes. It asks the contract what is
 * open, not its events: so it makes no difference what happened while this gateway or the chain was away, and what
 * somebody else has answered is not answered again.
 */
export function createAnswers({ config, journal, chain, lane, log }: AnswersOptions) {
  const { site } = config
  const known = new Map<Hex, Challenge>()
  let batchNumber = 0n

  const unanswered = () => [...known].filter(([, challenge]) => !challenge.answered)

  /** @throws Error naming each challenge that cannot be answered, after all others were. */
  async function answerAll(batch: Batch): Promise<void> {
    if (batchNumber !== batch.number) known.clear()
    batchNumber = batch.number
    const open = await chain.openChallenges(site)
    if (open === 0 && unanswered().length === 0) return
    const statements = new Map(journal.batches.statements(batch.number).map((s) => [toHex(leafOf(s)), s]))
    for (const [leaf] of unanswered()) await look(batch, leaf, statements.get(leaf)!)
    // What is open and not yet known is somewhere among the leaves.
    if (unanswered().length !== open)
      for (const [leaf, statement] of statements) await look(batch, leaf, statement)

    const now = await chain.blockTime()
    for (const [leaf, challenge] of unanswered().sort(([, a], [, b]) => a.deadline - b.deadline))
      await answer(batch, leaf, statements.get(leaf)!, challenge, now)
    const problems = unanswered().map(([, { meter, deadline, problem }]) => {
      const until = new Date(deadline * 1000).toISOString().replace(".000", "")
      return `the statement of ${meter} was doubted and is not answered (by ${until} it must be): ${problem}`
    })
    if (problems.length > 0) throw new Error(problems.join("; "))
  }

  /** Takes over what the contract says of a leaf. */
  async function look(batch: Batch, leaf: Hex, { meterId }: MeterStatement): Promise<void> {
    const deadline = await chain.challengeDeadline(site, batch.number, leaf)
    const before = known.get(leaf)
    if (deadline === undefined) {
      if (before && !before.answered) {
        Object.assign(before, { answered: true, problem: undefined })
        log.info({ batch: Number(batch.number), meter: before.meter }, "a doubted statement was answered")
      }
      return
    }
    // An answered leaf may be doubted again.
    if (before && !before.answered) return
    const meter = config.meters.find(({ key }) => key.meterId === meterId)?.name ?? meterId
    known.set(leaf, { batch: batch.number, meterId, meter, deadline, answered: false, problem: undefined })
    log.warn({ batch: Number(batch.number), meter, deadline }, "a statement was doubted")
  }

  async function answer(
    batch: Batch,
    leaf: Hex,
    statement: MeterStatement,
    challenge: Challenge,
    now: number,
  ): Promise<void> {
    const { meterId, time, reading } = statement
    const bytes = journal.readings.quoted(
      meterId,
      { time, digest: reading },
      journal.batches.lastReading(journal.readings.rowId(meterId), batch.number + 1n),
    )
    const scheme = config.meters.find(({ key }) => key.meterId === meterId)?.key.scheme
    if (now >= challenge.deadline)
      challenge.problem =
        "it is too late; anyone may now cancel the batch, and the next one carries everything"
    else if (!bytes) challenge.problem = "the journal does not hold the reading that it quotes"
    else if (scheme !== undefined && !isReadOnChain(scheme))
      challenge.problem = "the meter signs in a format of its maker, which the chain cannot read"
    else
      try {
        const passage = await lane.transact(batch.number, "answer", () =>
          chain.answerCall(site, batch.number, statement, bytes),
        )
        if (passage === "waiting") challenge.problem = `it waits for ${lane.waitsFor()}`
      } catch (error) {
        challenge.problem = reasonOf(error)
      }
    // Whatever came of it: what counts is what the contract says. Another gateway may have been faster.
    await look(batch, leaf, statement)
    if (!challenge.answered) challenge.problem ??= "the answer is not on the chain yet"
  }

  return {
    answerAll,
    /** The challenges to the last batch that was pending. */
    challenges: (): Challenge[] => [...known.values()],
  }
}
