import { serve } from "@hono/node-server"
import { Hono } from "hono"
import { bodyLimit } from "hono/body-limit"
import { z } from "zod"
import type { Hex } from "../protocol/hex.ts"
import type { Validator } from "./validator.ts"

const hex = (bytes: number) =>
  z.custom<Hex>((v) => typeof v === "string" && new RegExp(`^0x[0-9a-f]{${2 * bytes}}$`).test(v))
const uint64 = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform(BigInt)
const requestShape = z.strictObject({
  chainId: z.int().positive(),
  oracle: hex(20),
  proposal: z.strictObject({
    site: z.int().positive(),
    number: uint64,
    root: hex(32),
    evidence: hex(32),
    time: uint64,
    leafCount: z.int().positive(),
    validatorSet: z.int().positive(),
  }),
})

/** The validator's side of the attestation protocol: POST /attestations (SPEC.md, 7). */
export async function serveValidator(
  validator: Validator,
  { host, port }: { host: string; port: number },
  /** The evidence that it keeps. */
  evidence?: Hono,
): Promise<{ port: number; close(): Promise<void> }> {
  const app = new Hono()
  app.get("/", (c) => c.json({ validator: validator.address }))
  app.post("/attestations", bodyLimit({ maxSize: 16 * 1024 }), async (c) => {
    const request = requestShape.safeParse(await c.req.json().catch(() => undefined))
    if (!request.success) {
      const issue = request.error.issues[0]
      return c.json(
        { error: `the request is not in the format: ${issue?.path.join(".")}: ${issue?.message}` },
        400,
      )
    }
    const { proposal, ...at } = request.data
    const answer = await validator.attest(at, proposal)
    return c.json(answer, "refused" in answer ? 409 : 200)
  })
  if (evidence) app.route("/", evidence)
  app.onError((error, c) => c.json({ error: `it cannot judge now: ${error.message.split("\n")[0]}` }, 503))
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
