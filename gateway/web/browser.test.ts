import { existsSync } from "node:fs"
import { pino } from "pino"
import { chromium } from "playwright-core"
import t from "tap"
import { startWeb } from "./server.ts"
import { midnight, openVillage } from "./village.test.support.ts"

const executablePath = "/usr/bin/chromium"
const quiet = ["background-networking", "component-update", "sync"].map((what) => `--disable-${what}`)
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", ...quiet]
const skip = existsSync(executablePath) ? false : `there is no ${executablePath}`

t.test("in a real browser", { skip }, async (t) => {
  const village = openVillage()
  t.teardown(() => village.close())
  await village.live(midnight - 1800, midnight + 9 * 3600)
  const web = await startWeb(village.context, { host: "127.0.0.1", port: 0 }, pino({ level: "silent" }))
  t.teardown(() => web.close())
  const browser = await chromium.launch({ executablePath, args })
  t.teardown(() => browser.close())
  const address = `http://127.0.0.1:${web.port}/`

  for (const [device, width] of [
    ["a phone", 360],
    ["a desktop", 1280],
  ] as const)
    for (const javaScriptEnabled of [true, false])
      t.test(`the page fits ${device}, ${javaScriptEnabled ? "with" : "without"} JavaScript`, async (t) => {
        const context = await browser.newContext({ javaScriptEnabled, viewport: { width, height: 800 } })
        const page = await context.newPage()
        const complaints: string[] = []
        page.on("console", (message) => complaints.push(message.text()))
        page.on("pageerror", (error) => complaints.push(error.message))
        await page.goto(address)
        t.match(await page.textContent("h1"), /Mill Lane/)
        const widest = Number(await page.evaluate("document.documentElement.scrollWidth"))
        t.ok(widest > 0 && widest <= width, `nothing is wider than the screen: ${widest} of ${width}`)
        for (const name of ["Now", "Today", "Batches", "Quarantine"])
          t.ok(await page.getByRole("heading", { name, exact: true }).isVisible(), name)
        t.same(complaints, [], "and the browser has nothing to complain about")
        await context.close()
      })

  t.test("what is new appears by itself", async (t) => {
    const page = await browser.newPage()
    await page.goto(address)
    await page.getByText("Empty: every message so far was a reading that counts").waitFor()
    await village.intake.submit({ source: "mqtt 192.0.2.7", bytes: Uint8Array.of(1, 2, 3) })
    await page.getByText("not a reading").first().waitFor()
    t.pass("a quarantined message, without reloading")
    await page.close()
  })
})
