import { createHash } from "node:crypto"
import { Hono } from "hono"
import { streamSSE } from "hono/streaming"
import { appScript } from "./app-script.ts"
import { createChanges } from "./changes.ts"
import type { WebContext } from "./context.ts"
import { icon } from "./icon.ts"
import { createScreen, type Part, partNames } from "./screen.ts"
import { style } from "./style.ts"
import { pageView } from "./views/page.ts"

const lookEveryMs = 1000
const heartbeatMs = 15_000
export const mostListeners = 50

/** Style and script change with the program alone, and their address with them. */
const versionOf = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 12)
const styleUrl = `/style.css?v=${versionOf(style)}`
const scriptUrl = `/app.js?v=${versionOf(appScript)}`
const forEver = { "cache-control": "public, max-age=31536000, immutable" }
const forADay = { "cache-control": "public, max-age=86400" }
/** The page shows how households live: no cache keeps it. */
const notKept = { "cache-control": "no-store" }

/** The page, its parts one by one, and the events that say which of them changed. */
export function pageRoutes(context: WebContext): Hono {
  const screen = createScreen(context)
  const changes = createChanges(screen, { everyMs: lookEveryMs, mostListeners })
  const { name, web } = context.config
  const app = new Hono()

  app.get("/", async (c) =>
    c.html(pageView({ name, parts: await screen(), styleUrl, scriptUrl, host: web.host }), 200, notKept),
  )
  app.get("/fragment/:part", async (c) => {
    const part = (await screen()).get(c.req.param("part") as Part)
    if (part === undefined) return c.text(`There is no such part; there are ${partNames.join(", ")}.\n`, 404)
    return c.html(part, 200, notKept)
  })
  app.get("/style.css", (c) => c.body(style, 200, { "content-type": "text/css; charset=utf-8", ...forEver }))
  app.get("/app.js", (c) =>
    c.body(appScript, 200, { "content-type": "text/javascript; charset=utf-8", ...forEver }),
  )
  app.get("/icon.svg", (c) => c.body(icon, 200, { "content-type": "image/svg+xml", ...forADay }))

  app.get("/events", (c) => {
    const listener = changes.listen()
    if (!listener)
      return c.text("Too many pages are open at once; this one asks again by itself.\n", 503, {
        "retry-after": "30",
      })
    return streamSSE(c, async (stream) => {
      stream.onAbort(() => listener.leave())
      await stream.write(": connected\n\n")
      while (!listener.left) {
        const parts = await listener.next(heartbeatMs)
        if (parts.size > 0) await stream.writeSSE({ event: "changed", data: [...parts].join(" ") })
        else if (!listener.left) await stream.write(": still here\n\n")
      }
    })
  })
  return app
}
