import { type Context, Hono } from "hono"
import { bodyLimit } from "hono/body-limit"
import { deleteCookie, setCookie } from "hono/cookie"
import { z } from "zod"
import { PersonError } from "../../../protocol/error.ts"
import { fromHex, type Hex } from "../../../protocol/hex.ts"
import type { WebEnv } from "../context.ts"
import { invitationsFile, keepInvitation, readInvitations, redeemInvitation } from "../invitations.ts"
import { createPages, logInPath } from "../page.ts"
import { forgetPages, pagesOf } from "../service-worker.ts"
import type { WalletAssets } from "../wallet/assets.ts"
import type { WalletContext } from "../wallet/context.ts"
import { createWalletPages } from "../wallet/page.ts"
import type { Tongue } from "../wallet/words.ts"
import { askerOf } from "./asker.ts"
import { createAttempts } from "./attempts.ts"
import { createChallenges } from "./challenges.ts"
import { deviceOf } from "./device.ts"
import { cookieName, formField, refuseForeign } from "./guard.ts"
import { algorithms, checkAssertion, checkRegistration, rpOf } from "./passkey.ts"
import { devicesView, joinView, loggedOutView, loginView, type Trouble } from "./views.ts"

/** A cookie is kept for so long at most; the store may end its session earlier, seconds. */
const cookieSeconds = 365 * 86_400
const landing = "/home"

const base64url = z.string().regex(/^[\w-]{1,16000}$/)
const registrationShape = z.strictObject({
  challenge: base64url,
  clientDataJSON: base64url,
  attestationObject: base64url,
})
const assertionShape = z.strictObject({
  challenge: base64url,
  id: base64url,
  clientDataJSON: base64url,
  authenticatorData: base64url,
  signature: base64url,
})

