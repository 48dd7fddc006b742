import type { Context, MiddlewareHandler } from "hono"
import { getCookie, setCookie } from "hono/cookie"
import type { WebEnv } from "./context.ts"
import { type Locale, localeOf } from "./locale.ts"
import { isLanguage, preferred } from "./words/languages.ts"

const cookie = "language"
const aYear = 365 * 86_400

/** `?lang=de` on any page chooses a language for that browser, and shows the page in it. */
export function chooseLanguage(): MiddlewareHandler<WebEnv> {
  return async (c, next) => {
    const wanted = c.req.query("lang")
    if (c.req.method !== "GET" || wanted === undefined || !isLanguage(wanted)) return next()
    setCookie(c, cookie, wanted, { path: "/", maxAge: aYear, sameSite: "Lax", httpOnly: true })
    const url = new URL(c.req.url)
    url.searchParams.delete("lang")
    // Two slashes at the beginning would be another host.
    return c.redirect(`/${url.pathname.replace(/^[/\\]+/, "")}${url.search}`, 303)
  }
}

/** The language and the way to write figures for whoever asks. */
export function localeFor(c: Context<WebEnv>, timeZone: string): Locale {
  const chosen = getCookie(c, cookie)
  const language = chosen && isLanguage(chosen) ? chosen : preferred(c.req.header("accept-language"))
  return localeOf(language, timeZone)
}
