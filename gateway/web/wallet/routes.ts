import { timingSafeEqual } from "node:crypto"
import { type Context, Hono } from "hono"
import { bodyLimit } from "hono/body-limit"
import { recoverMessageAddress } from "viem"
import { z } from "zod"
import { accountWish } from "../../../protocol/account-wish.ts"
import { accountCode } from "../../../protocol/address.ts"
import { readClaim } from "../../../protocol/claim.ts"
import { PersonError } from "../../../protocol/error.ts"
import { greenText, readGreen } from "../../../protocol/green.ts"
import type { Hex } from "../../../protocol/hex.ts"
import { paymentLink } from "../../../protocol/payment-request.ts"
import type { Relay } from "../../journal/relays.ts"
import { IntentRefused } from "../../relay/judge.ts"
import type { LoggedIn, WebEnv } from "../context.ts"
import { createPages, logInPath } from "../page.ts"
import { askerOf } from "../session/asker.ts"
import { refuseForeign } from "../session/guard.ts"
import { type Html, html } from "../views/html.ts"
import type { Asset, WalletAssets } from "./assets.ts"
import type { WalletContext } from "./context.ts"
import { createWalletPages } from "./page.ts"
import { certificateView } from "./views/certificate.ts"
import { keyView } from "./views/key.ts"
import { type Facts, factsView, retireView, sendView } from "./views/sign.ts"
import { listView, requestView, walletView } from "./views/wallet.ts"
import { say } from "./words.ts"

const movesShown = 20
const notKept = { "cache-control": "no-store" }
const forEver = { "cache-control": "public, max-age=31536000, immutable" }

const address = z
  .string()
  .regex(/^0x[0-9a-f]{40}$/)
  .transform((text) => text as Hex)
const word = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/)
  .transform((text) => text as Hex)
const signature = z
  .string()
  .regex(/^0x[0-9a-f]{130}$/)
  .transform((text) => text as Hex)
const common = {
  from: address,
  to: address,
  wh: z
    .string()
    .regex(/^[1-9]\d{0,17}$/)
    .transform(BigInt),
  until: z.int().positive(),
  nonce: word,
}
const submissionShape = z.strictObject({
  intent: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("send"), ...common }),
    z.strictObject({ kind: z.literal("retire"), ...common, statement: word }),
  ]),
  signature,
  claim: z.string().max(2000).optional(),
})
const wishShape = z.strictObject({ account: address, signature })

