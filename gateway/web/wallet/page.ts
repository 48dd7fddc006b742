import type { Context } from "hono"
import type { WebEnv } from "../context.ts"
import type { Page, Pages } from "../page.ts"
import { type Html, html } from "../views/html.ts"
import type { WalletAssets } from "./assets.ts"
import { say, type Tongue, tongueOf } from "./words.ts"

/** Puts the pages of sessions and wallet into the frame that every page has. */
export function createWalletPages(pages: Pages, assets: WalletAssets, script: "wallet" | "login") {
  const tongue = (c: Context<WebEnv>): Tongue => tongueOf(pages.localeOf(c))
  return {
    tongue,
    show(c: Context<WebEnv>, title: string, body: Html, more: Pick<Page, "status" | "path"> = {}) {
      const { household, csrf = "" } = c.var
      const { words } = tongue(c)
      const leave = household
        ? html`<form class="leave noprint" method="post" action="/log-out"><input type="hidden" name="csrf" value="${csrf}"><p>${say(words.loggedInAs, { name: household.name })}. <a href="/devices">${words.devicesLink}</a></p><button type="submit">${words.logOut}</button></form>`
        : ""
      return pages.show(c, {
        title,
        body: html`<div class="wallet"><h1>${title}</h1>${body}${leave}</div>`,
        scripts: [assets[script].url],
        styles: [assets.style.url],
        ...more,
      })
    },
  }
}

export type WalletPages = ReturnType<typeof createWalletPages>
