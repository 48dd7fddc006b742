import { serve } from "@hono/node-server"
import { Hono } from "hono"
import { secureHeaders } from "hono/secure-headers"
import type { Logger } from "pino"
import type { WebContext } from "./context.ts"
import { evidenceRoutes } from "./evidence.ts"
import { createMetrics } from "./metrics.ts"
import { pageRoutes } from "./pages.ts"
import { statusOf } from "./status.ts"

/** The gateway's web server: the page, its data, metrics and evidence. */
export async function startWeb(
  context: WebContext,
  { host, port }: { host: string; port: number },
  log: Logger,
): Promise<{ port: number; close(): Promise<void> }> {
  const metrics = createMetrics(context)
  const app = new Hono()
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        connectSrc: ["'self'"],
        manifestSrc: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
      },
      strictTransportSecurity: false,
    }),
  )
  app.get("/metrics", async (c) =>
    c.body(await metrics.metrics(), 200, { "content-type": metrics.contentType }),
  )
  app.get("/api/status", (c) => c.json(statusOf(context)))
  app.route("/", evidenceRoutes({ journal: context.journal, evidence: context.evidence?.store }))
  app.route("/", pageRoutes(context))
  app.notFound((c) => c.text("There is no such page here.\n", 404))
  app.onError((error, c) => {
    log.error({ error: error.message, path: c.req.path }, "a page could not be made")
    return c.text("This page could not be made. The gateway's log says why.\n", 500)
  })
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: host, port }, (info) =>
      resolve({
        port: info.port,
        close: () =>
          new Promise((done) => {
            server.close(() => done())
            if ("closeAllConnections" in server) server.closeAllConnections()
          }),
      }),
    )
    server.on("error", reject)
  })
}
