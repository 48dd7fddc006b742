import { createHmac, timingSafeEqual } from "node:crypto"
import type { Context, MiddlewareHandler } from "hono"
import { getCookie } from "hono/cookie"
import type { Hex } from "../../../protocol/hex.ts"
import type { WebEnv } from "../context.ts"
import { askerOf } from "./asker.ts"
import type { SessionStore } from "./store.ts"

/** Under HTTPS the name itself makes browsers keep the cookie to this host and to HTTPS. */
export const cookieName = (https: boolean) => (https ? "__Host-session" : "session")

/** Who is logged in: reads the cookie, once, before any route. */
export function recogniseHousehold(
  sessions: SessionStore,
  households: ReadonlyMap<Hex, string>,
  origin: string | undefined,
): MiddlewareHandler<WebEnv> {
  return async (c, next) => {
    const { https, privately } = askerOf(c, origin)
    const token = privately ? getCookie(c, cookieName(https)) : undefined
    const session = token === undefined ? undefined : sessions.find(token)
    const name = session && households.get(session.household)
    c.set("household", session && name !== undefined ? { address: session.household, name } : undefined)
    c.set("session", name === undefined ? undefined : session)
    c.set("csrf", session && token !== undefined && name !== undefined ? csrfOf(token) : "")
    await next()
  }
}

/** A secret that pages of a session know and pages of other sites do not. */
function csrfOf(token: string): string {
  return createHmac("sha256", token).update("commonwatt csrf/1").digest("base64url")
}

/**
 * Lets nothing be changed but by our own pages: the browser must name our origin, and whoever is logged in must bring the
 * session's token, in a form's field `csrf` or in the header `x-csrf-token`.
 */
export function refuseForeign(origin: string | undefined): MiddlewareHandler<WebEnv> {
  return async (c, next) => {
    if (c.req.method === "GET" || c.req.method === "HEAD") return next()
    if (c.req.header("origin") !== askerOf(c, origin).origin)
      return c.text("This was not sent from a page of this gateway.\n", 403)
    const expected = c.get("csrf")
    if (expected) {
      const given = c.req.header("x-csrf-token") ?? (await formField(c, "csrf"))
      if (!equalText(given, expected))
        return c.text("This page is too old. Go back, load it again, and repeat.\n", 403)
    }
    return next()
  }
}

/** A field of a form; empty where it is missing or no text. */
export async function formField(c: Context, name: string): Promise<string> {
  if (!/^application\/x-www-form-urlencoded\b/.test(c.req.header("content-type") ?? "")) return ""
  const value = (await c.req.parseBody())[name]
  return typeof value === "string" ? value : ""
}

function equalText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
