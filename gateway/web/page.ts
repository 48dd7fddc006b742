import { createHash } from "node:crypto"
import type { Context, MiddlewareHandler } from "hono"
import type { LoggedIn, WebContext, WebEnv } from "./context.ts"
import { localeFor } from "./language.ts"
import type { Locale } from "./locale.ts"
import { forgetPages, pagesOf } from "./service-worker.ts"
import { type Html, html } from "./views/html.ts"
import { layout } from "./views/layout.ts"

/** Where a household logs in. */
export const logInPath = "/log-in"

export interface Page {
  title: string
  body: Html
  /** Its path in the menu, where that is not its own. */
  path?: string
  /** Where its parts hear that there is something new. */
  events?: string
  /** More scripts, by address. */
  scripts?: readonly string[]
  /** More style sheets, by address. */
  styles?: readonly string[]
  status?: 200 | 400 | 401 | 403 | 404 | 429
}

/** Puts a page around its content. No cache on the way keeps it: it may show how a household lives. */
export function createPages({ config, clock }: Pick<WebContext, "config" | "clock">) {
  function show(c: Context<WebEnv>, page: Page): Response | Promise<Response> {
    const { title, body, path = c.req.path, events, scripts, styles, status = 200 } = page
    const household = c.get("household")
    c.header("cache-control", "no-store")
    c.header("vary", "Accept-Language, Cookie")
    if (household && c.req.path.startsWith("/home")) c.header(pagesOf, tagOf(household))
    if (c.req.query("parts") !== undefined) return c.html(body, status)
    const locale = localeFor(c, config.timeZone)
    const whole = layout({
      locale,
      community: config.name,
      household,
      path,
      title,
      now: clock.now(),
      body,
      speed: config.pace?.speed,
      ...(events !== undefined && { events }),
      ...(scripts && { scripts }),
      ...(styles && { styles }),
      wallet: c.get("session") !== undefined,
    })
    return c.html(whole, status)
  }

  return {
    show,
    localeOf: (c: Context<WebEnv>): Locale => localeFor(c, config.timeZone),
    notFound(c: Context<WebEnv>) {
      const { layout } = localeFor(c, config.timeZone).words
      const body = html`<section><h1>${layout.notFound}</h1><p>${layout.notFoundNext}</p></section>`
      return show(c, { title: layout.notFound, body, status: 404 })
    },
    logInFirst(c: Context<WebEnv>) {
      const { layout } = localeFor(c, config.timeZone).words
      const body = html`<section><h1>${layout.logInFirst}</h1><p>${layout.logInNext}</p><p><a class="button main" href="${logInPath}">${layout.logIn}</a></p></section>`
      c.header(pagesOf, forgetPages)
      return show(c, { title: layout.logInFirst, body, status: 401, path: "/home" })
    },
  }
}

export type Pages = ReturnType<typeof createPages>

/** Without tests and before there is a way to log in nobody is. */
export const nobody: MiddlewareHandler<WebEnv> = (c, next) => {
  c.set("household", undefined)
  return next()
}

/** Tells a browser's stored pages of one household from another's, and tells the browser nothing else. */
function tagOf({ address }: LoggedIn): string {
  return createHash("sha256").update(`pages of ${address}`).digest("hex").slice(0, 16)
}
