import type { Logger } from "pino"
import { type Hex, toHex } from "../../protocol/hex.ts"
import { schemeFacts } from "../../protocol/meter.ts"
import type { Meter } from "../config.ts"
import type { Journal } from "../journal/journal.ts"
import type { Chain } from "./chain.ts"
import type { Tip } from "./nodes.ts"

export interface KeyWatchOptions {
  meters: readonly Meter[]
  journal: Journal
  chain: Chain
  /** How deep in the chain a change must be before it is taken for one. */
  confirmations: number
  /** From one look to the next at least, milliseconds. */
  everyMs: number
  monotonic: () => number
  log: Logger
  /** Learns of a meter whose keys are others than they were. */
  onChange: (meter: Meter) => void
}

/**
 * Learns from the registry which keys the meters have, and keeps them in the journal for when the chain is away. It asks
 * for a meter's keys when it sees it for the first time, and then when the registry says that some changed.
 */
export function createKeyWatch(options: KeyWatchOptions) {
  const { meters, journal, chain, confirmations, everyMs, monotonic, log, onChange } = options
  // A key of a maker's format never changes.
  const changeable = meters.filter(({ key }) => schemeFacts(key.scheme).format === "cose")
  let known: bigint | undefined
  let lookedAtMs = Number.NEGATIVE_INFINITY

  return {
    hasLooked: () => known !== undefined,
    /** @param at.once it may not wait for its turn: a batch is about to be made. */
    async look(tip: Tip, { once = false } = {}): Promise<void> {
      const block = tip.number - BigInt(confirmations - 1)
      if (block < 0n || changeable.length === 0) return
      if (!once && monotonic() - lookedAtMs < everyMs) return
      const changed = known === undefined ? undefined : await changedIn(known + 1n, block)
      for (const meter of changeable) {
        const { meterId } = meter.key
        if (changed && !changed.has(meterId)) continue
        const before = { first: toHex(meter.key.publicKey), later: journal.keys.later(meterId) }
        const later = await chain.laterKeys(meterId, before, { block, until: tip.time })
        if (!journal.keys.learn(meterId, later)) continue
        log.info({ meter: meter.name, from: later.map(({ from }) => from) }, "a meter has another key")
        onChange(meter)
      }
      known = block
      lookedAtMs = monotonic()
    },
  }

  /** Meters that got another key in some blocks; undefined where no node says. */
  async function changedIn(from: bigint, to: bigint): Promise<ReadonlySet<Hex> | undefined> {
    if (from > to) return new Set()
    return chain.keyChanges(from, to).catch(() => undefined)
  }
}

export type KeyWatch = ReturnType<typeof createKeyWatch>
