import { Hono } from "hono"
import type { Health } from "../../supervise/health.ts"
import type { WebContext, WebEnv } from "../context.ts"
import { createDoubts } from "../doubts.ts"
import { ledger } from "../ledger.ts"
import type { Pages } from "../page.ts"
import { type OperatorAccess, operatorOnly } from "./access.ts"
import { healthAnswer } from "./answer.ts"
import { versions } from "./versions.ts"
import { operatorView } from "./view.ts"

const doubtsShown = 25
const batchesShown = 5

/** The operator's page and what `commonwatt doctor` asks. They name meters and homes: nobody else sees them. */
export function operatorRoutes(
  context: WebContext,
  pages: Pages,
  health: Health,
  access: OperatorAccess,
): Hono<WebEnv> {
  const app = new Hono<WebEnv>()
  const doubts = createDoubts(context, doubtsShown)
  app.use("/operator/*", operatorOnly(access))

  app.get("/operator/health.json", (c) => c.json(healthAnswer(context.config, health.look())))

  app.get("/operator", (c) => {
    const { config, journal } = context
    const { facts, findings } = health.look()
    const lastCounted = new Map(
      config.meters.map(({ key }) => [key.meterId, journal.readings.lastCounted(key.meterId)]),
    )
    const body = operatorView({
      facts,
      findings,
      config,
      lastCounted,
      doubts: doubts(),
      batches: ledger(context, batchesShown),
      versions,
    })
    return pages.show(c, { title: "Operator", body })
  })
  return app
}
