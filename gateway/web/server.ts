import { readFileSync } from "node:fs"
import { createServer } from "node:https"
import { serve } from "@hono/node-server"
import { Hono, type MiddlewareHandler } from "hono"
import { compress } from "hono/compress"
import { secureHeaders } from "hono/secure-headers"
import type { Logger } from "pino"
import { PersonError } from "../../protocol/error.ts"
import { readSecret } from "../../protocol/sealed-secret.ts"
import type { Health } from "../supervise/health.ts"
import { apiRoutes } from "./api/routes.ts"
import { assetRoutes } from "./assets.ts"
import { communityPages } from "./community-pages.ts"
import type { WebContext, WebEnv } from "./context.ts"
import { createDays, type Days } from "./days.ts"
import { evidenceRoutes } from "./evidence.ts"
import { homePages } from "./home-pages.ts"
import { chooseLanguage } from "./language.ts"
import { createMetrics } from "./metrics.ts"
import type { OperatorAccess } from "./operator/access.ts"
import { operatorRoutes } from "./operator/routes.ts"
import { createPages, nobody } from "./page.ts"
import type { WebSettings } from "./settings.ts"

/** Days that are over are worked out one at a time, so that nothing else waits long. */
const keepDaysEveryMs = 1000

/** What the operator's pages need. */
export interface Operator {
  health: Health
  access: OperatorAccess
}

/**
 * The gateway's web: pages, API, metrics and evidence.
 * @param session says who is logged in, before any route.
 * @param operator who may see the operator's pages; without it there are none.
 */
export function createWeb(
  context: WebContext,
  log: Pick<Logger, "error">,
  session: MiddlewareHandler<WebEnv> = nobody,
  days: Days = createDays(context),
  operator?: Operator,
): Hono<WebEnv> {
  const pages = createPages(context)
  const metrics = createMetrics(context, operator?.health)
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
      // With no referrer at all browsers send forms of ours with the origin "null".
      referrerPolicy: "same-origin",
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
  if (operator) app.route("/", operatorRoutes(context, pages, operator.health, operator.access))
  app.notFound((c) => pages.notFound(c))
  app.onError((error, c) => {
    log.error({ error: error.message, path: c.req.path }, "a page could not be made")
    return c.text("This page could not be made. The gateway's log says why.\n", 500)
  })
  return app
}

/**
 * Serves the gateway's web, and keeps the days that are over.
 * @param session says who is logged in, before any route; left out, nobody is.
 * @param addRoutes adds what else there is to the routes.
 */
export async function startWeb(
  context: WebContext,
  { host, port, tls }: WebSettings,
  log: Logger,
  session?: MiddlewareHandler<WebEnv>,
  addRoutes?: (app: Hono<WebEnv>) => void,
  operator?: Operator,
): Promise<{ port: number; tlsPort: number | undefined; close(): Promise<void> }> {
  const days = createDays(context)
  const app = createWeb(context, log, session, days, operator)
  addRoutes?.(app)
  const keeping = setInterval(() => {
    try {
      days.keep()
    } catch (error) {
      log.error({ error: (error as Error).message }, "a day could not be kept")
    }
  }, keepDaysEveryMs)
  keeping.unref()
  const servers: Listening[] = []
  const close = async () => {
    clearInterval(keeping)
    await Promise.all(servers.map((server) => server.close()))
  }
  try {
    servers.push(await listen(app, host, port))
    if (tls) servers.push(await listen(app, tls.host ?? host, tls.port, tls))
  } catch (error) {
    await close()
    throw error
  }
  return { port: servers[0]!.port, tlsPort: servers[1]?.port, close }
}

interface Listening {
  port: number
  close(): Promise<void>
}

/** @throws PersonError when its certificate cannot be read. */
function listen(
  app: Hono<WebEnv>,
  hostname: string,
  port: number,
  tls?: { certFile: string; keyFile: string },
): Promise<Listening> {
  const secured = tls && {
    createServer,
    serverOptions: {
      cert: readPem(tls.certFile),
      key: readSecret(tls.keyFile, "The key of web.tls"),
      minVersion: "TLSv1.2" as const,
    },
  }
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname, port, ...secured }, (info) =>
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

function readPem(file: string): string {
  try {
    return readFileSync(file, "utf8")
  } catch (cause) {
    throw new PersonError("The certificate of the gateway's pages cannot be read.", {
      context: [`${file}: ${(cause as Error).message}`],
      next: "Check web.tls in the configuration.",
    })
  }
}
