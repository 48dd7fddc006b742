import { serve } from "@hono/node-server"
import { Hono } from "hono"
import { bodyLimit } from "hono/body-limit"
import { type AttestationRequest, mostRequestBytes, readRequest } from "../protocol/attestation-messages.ts"
import type { Validator } from "./validator.ts"
import { refusalsAsPage } from "./validator-page.ts"

/** The validator's side of the attestation protocol: POST /attestations (SPEC.md, 7), and what it refused. */
export async function serveValidator(
  validator: Validator,
  { host, port }: { host: string; port: number },
  /** The evidence that it keeps. */
  evidence?: Hono,
): Promise<{ port: number; close(): Promise<void> }> {
  const app = new Hono()
  app.get("/", (c) => {
    if (!c.req.header("accept")?.includes("text/html")) return c.json({ validator: validator.address })
    const { page, policy } = refusalsAsPage(validator)
    return c.html(page, 200, { "content-security-policy": policy })
  })
  app.get("/refusals", (c) => {
    const site = c.req.query("site")
    return c.json({
      validator: validator.address,
      refusals: validator.refusals(site === undefined ? undefined : Number(site)),
    })
  })
  app.post("/attestations", bodyLimit({ maxSize: mostRequestBytes }), async (c) => {
    let request: AttestationRequest
    try {
      request = readRequest(await c.req.text())
    } catch (error) {
      return c.json({ error: (error as Error).message }, 400)
    }
    const answer = await validator.attest(request, request.proposal)
    return c.json(answer, answer.refused ? 409 : 200)
  })
  if (evidence) app.route("/", evidence)
  app.onError((error, c) => c.json({ error: cannotNow(error) }, 503))
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: host, port }, (info) =>
      resolve({
        port: info.port,
        close: () => new Promise((done) => server.close(() => done())),
      }),
    )
    server.on("error", reject)
  })
}

/** What is answered when it is not the proposal's fault. */
export function cannotNow(error: Error): string {
  return `it cannot judge now: ${error.message.split("\n")[0]}`
}
