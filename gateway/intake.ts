import type { JudgeRules, MeterState } from "../energy/judge.ts"
import type { Clock } from "../protocol/clock.ts"
import type { Hex } from "../protocol/hex.ts"
import type { Meter } from "./config.ts"
import type { Journal } from "./journal/journal.ts"
import {
  type Authentic,
  examine,
  type IncomingMessage,
  type KnownAlready,
  type Numbered,
  type Refused,
} from "./verify/examine.ts"

export type Outcome = Authentic | Refused | KnownAlready

export interface Intake {
  /**
   * Resolves once the message is stored for good, as a reading or in quarantine; rejects if it cannot be.
   * @param more.now it is not held back for others to share its commit: its source waits for it.
   */
  submit(message: IncomingMessage, more?: { now?: boolean }): Promise<Outcome>
  /** Records that a source turned something away before there was a message. */
  turnAway(what: {
    source: string
    reason: Refused["reason"]
    detail: string
    size: number
  }): Promise<Outcome>
  /** Stores everything that was submitted, at once. */
  drain(): Promise<void>
}

/**
 * How many messages share a commit at most: verifying as many takes about 60 ms of a fast core, which nothing else has.
 * With many meters each commit writes index pages for each of them, however few its readings are.
 */
export const mostPerCommit = 1000

/** So many messages are not held back any longer: a client that sends what it kept has no more than these under way. */
const mostHeld = 24

/** How messages share commits, milliseconds of real time. Each commit costs a disk several pages, however little is in it. */
export interface Hold {
  /** From one commit to the next at least, unless `mostHeld` messages wait. The first after a quiet time is stored at once. */
  holdMs: number
  monotonic: () => number
}

/**
 * The one way into the journal: examine, store, and only then acknowledge. Messages that arrive while a commit is
 * under way share the next one.
 */
export function createIntake(
  meters: readonly Meter[],
  journal: Journal,
  rules: JudgeRules,
  clock: Clock,
  onStored: (outcome: Outcome, received: number) => void = () => {},
  { holdMs, monotonic }: Hold = { holdMs: 0, monotonic: () => performance.now() },
): Intake {
  const byId = new Map<Hex, Meter>(meters.map((meter) => [meter.key.meterId, meter]))
  const states = new Map<Hex, MeterState>()
  const known = {
    meterByKid: (kid: Hex) => byId.get(journal.keys.meterIdOf(kid) ?? "0x"),
    meterById: (meterId: Hex) => byId.get(meterId),
    keysOf: journal.keys.of,
    stateOf: ({ key }: Meter) => states.get(key.meterId) ?? recall(key.meterId),
    earlier: ({ key }: Meter, number: Numbered) => journal.readings.earlier(key.meterId, number),
    mayBeForgotten: ({ key }: Meter, number: Numbered) =>
      journal.readings.mayBeForgotten(key.meterId, number),
  }
  function recall(meterId: Hex): MeterState {
    const state = journal.readings.state(meterId)
    states.set(meterId, state)
    return state
  }

  interface Waiting {
    /** When it came, Unix seconds: it may be stored later. */
    received: number
    store: (received: number) => Outcome
    resolve: (outcome: Outcome) => void
    reject: (error: unknown) => void
  }
  const waiting: Waiting[] = []
  let next: { cancel: () => void; held: boolean } | undefined
  let lastCommit = Number.NEGATIVE_INFINITY

  function schedule(now: boolean): void {
    if (waiting.length === 0) return
    const rest = now || waiting.length >= mostHeld ? 0 : lastCommit + holdMs - monotonic()
    if (next && (!next.held || rest > 0)) return
    next?.cancel()
    if (rest > 0) {
      const timer = setTimeout(flush, rest)
      next = { held: true, cancel: () => clearTimeout(timer) }
    } else {
      const immediate = setImmediate(flush)
      next = { held: false, cancel: () => clearImmediate(immediate) }
    }
  }

  function flush(): void {
    next?.cancel()
    next = undefined
    const batch = waiting.splice(0, mostPerCommit)
    // Where a common commit fails, each gets its own: one message that cannot be stored does not hold up the others.
    if (!store(batch)) for (const entry of batch) store([entry])
    lastCommit = monotonic()
    schedule(true)
  }

  /** @returns false where nothing was stored and nobody has an answer yet; one alone is always answered. */
  function store(batch: readonly Waiting[]): boolean {
    let outcomes: Outcome[]
    try {
      outcomes = journal.commit(() => batch.map((entry) => entry.store(entry.received)))
    } catch (error) {
      // What the rules remember is what the journal holds, and the journal took nothing of this.
      states.clear()
      if (batch.length > 1) return false
      batch[0]!.reject(error)
      return true
    }
    batch.forEach(({ resolve, received }, i) => {
      resolve(outcomes[i]!)
      onStored(outcomes[i]!, received)
    })
    return true
  }

  function wait(store: Waiting["store"], now = false): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      waiting.push({ received: clock.now(), store, resolve, reject })
      schedule(now)
    })
  }

  function take(message: IncomingMessage, received: number): Outcome {
    const outcome = examine(message, received, known, rules)
    if (outcome.kind === "authentic") {
      journal.readings.add(outcome, received)
      states.set(outcome.meter.key.meterId, outcome.state)
    } else if (outcome.kind === "refused") {
      const { reason, detail, meterId } = outcome
      const { source, bytes } = message
      journal.quarantine.add({ received, source, meterId, reason, detail, bytes, size: bytes.length })
    }
    return outcome
  }

  return {
    submit: (message, { now } = {}) => wait((received) => take(message, received), now),
    turnAway: ({ source, reason, detail, size }) =>
      wait((received) => {
        const bytes = new Uint8Array()
        journal.quarantine.add({ received, source, meterId: undefined, reason, detail, bytes, size })
        return { kind: "refused", reason, detail, meterId: undefined }
      }, true),
    async drain() {
      while (waiting.length > 0) flush()
    },
  }
}
