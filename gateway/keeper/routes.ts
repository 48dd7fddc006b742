import { createHash } from "node:crypto"
import { type Context, Hono, type MiddlewareHandler } from "hono"
import { bodyLimit } from "hono/body-limit"
import type { Logger } from "pino"
import { recoverMessageAddress } from "viem"
import {
  backupChunkBytes,
  backupPath,
  backupRequestText,
  readBackupAuthorization,
} from "../../protocol/backup-request.ts"
import type { Hex } from "../../protocol/hex.ts"
import { createChallenges } from "./challenge.ts"
import { Refusal } from "./refusal.ts"
import type { KeepBackups } from "./settings.ts"
import { openShelf, type Shelf } from "./shelf.ts"

type KeeperEnv = { Variables: { account: Hex; digest: string } }

/**
 * Keeps other gateways' back-ups, and gives them back, to whoever shows with each request that it has the site's key. What
 * it keeps it cannot read.
 * @param now seconds of a clock that never steps.
 */
export function keeperRoutes(
  settings: KeepBackups,
  now: () => number,
  log: Pick<Logger, "info">,
  shelf: Shelf = openShelf(settings),
): Hono<KeeperEnv> {
  const accounts = new Set<string>(settings.for)
  const challenges = createChallenges(now)
  const adding = new Map<Hex, Promise<unknown>>()
  const app = new Hono<KeeperEnv>()

  app.onError((error, c) => {
    if (error instanceof Refusal) return c.text(`${error.message}\n`, error.status)
    log.info({ why: error.message }, "a back-up of another gateway could not be kept")
    return c.text("It could not be kept. The keeper's log says why.\n", 500)
  })

  const itsOwner: MiddlewareHandler<KeeperEnv> = async (c, next) => {
    c.header("cache-control", "no-store")
    const given = readBackupAuthorization(c.req.header("authorization") ?? "")
    if (!given || !challenges.isValid(given.challenge))
      return c.text("Sign a challenge of /backups/challenge with the site's key.\n", 401)
    const method = c.req.method as "GET" | "PUT"
    const message = backupRequestText({ method, path: backupPath(c.req.url), ...given })
    const signer = accounts.has(c.req.param("account") ?? "")
      ? await recoverMessageAddress({ message, signature: given.signature }).catch(() => undefined)
      : undefined
    if (signer?.toLowerCase() !== c.req.param("account"))
      return c.text("This gateway keeps no back-ups of yours: keepBackups.for names whose it keeps.\n", 403)
    c.set("account", signer!.toLowerCase() as Hex)
    c.set("digest", given.digest)
    return next()
  }

  app.get("/backups/challenge", (c) => c.text(challenges.make(), 200, { "cache-control": "no-store" }))
  app.use("/backups/:account/*", itsOwner)
  app.get("/backups/:account", (c) => c.json(shelf.list(c.var.account)))

  app.put("/backups/:account/:name", bodyLimit({ maxSize: backupChunkBytes }), async (c) => {
    const { account } = c.var
    const piece = new Uint8Array(await c.req.arrayBuffer())
    if (createHash("sha256").update(piece).digest("hex") !== c.var.digest)
      throw new Refusal(400, "What came is not what was signed.")
    const sha256 = c.req.query("sha256") ?? ""
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new Refusal(400, "The hash of the whole is missing.")
    const announced = { name: c.req.param("name"), sha256, bytes: count(c, "bytes") }
    const from = count(c, "from")
    // One piece after the other, also where a cut connection is not known to be cut yet.
    const added = (adding.get(account) ?? Promise.resolve())
      .catch(() => {})
      .then(() => shelf.add(account, announced, from, piece))
    adding.set(account, added)
    const at = await added
    if (at === announced.bytes)
      log.info({ account, name: announced.name }, "another gateway's back-up is kept")
    return c.json({ at })
  })

  app.get("/backups/:account/:name", (c) => {
    const length = Math.min(count(c, "length"), backupChunkBytes)
    const piece = shelf.read(c.var.account, c.req.param("name"), count(c, "from"), length)
    return c.body(Uint8Array.from(piece), 200, { "content-type": "application/octet-stream" })
  })

  app.get("/backups/:account/:name/proof", async (c) => {
    const salt = c.req.query("salt") ?? ""
    if (!/^[0-9a-f]{64}$/.test(salt)) throw new Refusal(400, "The salt is missing.")
    return c.json({ sha256: await shelf.proof(c.var.account, c.req.param("name"), salt) })
  })
  return app
}

function count(c: Context, name: string): number {
  const text = c.req.query(name) ?? ""
  if (!/^\d{1,12}$/.test(text)) throw new Refusal(400, `${name} must be a whole number.`)
  return Number(text)
}
