import type { Clock } from "../../protocol/clock.ts"
import type { Hex } from "../../protocol/hex.ts"
import type { Config, Meter } from "../config.ts"
import type { Journal } from "../journal/journal.ts"
import type { SettlementStatus } from "../settlement/settlement.ts"
import type { QuarantineReason } from "../verify/examine.ts"

/** What the web may read. It writes nothing. */
export interface WebContext {
  config: Config
  journal: Journal
  clock: Clock
  settlement: SettlementStatus
  /** GREEN of each household as last read from the chain, Wh; empty before the first time. */
  balances: ReadonlyMap<Hex, bigint>
  /** Meters whose last poll failed, with the reason. */
  unreachable: ReadonlyMap<Meter, string>
  /** How many messages were stored since the start, by outcome; "accepted" or a reason. */
  stored: ReadonlyMap<"accepted" | QuarantineReason, number>
}
