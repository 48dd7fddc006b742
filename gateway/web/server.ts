import { serve } from "@hono/node-server"
import { Hono, type MiddlewareHandler } from "hono"
import { compress } from "hono/compress"
import { secureHeaders } from "hono/secure-headers"
import type { Logger } from "pino"
import { apiRoutes } from "./api/routes.ts"
import { assetRoutes } from "./assets.ts"
import { communityPages } from "./community-pages.ts"
import type { WebContext, WebEnv } from "./context.ts"
import { createDays, type Days } from "./days.ts"
import { evidenceRoutes } from "./evidence.ts"
import { homePages } from "./home-pages.ts"
import { chooseLanguage } from "./language.ts"
import { createMetrics } from "./metrics.ts"
import { createPages, nobody } from "./page.ts"

/** Days that are over are worked out one at a time, so that nothing else waits long. */
const keepDaysEveryMs = 1000

/**
 * The gateway's web: pages, API, metrics and evidence.
 * @param session says who is logged in, before any route.
 */
export function createWeb(
  context: WebContext,
  log: Pick<Logger, "error">,
  session: MiddlewareHandler<WebEnv> = nobody,
  days: Days = createDays(context),
): Hono<WebEnv> {
  const pages = createPages(context)
  const metrics = createMetrics(context)
  const app = new Hono<WebEnv>()
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        connectSrc: ["'self'"],
        manifestSrc: ["'self'"],
        workerSrc: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
      },
      strictTransportSecurity: false,
    }),
  )
  app.use(compress())
  app.use(session)
  app.use(chooseLanguage())
  app.get("/metrics", async (c) =>
    c.body(await metrics.metrics(), 200, { "content-type": metrics.contentType }),
  )
  app.route("/", apiRoutes(context, days))
  app.route("/", evidenceRoutes({ journal: context.journal, evidence: context.evidence?.store }))
  app.route("/", assetRoutes(context.config))
  app.route("/", communityPages(context, days, pages))
  app.route("/", homePages(context, days, pages))
  app.notFound((c) => pages.notFound(c))
  app.onError((error, c) => {
    log.error({ error: error.message, path: c.req.path }, "a page could not be made")
    return c.text("This page could not be made. The gateway's log says why.\n", 500)
  })
  return app
}

/** Serves the gateway's web, and keeps the days that are over. */
export async function startWeb(
  context: WebContext,
  { host, port }: { host: string; port: number },
  log: Logger,
  session?: MiddlewareHandler<WebEnv>,
): Promise<{ port: number; close(): Promise<void> }> {
  const days = createDays(context)
  const app = createWeb(context, log, session, days)
  const keeping = setInterval(() => {
    try {
      days.keep()
    } catch (error) {
      log.error({ error: (error as Error).message }, "a day could not be kept")
    }
  }, keepDaysEveryMs)
  keeping.unref()
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: host, port }, (info) =>
      resolve({
        port: info.port,
        close: () =>
          new Promise((done) => {
            clearInterval(keeping)
            server.close(() => done())
            if ("closeAllConnections" in server) server.closeAllConnections()
          }),
      }),
    )
    server.on("error", reject)
  })
}
