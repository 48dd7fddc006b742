import type { WebContext } from "./context.ts"
import { createDay } from "./day.ts"
import { createDoubts } from "./doubts.ts"
import { ledger } from "./ledger.ts"
import { flowOf } from "./live.ts"
import { metersNow } from "./meters-now.ts"
import { batchesView } from "./views/batches.ts"
import { headingView } from "./views/heading.ts"
import type { Html } from "./views/html.ts"
import { nowView } from "./views/now.ts"
import { quarantineView } from "./views/quarantine.ts"
import { todayView } from "./views/today.ts"

/** What the page is made of; each is rendered by itself and replaced by itself. */
export const partNames = ["heading", "now", "today", "batches", "quarantine"] as const
export type Part = (typeof partNames)[number]

export type Parts = ReadonlyMap<Part, string>

const batchesShown = 10
const quarantineShownOfEach = 20
/** However many look at once, the parts are made at most this often. */
const keptMs = 500

/** Renders the parts of the page from what the gateway knows now. */
export function createScreen(context: WebContext): () => Promise<Parts> {
  const { clock, config, settlement, balances } = context
  const day = createDay(context)
  const doubts = createDoubts(context, quarantineShownOfEach)
  let kept: Promise<Parts> | undefined

  const render: Record<Part, () => Html> = {
    heading: () => headingView(clock.now(), settlement, config.pace),
    now: () => nowView(flowOf(metersNow(context), clock.now(), config.pace?.speed), clock.now()),
    today: () => todayView(day(), balances),
    batches: () => batchesView(ledger(context, batchesShown)),
    quarantine: () => quarantineView(doubts()),
  }

  async function renderAll(): Promise<Parts> {
    const parts = new Map<Part, string>()
    for (const name of partNames) parts.set(name, String(await render[name]()))
    return parts
  }

  return () => {
    if (!kept) {
      kept = renderAll()
      setTimeout(() => {
        kept = undefined
      }, keptMs).unref()
    }
    return kept
  }
}
