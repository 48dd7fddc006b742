/** What every answer that is made for one household carries; the service worker keeps the pages of one at a time. */
export const pagesOf = "commonwatt-pages-of"
/** The value that makes a browser forget all pages of any household: sent at log-out. */
export const forgetPages = "nobody"

/**
 * What stays in a browser for when there is no network: the last look of a few pages, each of which says of when it
 * is. Pages of a household are kept for one household alone; they go when another's come, when the gateway asks for a
 * log-in, and at log-out.
 * @param assets addresses that never change what is behind them.
 */
export const serviceWorkerFor = (assets: readonly string[]): string => `"use strict"
const assets = ${JSON.stringify([...assets])}
const kept = ["/", "/audit", "/home", "/home/month", "/home/year", "/home/green"]
const [assetCache, publicCache, homeCache] = ["assets", "public-pages", "home-pages"]
const forget = () => caches.delete(homeCache)

self.addEventListener("install", (event) => {
  self.skipWaiting()
  event.waitUntil(caches.delete(assetCache).then(() => caches.open(assetCache)).then((cache) => cache.addAll(assets)))
})
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()))

async function keep(request, response) {
  const of = response.headers.get("${pagesOf}")
  const path = new URL(request.url).pathname
  if (of === "${forgetPages}" || response.status === 401) return forget()
  if (of) {
    const cache = await caches.open(homeCache)
    const before = await cache.match("/home-of")
    if (before && (await before.text()) !== of) await forget()
  }
  const page = response.headers.get("content-type")?.startsWith("text/html")
  if (request.mode !== "navigate" || !page || response.status !== 200 || response.redirected || !kept.includes(path)) return
  const cache = await caches.open(of ? homeCache : publicCache)
  if (of) await cache.put("/home-of", new Response(of))
  await cache.put(path, response)
}

async function lastLook(path) {
  for (const name of [homeCache, publicCache]) {
    const page = await (await caches.open(name)).match(path)
    if (!page) continue
    const text = (await page.text()).replace('id="offline" class="offline" hidden', 'id="offline" class="offline"')
    return new Response(text, { headers: page.headers })
  }
}

self.addEventListener("fetch", (event) => {
  const { request } = event
  const url = new URL(request.url)
  if (url.origin !== location.origin) return
  if (assets.includes(url.pathname + url.search))
    return event.respondWith(caches.match(request).then((found) => found ?? fetch(request)))
  if (request.headers.get("accept")?.includes("text/event-stream")) return
  event.respondWith(
    fetch(request).then(
      (response) => {
        event.waitUntil(keep(request, response.clone()).catch(() => {}))
        return response
      },
      async (error) => {
        const page = request.mode === "navigate" ? await lastLook(url.pathname) : undefined
        if (page) return page
        throw error
      },
    ),
  )
})
`
