import type { Hono } from "hono"
import type { WebContext, WebEnv } from "./context.ts"
import { recogniseHousehold } from "./session/guard.ts"
import { sessionRoutes } from "./session/routes.ts"
import { walletAssets } from "./wallet/assets.ts"
import type { Wallet } from "./wallet/context.ts"
import { walletRoutes } from "./wallet/routes.ts"

/** What lets households in, says who is logged in, and carries what they sign. */
export function letHouseholdsIn(context: WebContext, wallet: Wallet) {
  const { config } = context
  const households = new Map(config.households.map(({ address, name }) => [address, name]))
  wallet.sessions.follow(new Set(households.keys()))
  const whole = { ...context, ...wallet }
  return {
    session: recogniseHousehold(wallet.sessions, households, config.web.origin),
    addRoutes(app: Hono<WebEnv>): void {
      const assets = walletAssets()
      app.route("/", sessionRoutes(whole, assets))
      app.route("/", walletRoutes(whole, assets))
    },
  }
}
