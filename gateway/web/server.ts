import { readFileSync } from "node:fs"
import { createServer } from "node:https"
import { serve } from "@hono/node-server"
import { Hono } from "hono"
import { secureHeaders } from "hono/secure-headers"
import type { Logger } from "pino"
import { PersonError } from "../../protocol/error.ts"
import type { WebContext, WebEnv } from "./context.ts"
import { evidenceRoutes } from "./evidence.ts"
import { createMetrics } from "./metrics.ts"
import { pageRoutes } from "./pages.ts"
import { recogniseHousehold } from "./session/guard.ts"
import { sessionRoutes } from "./session/routes.ts"
import type { WebSettings } from "./settings.ts"
import { statusOf } from "./status.ts"
import { walletAssets } from "./wallet/assets.ts"
import type { WalletContext } from "./wallet/context.ts"
import { walletRoutes } from "./wallet/routes.ts"

/**
 * The gateway's web server: the page, its data, metrics and evidence.
 * @param wallet what logging in and households' wallets work with; left out, nobody can log in.
 */
export async function startWeb(
  context: WebContext,
  { host, port, origin, tls }: WebSettings,
  log: Logger,
  wallet?: Omit<WalletContext, keyof WebContext>,
): Promise<{ port: number; tlsPort: number | undefined; close(): Promise<void> }> {
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
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
      },
      strictTransportSecurity: false,
      // With no referrer at all browsers send forms of ours with the origin "null".
      referrerPolicy: "same-origin",
    }),
  )
  if (wallet) {
    const households = new Map(context.config.households.map(({ address, name }) => [address, name]))
    wallet.sessions.follow(new Set(households.keys()))
    app.use(recogniseHousehold(wallet.sessions, households, origin))
  }
  app.get("/metrics", async (c) =>
    c.body(await metrics.metrics(), 200, { "content-type": metrics.contentType }),
  )
  app.get("/api/status", (c) => c.json(statusOf(context)))
  app.route("/", evidenceRoutes(context))
  app.route("/", pageRoutes(context))
  if (wallet) {
    const assets = walletAssets()
    app.route("/", sessionRoutes({ ...context, ...wallet }, assets))
    app.route("/", walletRoutes({ ...context, ...wallet }, assets))
  }
  app.notFound((c) => c.text("There is no such page here.\n", 404))
  app.onError((error, c) => {
    log.error({ error: error.message, path: c.req.path }, "a page could not be made")
    return c.text("This page could not be made. The gateway's log says why.\n", 500)
  })

  const plain = await listen(app, host, port)
  const secure =
    tls &&
    (await listen(app, tls.host ?? host, tls.port, tls).catch((error) =>
      plain.close().then(() => Promise.reject(error)),
    ))
  return {
    port: plain.port,
    tlsPort: secure?.port,
    async close() {
      await Promise.all([plain.close(), secure?.close()])
    },
  }
}

/** @throws PersonError when there is no certificate. */
function listen(
  app: Hono<WebEnv>,
  hostname: string,
  port: number,
  tls?: { certFile: string; keyFile: string },
): Promise<{ port: number; close(): Promise<void> }> {
  const secured = tls && {
    createServer,
    serverOptions: { cert: readPem(tls.certFile), key: readPem(tls.keyFile), minVersion: "TLSv1.2" as const },
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
