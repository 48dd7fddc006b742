import { Hono } from "hono"
import { isPublic } from "../../energy/batch.ts"
import type { Hex } from "../../protocol/hex.ts"
import { communityNow, lastDays } from "./community-facts.ts"
import type { WebContext, WebEnv } from "./context.ts"
import type { Days } from "./days.ts"
import { ledger } from "./ledger.ts"
import type { Pages } from "./page.ts"
import { auditView } from "./views/audit.ts"
import { communityView } from "./views/community.ts"

const daysShown = 30
const batchesShown = 10

/** The pages for everyone: the community's, and the auditor's. Neither shows what a home uses. */
export function communityPages(context: WebContext, days: Days, pages: Pages): Hono<WebEnv> {
  const { config, journal } = context
  const app = new Hono<WebEnv>()

  app.get("/", (c) => {
    const publicMeters = config.meters.filter(({ key }) => isPublicMeter(context, key.meterId))
    const body = communityView(
      {
        name: config.name,
        homes: config.households.length,
        roofs: publicMeters.length,
        now: communityNow(context, days),
        days: lastDays(context, days, daysShown),
        held: heldTogether(context),
      },
      pages.localeOf(c),
    )
    return pages.show(c, { title: config.name, body, events: "/api/live" })
  })

  app.get("/audit", (c) => {
    const before = /^\d{1,18}$/.test(c.req.query("before") ?? "") ? BigInt(c.req.query("before")!) : undefined
    const batches = ledger(context, batchesShown, before)
    const latest = journal.batches.standingBefore(2n ** 62n)
    const stated = new Map(
      (latest ? journal.batches.statements(latest.number) : []).map((one) => [one.meterId, one.generatedWh]),
    )
    const oldest = batches.at(-1)?.batch.number
    const locale = pages.localeOf(c)
    const body = auditView(
      {
        config,
        command: `commonwatt audit --rpc RPC --oracle ${config.chain.oracle} --evidence ${new URL(c.req.url).origin}`,
        batches,
        challenges: context.settlement.challenges,
        meters: config.meters
          .filter(({ key }) => isPublicMeter(context, key.meterId))
          .map(({ key: { meterId } }) => ({ meterId, generatedWh: stated.get(meterId) })),
        older: oldest !== undefined && oldest > 1n ? `/audit?before=${oldest}` : undefined,
      },
      locale,
    )
    return pages.show(c, { title: locale.words.audit.title, body })
  })
  return app
}

/** What all homes hold, once the chain was read for each of them. */
function heldTogether({ config, balances }: WebContext): bigint | undefined {
  let sum = 0n
  for (const { address } of config.households) {
    const held = balances.get(address)
    if (held === undefined) return undefined
    sum += held
  }
  return config.households.length > 0 ? sum : undefined
}

/** A meter that has spoken, and of generation alone. */
function isPublicMeter({ journal }: WebContext, meterId: Hex): boolean {
  const { anchor } = journal.readings.state(meterId)
  return anchor !== undefined && isPublic(anchor.registers)
}