/** A household's account in its browser: what it holds, keys, send, receive, retire, certificates. */
export function walletRoutes(context: WalletContext, assets: WalletAssets): Hono<WebEnv> {
  const { config, journal, balances, sessions, relay, now, log } = context
  const { relays } = journal
  const { origin } = config.web
  const pages = createPages(context)
  const { show, tongue: tongueFor } = createWalletPages(pages, assets, "wallet")
  const community = config.households.map(({ address }) => address)
  const app = new Hono<WebEnv>()

  const availableTo = (household: Hex) => {
    const balance = balances.get(household)
    if (balance === undefined) return undefined
    const rest = balance - relays.pendingWh(household)
    return rest < 0n ? 0n : rest
  }

  function factsOf(c: Context<WebEnv>, name: Facts["page"]): Html {
    const { words, decimalSign, locale } = tongueFor(c)
    const { household, csrf = "" } = c.var
    return factsView({
      page: name,
      site: config.site,
      household: household?.address,
      contracts: relay?.contracts(),
      csrf,
      now: now(),
      available: household && availableTo(household.address)?.toString(),
      community: household ? community : [],
      decimalSign,
      language: locale.words.intl,
      timeZone: config.timeZone,
      words,
    })
  }

  /** Sends whoever is not logged in to where one logs in. */
  const own =
    (work: (c: Context<WebEnv>, household: LoggedIn) => Response | Promise<Response>) =>
    (c: Context<WebEnv>) =>
      c.var.household ? work(c, c.var.household) : c.redirect(logInPath)

  const serve =
    ({ body, type }: Asset) =>
    (c: Context) =>
      c.body(body, 200, { "content-type": type, ...forEver })
  app.get("/wallet.css", serve(assets.style))
  app.get("/wallet.js", serve(assets.wallet))
  app.get("/login.js", serve(assets.login))

  for (const path of ["/wallet/intents", "/wallet/wish"])
    app.use(path, bodyLimit({ maxSize: 16 * 1024 }), refuseForeign(origin))

  app.get(
    "/wallet",
    own((c, { address }) => {
      const tongue = tongueFor(c)
      const purse = { address, balance: balances.get(address), pendingWh: relays.pendingWh(address) }
      const [moves, received] = [relays.of(address, movesShown), relays.to(address, movesShown)]
      const certificates = relays.certificates(address)
      const body = walletView(tongue, purse, relay?.status, moves, received, certificates)
      return show(c, tongue.words.walletTitle, joined(factsOf(c, "wallet"), body))
    }),
  )

  app.get("/wallet/list", (c) => {
    const { household } = c.var
    if (!household) return c.text("Log in first.\n", 401)
    return c.html(
      listView(tongueFor(c), relay?.status, relays.of(household.address, movesShown)),
      200,
      notKept,
    )
  })

  app.get("/wallet/key", (c) =>
    show(c, tongueFor(c).words.keyTitle, joined(factsOf(c, "key"), keyView(tongueFor(c)))),
  )

  app.get(
    "/wallet/send",
    own((c, household) => {
      const tongue = tongueFor(c)
      const filled = {
        to: (c.req.query("to") ?? "").slice(0, 400),
        amount: (c.req.query("amount") ?? "").slice(0, 40),
      }
      const body = sendView(tongue, availableTo(household.address), filled)
      return show(c, tongue.words.sendTitle, joined(factsOf(c, "send"), body))
    }),
  )

  app.get(
    "/wallet/retire",
    own((c, household) => {
      const tongue = tongueFor(c)
      const body = retireView(tongue, availableTo(household.address))
      return show(c, tongue.words.retireTitle, joined(factsOf(c, "retire"), body))
    }),
  )

  app.get(
    "/wallet/request",
    own((c, { address: to }) => {
      const tongue = tongueFor(c)
      const text = (c.req.query("amount") ?? "").slice(0, 40)
      let wh: bigint | undefined
      let trouble: string | undefined
      try {
        if (text.trim() !== "") wh = readGreen(text, tongue.decimalSign)
      } catch (error) {
        if (!(error instanceof PersonError)) throw error
        trouble = say(tongue.words.amountBad, { example: greenText(3214n, tongue.decimalSign) })
      }
      const contracts = relay?.contracts()
      const link = contracts && paymentLink({ to, wh }, contracts)
      const body = requestView(tongue, to, { text, wh, trouble }, link)
      return show(c, tongue.words.requestTitle, joined(factsOf(c, "request"), body))
    }),
  )

  app.post("/wallet/intents", async (c) => {
    const { household } = c.var
    const { words, decimalSign } = tongueFor(c)
    if (!household) return c.json({ error: "Log in first." }, 401)
    if (!relay) return c.json({ error: words.noRelay }, 503)
    const given = submissionShape.safeParse(await c.req.json().catch(() => undefined))
    if (!given.success) return c.json({ error: "This is not an intent." }, 400)
    const { intent, signature, claim } = given.data
    try {
      const taken = await relay.submit(
        household.address,
        { intent, signature, claim },
        balances.get(household.address),
      )
      if ("refused" in taken)
        return c.json({ error: words[`why ${taken.refused}`], detail: taken.detail }, 409)
      return c.json({ id: taken.id.toString(), state: taken.state }, 202)
    } catch (error) {
      if (!(error instanceof IntentRefused)) throw error
      const { reason, values, message } = error
      const amount = values.wh === undefined ? "" : greenText(BigInt(values.wh), decimalSign)
      return c.json({ error: say(words[`not taken ${reason}`], { ...values, amount }), detail: message }, 422)
    }
  })

  app.post("/wallet/wish", async (c) => {
    const { household } = c.var
    if (!household) return c.json({ error: "Log in first." }, 401)
    const given = wishShape.safeParse(await c.req.json().catch(() => undefined))
    if (!given.success) return c.json({ error: "This is not an account." }, 400)
    const { account, signature } = given.data
    const message = accountWish(config.site, household.address, account)
    const signer = await recoverMessageAddress({ message, signature }).catch(() => undefined)
    if (signer?.toLowerCase() !== account)
      return c.json({ error: "The signature is not by that account." }, 422)
    if (community.includes(account)) return c.json({ error: "That account is a household's already." }, 409)
    sessions.wish(household.address, account)
    log.info(
      { household: household.name, address: household.address, account, code: accountCode(account) },
      "a household asks for another account",
    )
    return c.json({ wished: account }, 202)
  })

  /** A retirement that was made here; its number is public, as the chain is. */
  function certificate(c: Context<WebEnv>): Relay | undefined {
    const number = /^(\d{1,15})$/.exec(c.req.param("number") ?? "")?.[1]
    return number === undefined ? undefined : relays.retirement(BigInt(number))
  }

  app.get("/certificate/:number{\\d+}", (c) => {
    const entry = certificate(c)
    const contracts = relay?.contracts()
    if (!entry || !contracts) return pages.notFound(c)
    const key = entry.claim === undefined ? undefined : readClaim(entry.claim)?.salt
    const mayRead = entry.intent.from === c.var.household?.address || equal(c.req.query("key"), key)
    const link =
      mayRead && key !== undefined
        ? `${askerOf(c, origin).origin}/certificate/${entry.number}?key=${key}`
        : undefined
    const tongue = tongueFor(c)
    const title = tongue.words.certificateTitle.replace("{number}", `${entry.number}`)
    return show(c, title, certificateView(tongue, entry, contracts.retirements, link))
  })

  app.get("/certificate/:number{\\d+\\.svg}", (c) => {
    const number = BigInt(c.req.param("number").slice(0, -4).slice(0, 15))
    const picture = relays.retirement(number)?.picture
    if (picture === undefined) return c.text("There is no such certificate here.\n", 404)
    return c.body(picture, 200, { "content-type": "image/svg+xml", ...notKept })
  })

  return app
}

function equal(given: string | undefined, key: string | undefined): boolean {
  if (given === undefined || key === undefined || given.length !== key.length) return false
  const [left, right] = [Buffer.from(given), Buffer.from(key)]
  return left.length === right.length && timingSafeEqual(left, right)
}

function joined(...parts: readonly Html[]): Html {
  return html`${parts}`
}
