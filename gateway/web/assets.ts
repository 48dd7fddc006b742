import { createHash } from "node:crypto"
import { Hono } from "hono"
import { appScript } from "./app-script.ts"
import type { WebEnv } from "./context.ts"
import { icon } from "./icon.ts"
import { localeFor } from "./language.ts"
import { serviceWorkerFor } from "./service-worker.ts"
import { style } from "./style.ts"
import { drawTouchIcon } from "./touch-icon.ts"

/** Style and script change with the program alone, and their address with them. */
const versionOf = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 12)

export const assets = {
  style: `/style.css?v=${versionOf(style)}`,
  script: `/app.js?v=${versionOf(appScript)}`,
} as const

const serviceWorker = serviceWorkerFor([assets.style, assets.script, "/icon.svg"])
const forEver = { "cache-control": "public, max-age=31536000, immutable" }
const forADay = { "cache-control": "public, max-age=86400" }

/** What the pages are made of besides themselves. */
export function assetRoutes({ name, timeZone }: { name: string; timeZone: string }): Hono<WebEnv> {
  const app = new Hono<WebEnv>()
  app.get("/style.css", (c) => c.body(style, 200, { "content-type": "text/css; charset=utf-8", ...forEver }))
  app.get("/app.js", (c) =>
    c.body(appScript, 200, { "content-type": "text/javascript; charset=utf-8", ...forEver }),
  )
  app.get("/icon.svg", (c) => c.body(icon, 200, { "content-type": "image/svg+xml", ...forADay }))
  let touchIcon: Uint8Array<ArrayBuffer> | undefined
  app.get("/touch-icon.png", (c) => {
    touchIcon ??= drawTouchIcon()
    return c.body(touchIcon, 200, { "content-type": "image/png", ...forADay })
  })
  app.get("/sw.js", (c) =>
    c.body(serviceWorker, 200, {
      "content-type": "text/javascript; charset=utf-8",
      "cache-control": "no-cache",
    }),
  )
  app.get("/manifest.webmanifest", (c) => {
    const { language, direction } = localeFor(c, timeZone)
    const manifest = {
      id: "/",
      name,
      short_name: name,
      lang: language,
      dir: direction,
      start_url: "/home",
      scope: "/",
      display: "standalone",
      background_color: "#f6f5f0",
      theme_color: "#14543f",
      icons: [
        { src: "/icon.svg", sizes: "any", type: "image/svg+xml", purpose: "any" },
        { src: "/icon.svg", sizes: "any", type: "image/svg+xml", purpose: "maskable" },
      ],
    }
    return c.body(JSON.stringify(manifest), 200, {
      "content-type": "application/manifest+json",
      "cache-control": "no-cache",
    })
  })
  return app
}
