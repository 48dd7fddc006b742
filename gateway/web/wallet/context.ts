import type { Logger } from "pino"
import type { Relay } from "../../relay/relay.ts"
import type { WebContext } from "../context.ts"
import type { SessionStore } from "../session/store.ts"

/** What logging in and wallets work with, beside what every page may read. */
export interface Wallet {
  sessions: SessionStore
  /** Undefined where no account pays the gas of households. */
  relay: Relay | undefined
  /** Unix seconds of the wall clock: sessions and intents live in it also where a demonstration's clock runs fast. */
  now: () => number
  /** Seconds of a clock that never steps. */
  monotonic: () => number
  /** Where the operator hears what households ask for. */
  log: Pick<Logger, "info">
}

export interface WalletContext extends WebContext, Wallet {}
