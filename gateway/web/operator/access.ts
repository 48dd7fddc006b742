import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import type { MiddlewareHandler } from "hono"
import { verifyPassword } from "../../password.ts"
import type { WebEnv } from "../context.ts"
import { askerOf } from "../session/asker.ts"
import { createAttempts, type Limits } from "../session/attempts.ts"

export interface OperatorAccess {
  /** scrypt hash of the operator's password; undefined: nobody has one. */
  passwordHash: string | undefined
  /** Whoever may read the gateway's data directory knows it: `commonwatt doctor`. */
  token: string
  /** Milliseconds of a clock that never steps. */
  monotonic: () => number
}

/** Wrong passwords: a person who mistypes has enough, and a neighbour who guesses uses up his own. */
const limits: Limits = { most: 5, refillSeconds: 12, mostOfAll: 60, refillOfAllSeconds: 2 }
const mostHeaderBytes = 512

export function newOperatorToken(): string {
  return randomBytes(32).toString("base64url")
}

/**
 * Lets in who has the operator's password (HTTP Basic, any user name) or this start's token; nobody else, wherever he
 * comes from: behind a proxy everyone comes from this machine.
 */
export function operatorOnly({ passwordHash, token, monotonic }: OperatorAccess): MiddlewareHandler<WebEnv> {
  const key = randomBytes(32)
  const digest = (text: string) => createHmac("sha256", key).update(text).digest()
  const tokenDigest = digest(token)
  /** Of the password that was right: pages after the first one cost no scrypt. */
  let right: Buffer | undefined
  const attempts = createAttempts(() => monotonic() / 1000, limits)
  /** One at a time: each takes 16 MB and a tenth of a second. */
  let checking: Promise<unknown> = Promise.resolve()

  async function isRight(password: string, address: string): Promise<boolean> {
    if (right && timingSafeEqual(digest(password), right)) return true
    if (!attempts.allowed(address)) return false
    // Wrong until it is looked at: many at once are no way around the limit.
    attempts.failed(address)
    const check = checking.then(() => verifyPassword(Buffer.from(password), passwordHash!))
    checking = check.catch(() => {})
    if (!(await check)) return false
    attempts.forgiven(address)
    right = digest(password)
    return true
  }

  return async (c, next) => {
    c.header("cache-control", "no-store")
    const header = c.req.header("authorization") ?? ""
    if (header.length > mostHeaderBytes) return c.text("This header is too long.\n", 400)
    const [kind = "", credential = ""] = header.split(" ")
    if (kind === "Bearer" && timingSafeEqual(digest(credential), tokenDigest)) return next()
    if (passwordHash === undefined)
      return c.text(
        "This page is the operator's, and nobody has a password for it yet.\nMake one: commonwatt provision password, and set web.operatorPassword to its hash.\nOn the box itself: commonwatt doctor --config FILE\n",
        403,
      )
    const password = kind === "Basic" ? passwordIn(credential) : undefined
    const { address } = askerOf(c, undefined)
    if (password !== undefined && (await isRight(password, address))) return next()
    if (password !== undefined && !attempts.allowed(address)) {
      c.header("retry-after", String(limits.refillSeconds))
      return c.text("Too many wrong passwords. Wait a moment.\n", 429)
    }
    c.header("www-authenticate", 'Basic realm="Operator", charset="UTF-8"')
    return c.text("This page is the operator's.\n", 401)
  }
}

/** RFC 7617: base64 of user, colon, password. */
function passwordIn(credential: string): string | undefined {
  const text = Buffer.from(credential, "base64").toString("utf8")
  const colon = text.indexOf(":")
  return colon < 0 ? undefined : text.slice(colon + 1)
}