/** Logging in and out: invitations, passkeys, the devices of a household. */
export function sessionRoutes(context: WalletContext, assets: WalletAssets): Hono<WebEnv> {
  const { config, sessions, now, monotonic } = context
  const { origin } = config.web
  const { show, tongue: tongueFor } = createWalletPages(createPages(context), assets, "login")
  const households = new Map(config.households.map(({ address, name }) => [address, name]))
  const invitations = invitationsFile(config.dataDir)
  const attempts = createAttempts(monotonic)
  const challenges = createChallenges(monotonic)
  const app = new Hono<WebEnv>()

  function letIn(c: Context<WebEnv>, household: Hex): void {
    const { https } = askerOf(c, origin)
    // A device that was logged in before gets a new secret, and the old one ends.
    const { session } = c.var
    if (session) sessions.end(session.household, session.id)
    const token = sessions.start(household, deviceOf(c.req.header("user-agent") ?? ""))
    setCookie(c, cookieName(https), token, {
      httpOnly: true,
      sameSite: "Strict",
      path: "/",
      secure: https,
      maxAge: cookieSeconds,
    })
  }

  /** Why nobody can log in over this connection, or now. */
  function hindrance(
    c: Context<WebEnv>,
    { words }: Tongue,
  ): { trouble: Trouble; status: 403 | 429 } | undefined {
    const { privately, address } = askerOf(c, origin)
    if (!privately)
      return { trouble: { sentence: words.notPrivate, next: words.notPrivateNext }, status: 403 }
    if (!attempts.allowed(address)) return { trouble: { sentence: words.tooMany, next: "" }, status: 429 }
    return undefined
  }

  for (const path of ["/join", "/log-in/*", "/log-out", "/devices/*", "/passkeys/*"])
    app.use(path, bodyLimit({ maxSize: 64 * 1024 }), refuseForeign(origin))

  app.get("/join", (c) => {
    const tongue = tongueFor(c)
    const hindered = hindrance(c, tongue)
    return show(c, tongue.words.joinTitle, joinView(tongue, c.var.csrf ?? "", hindered?.trouble))
  })

  app.post("/join", async (c) => {
    const tongue = tongueFor(c)
    const { words } = tongue
    const hindered = hindrance(c, tongue)
    if (hindered)
      return show(c, words.joinTitle, joinView(tongue, c.var.csrf ?? "", hindered.trouble), {
        status: hindered.status,
      })
    const token = /(?:^|#)([\w-]{22})\s*$/.exec(await formField(c, "invitation"))?.[1] ?? ""
    const taken = redeemInvitation(readInvitations(invitations), token, now())
    if (!taken || !households.has(taken.household)) {
      attempts.failed(askerOf(c, origin).address)
      const trouble = { sentence: words.joinRefused, next: words.joinNext }
      return show(c, words.joinTitle, joinView(tongue, c.var.csrf ?? "", trouble), { status: 403 })
    }
    keepInvitation(invitations, taken.entry)
    letIn(c, taken.household)
    return c.redirect(landing, 303)
  })

  app.get(logInPath, (c) => {
    const tongue = tongueFor(c)
    return c.var.household ? c.redirect(landing) : show(c, tongue.words.loginTitle, loginView(tongue))
  })

  app.post("/log-in/challenge", (c) =>
    c.json({ challenge: challenges.make("log in"), rpId: rpOf(askerOf(c, origin).origin) }),
  )

  app.post("/log-in/passkey", async (c) => {
    const tongue = tongueFor(c)
    const hindered = hindrance(c, tongue)
    if (hindered) return c.json({ error: hindered.trouble.sentence }, hindered.status)
    const asker = askerOf(c, origin)
    const refuse = (error: string) => {
      attempts.failed(asker.address)
      return c.json({ error }, 403)
    }
    const given = assertionShape.safeParse(await c.req.json().catch(() => undefined))
    if (!given.success) return refuse(tongue.words.passkeyFailed)
    const { challenge, id, ...answer } = given.data
    const passkey = sessions.passkey(id)
    if (!challenges.take(challenge, "log in")) return refuse(tongue.words.passkeyFailed)
    if (!passkey || !households.has(passkey.household)) return refuse(tongue.words.passkeyUnknown)
    try {
      sessions.countPasskey(id, checkAssertion(answer, passkey, { challenge, origin: asker.origin }))
    } catch (error) {
      if (error instanceof PersonError) return refuse([error.message, ...error.context].join(" "))
      throw error
    }
    letIn(c, passkey.household)
    return c.json({ next: landing })
  })

  app.post("/log-out", (c) => {
    const { session } = c.var
    if (session) sessions.end(session.household, session.id)
    return leave(c)
  })

  function leave(c: Context<WebEnv>) {
    const { https } = askerOf(c, origin)
    deleteCookie(c, cookieName(https), { path: "/", secure: https })
    // The service worker forgets what it kept of this household.
    c.header(pagesOf, forgetPages)
    c.set("household", undefined)
    const tongue = tongueFor(c)
    return show(c, tongue.words.loggedOutTitle, loggedOutView(tongue))
  }

  app.get("/devices", (c) => {
    const { household, session, csrf = "" } = c.var
    if (!household) return c.redirect(logInPath)
    const tongue = tongueFor(c)
    const [devices, passkeys] = [sessions.list(household.address), sessions.passkeys(household.address)]
    return show(c, tongue.words.devicesTitle, devicesView(tongue, csrf, session, devices, passkeys))
  })

  app.post("/devices/end", async (c) => {
    const { household, session } = c.var
    if (!household) return c.redirect(logInPath, 303)
    const id = await formField(c, "id")
    sessions.end(household.address, id)
    return id === session?.id ? leave(c) : c.redirect("/devices", 303)
  })

  app.post("/devices/end-all", (c) => {
    const { household } = c.var
    if (!household) return c.redirect(logInPath, 303)
    sessions.endAll(household.address)
    sessions.removePasskeys(household.address)
    return leave(c)
  })

  app.post("/passkeys/challenge", (c) => {
    const { household } = c.var
    if (!household) return c.json({ error: "Log in first." }, 401)
    return c.json({
      challenge: challenges.make(household.address),
      rp: { id: rpOf(askerOf(c, origin).origin), name: config.name },
      // The address is public, and no more is told of the person.
      user: { id: Buffer.from(fromHex(household.address)).toString("base64url"), name: household.name },
      algorithms,
      known: sessions.passkeys(household.address).map(({ id }) => id),
    })
  })

  app.post("/passkeys", async (c) => {
    const { household } = c.var
    if (!household) return c.json({ error: "Log in first." }, 401)
    const given = registrationShape.safeParse(await c.req.json().catch(() => undefined))
    const { words } = tongueFor(c)
    if (!given.success || !challenges.take(given.data.challenge, household.address))
      return c.json({ error: words.passkeyFailed }, 400)
    if (sessions.passkeys(household.address).length >= 20) return c.json({ error: words.passkeyFailed }, 400)
    try {
      const { challenge, ...answer } = given.data
      const passkey = checkRegistration(answer, { challenge, origin: askerOf(c, origin).origin })
      if (sessions.passkey(passkey.id)) return c.json({ error: words.passkeyFailed }, 400)
      const device = deviceOf(c.req.header("user-agent") ?? "")
      sessions.addPasskey({ ...passkey, household: household.address, device, created: now() })
      return c.json({ added: passkey.id })
    } catch (error) {
      if (error instanceof PersonError)
        return c.json({ error: [error.message, ...error.context].join(" ") }, 400)
      throw error
    }
  })

  app.post("/passkeys/remove", async (c) => {
    const { household } = c.var
    if (!household) return c.redirect(logInPath, 303)
    sessions.removePasskey(household.address, await formField(c, "id"))
    return c.redirect("/devices", 303)
  })

  return app
}
