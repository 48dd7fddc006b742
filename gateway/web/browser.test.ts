import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import type { BrowserContextOptions, Page } from "playwright-core"
import t from "tap"
import { open, noBrowser as skip, startVillage } from "./browser.test.support.ts"

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

t.test("in a real browser", { skip }, async (t) => {
  const { village, browser, address } = await startVillage(t)

  /** A page at an address, and what the browser complained about. */
  async function look(path: string, visitor: number | undefined, options: BrowserContextOptions = {}) {
    const { context, page, complaints } = await open(browser, address, visitor, options)
    await page.goto(address + path)
    return { context, page, complaints }
  }

  const phone = { viewport: { width: 360, height: 740 }, colorScheme: "light", locale: "de" } as const
  const desktop = { viewport: { width: 1280, height: 800 }, colorScheme: "dark", locale: "ar" } as const
  /** Each kind of page, and who looks. */
  const kinds: [path: string, visitor: number | undefined][] = [
    ["/", undefined],
    ["/home", undefined],
    ["/home", 0],
    ["/home/month", 0],
    ["/home/green", 0],
    ["/home/green/1", 0],
    ["/home/data", 0],
    ["/audit", 0],
  ]

  for (const [device, options] of [
    ["a phone", phone],
    ["a desktop", desktop],
  ] as const)
    t.test(`every page fits ${device} and is accessible on it`, async (t) => {
      const { context, page, complaints } = await open(browser, address, undefined, {
        ...options,
        bypassCSP: true,
      })
      for (const [i, [path, visitor]] of kinds.entries()) {
        await context.clearCookies()
        if (visitor !== undefined)
          await context.addCookies([{ name: "visitor", value: String(visitor), url: address }])
        await page.goto(address + path)
        await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        const widest = Number(await page.evaluate("document.documentElement.scrollWidth"))
        t.ok(widest > 0 && widest <= options.viewport.width, `${path}: nothing is wider than the screen`)
        // It takes a second each: half of the kinds in light on a phone, the others in dark and from right to left.
        if ((i % 2 === 0) === (options === phone))
          t.same(await violations(page), [], `${path}: axe finds nothing against WCAG 2.2 AA`)
      }
      const unasked = complaints.filter((text) => !text.includes("401"))
      t.same(unasked, [], "and the browser has nothing to complain about")
      await context.close()
    })

  t.test("without JavaScript everything is there", async (t) => {
    const { context, page } = await look("/home", 0, { javaScriptEnabled: false, locale: "en" })
    t.match(await page.textContent("h1"), "Mill Lane 1")
    for (const name of ["Now", "Today", "GREEN you hold"])
      t.ok(await page.getByRole("heading", { name, exact: true }).isVisible(), name)
    t.equal((await page.locator("figure.chart svg rect.own").count()) > 5, true, "the chart is drawn")
    await page.getByText("Show as a table").click()
    t.ok(await page.locator("table.energy").isVisible(), "and its table opens")
    await page.getByRole("link", { name: "Where it came from" }).click()
    await page.getByRole("link", { name: "Why?" }).click()
    t.match(await page.textContent("main"), /The register rose from/)
    await page.getByRole("link", { name: "Deutsch" }).click()
    t.match(await page.textContent("main"), /Der Zählerstand stieg/, "another language is a link")
    await context.close()
  })

  t.test("what is new appears by itself, and a bar says what it is", async (t) => {
    const { context, page, complaints } = await look("/home", 1, { locale: "en" })
    t.match(await page.textContent("[data-part=green]"), /not known/)
    village.balances.set(village.config.households[1]!.address, 2_500n)
    await page.getByText("2.500").waitFor()
    t.pass("a balance, without reloading")
    await page.locator("g.bar").nth(14).click()
    t.match(await page.textContent(".readout"), /^14:00: Generated .* kWh · Used/)
    t.same(complaints, [])
    await context.close()
  })

  t.test("with less motion wanted nothing moves", async (t) => {
    const { context, page } = await look("/home", 0, { reducedMotion: "reduce" })
    const animated =
      "[...document.querySelectorAll('.line')].map((line) => getComputedStyle(line).animationName)"
    t.ok((await page.evaluate<string[]>(animated)).every((name) => name === "none"))
    await context.close()
  })
})
/** What axe finds against WCAG 2.2, levels A and AA. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  return page.evaluate<string[]>(
    `axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] })
      .then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => id + ": " + html.slice(0, 200) + " " + failureSummary)))`,
  )
}
