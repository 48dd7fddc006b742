import t from "tap"
import { open, noBrowser as skip, startVillage } from "./browser.test.support.ts"

t.test(
  "without a network the last look is there and says of when it is, for one household alone",
  { skip },
  async (t) => {
    const { browser, address } = await startVillage(t)
    const { context, page } = await open(browser, address, 0, { locale: "en" })
    const become = async (visitor: number) => {
      await context.clearCookies()
      await context.addCookies([{ name: "visitor", value: String(visitor), url: address }])
    }
    const keptNow = () =>
      page.evaluate<string[]>(
        `(async () => { const cache = await caches.open("home-pages"); return (await cache.keys()).map(({ url }) => new URL(url).pathname).sort() })()`,
      )
    const keptIs = async (...paths: string[]) => {
      while ((await keptNow()).join() !== paths.join())
        await new Promise((resolve) => setTimeout(resolve, 20))
      t.pass(`kept is ${paths.join(" ") || "nothing"}`)
    }
    await page.goto(`${address}/`)
    await page.evaluate("navigator.serviceWorker.ready")
    await page.waitForFunction("navigator.serviceWorker.controller !== null")
    await page.goto(`${address}/home/month`)
    await page.goto(`${address}/home`)
    await keptIs("/home", "/home-of", "/home/month")
    t.notOk(await page.locator("#offline").isVisible())

    await become(2)
    await page.goto(`${address}/home/year`)
    await keptIs("/home-of", "/home/year")
    await page.goto(`${address}/home`)
    await keptIs("/home", "/home-of", "/home/year")

    await context.setOffline(true)
    await page.goto(`${address}/home`)
    t.match(await page.textContent("h1"), "Mill Lane 3", "the other household's, and not the first's")
    t.match(
      await page.textContent("#offline"),
      /You are offline\. This page is as it was on 21 Jun 2026, 15:00/,
    )
    t.ok(await page.locator("#offline").isVisible())
    await t.rejects(page.goto(`${address}/home/month`), "a page that was not kept is not there")
    await context.setOffline(false)

    await context.clearCookies()
    await page.goto(`${address}/home`)
    await keptIs()
    await context.close()
  },
)
