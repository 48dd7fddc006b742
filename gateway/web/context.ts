import type { Clock } from "../../protocol/clock.ts"
import type { Hex } from "../../protocol/hex.ts"
import type { Config, Meter } from "../config.ts"
import type { EvidenceKeeping } from "../evidence.ts"
import type { Journal } from "../journal/journal.ts"
import type { SettlementStatus } from "../settlement/settlement.ts"
import type { Session } from "./session/store.ts"

/** What the web may read. It writes nothing. */
export interface WebContext {
  config: Config
  journal: Journal
  clock: Clock
  settlement: SettlementStatus
  /** GREEN of each household as last read from the chain, Wh; empty before the first time. */
  balances: ReadonlyMap<Hex, bigint>
  /** The evidence on disk and how many places have it. */
  evidence?: EvidenceKeeping | undefined
  /** Why readings cannot be stored at the moment; undefined when they can. */
  storage?: { problem: string | undefined }
  /** When the newest back-up was made, Unix seconds, 0 for never; and why none can be made. */
  backup?: { newest: number; problem: string | undefined }
  /** How it is with back-ups at other gateways. */
  deliveries?: readonly {
    url: string
    newest: number | undefined
    problem: string | undefined
    refused: boolean
  }[]
  /** Meters whose last poll failed, with the reason. */
  unreachable: ReadonlyMap<Meter, string>
}

/** Who is logged in, as the session says; undefined is nobody. Set once, before any route. */
export interface LoggedIn {
  address: Hex
  name: string
}

/** What a route of the web finds in its Hono context: `c.get("household")`. */
export interface WebEnv {
  Variables: {
    household: LoggedIn | undefined
    /** The device that is logged in, and the token that its forms must bring; where there are sessions. */
    session?: Session | undefined
    csrf?: string
  }
}
