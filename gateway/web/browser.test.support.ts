import { existsSync } from "node:fs"
import { pino } from "pino"
import { type Browser, type BrowserContextOptions, chromium } from "playwright-core"
import { createDays } from "./days.ts"
import { startWeb } from "./server.ts"
import { midnight, openVillage } from "./village.test.support.ts"
import { addBatch, visitors } from "./visitor.test.support.ts"

const executablePath = "/usr/bin/chromium"
const quiet = ["background-networking", "component-update", "sync"].map((what) => `--disable-${what}`)
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", ...quiet]

/** Why there is no browser to test in; false where there is one. */
export const noBrowser = existsSync(executablePath) ? false : `there is no ${executablePath}`

/** A village after a day and a half, served to a browser. Whoever the cookie names is logged in. */
export async function startVillage(t: { teardown(work: () => unknown): void }) {
  const village = openVillage({ intervalSeconds: 3600, timeZone: "Europe/Berlin" })
  t.teardown(() => village.close())
  const gap = (meter: string, time: number) =>
    meter === "Mill Lane 1 grid" && time > midnight + 3600 && time < midnight + 4 * 3600
  await village.live(midnight - 20 * 3600, midnight + 13 * 3600, 3600, gap)
  addBatch(village, 1n)
  village.balances.set(village.config.households[0]!.address, 13_791n)
  const days = createDays(village.context)
  while (days.keep());
  const log = pino({ level: "silent" })
  const web = await startWeb(village.context, { host: "127.0.0.1", port: 0 }, log, visitors(village))
  t.teardown(() => web.close())
  const browser = await chromium.launch({ executablePath, args })
  t.teardown(() => browser.close())
  return { village, browser, address: `http://127.0.0.1:${web.port}` }
}

export async function open(
  browser: Browser,
  address: string,
  visitor: number | undefined,
  options: BrowserContextOptions,
) {
  const context = await browser.newContext(options)
  if (visitor !== undefined)
    await context.addCookies([{ name: "visitor", value: String(visitor), url: address }])
  const page = await context.newPage()
  const complaints: string[] = []
  page.on("console", (message) => complaints.push(message.text()))
  page.on("pageerror", (error) => complaints.push(error.message))
  return { context, page, complaints }
}
