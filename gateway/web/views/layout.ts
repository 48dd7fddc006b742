import { assets } from "../assets.ts"
import type { LoggedIn } from "../context.ts"
import { type Locale, localeOf } from "../locale.ts"
import { menuFor } from "../menu.ts"
import { languageCodes } from "../words/languages.ts"
import { type Html, html, raw } from "./html.ts"

export interface PageOptions {
  locale: Locale
  /** The community's name. */
  community: string
  household: LoggedIn | undefined
  /** This page's own path, for the menu. */
  path: string
  title: string
  /** When the page is made, Unix seconds: what it says when it is seen without a network. */
  now: number
  body: Html
  /** Where its parts (`data-part`) hear that there is something new. */
  events?: string
  /** More scripts, by address. */
  scripts?: readonly string[]
  /** Whether this device has a wallet here. */
  wallet?: boolean
  /** More style sheets, by address. */
  styles?: readonly string[]
  /** How many times as fast as real time a demonstration runs. */
  speed?: number | undefined
}

/** How often a page that shows the present loads itself anew where there is no JavaScript, seconds. */
const refreshSeconds = 30

/** The page around its content: menu, language, and what a browser needs to install and keep it. */
export function layout(options: PageOptions): Html {
  const {
    locale,
    community,
    household,
    path,
    title,
    now,
    body,
    events,
    scripts = [],
    styles = [],
    wallet = false,
    speed,
  } = options
  const { language, direction, words } = locale
  return html`<!doctype html>
<html lang="${language}" dir="${direction}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#14543f">
<title>${title === community ? "" : `${title} · `}${community}</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="apple-touch-icon" href="/touch-icon.png">
<link rel="manifest" href="/manifest.webmanifest">
<link rel="stylesheet" href="${assets.style}">${styles.map((href) => html`<link rel="stylesheet" href="${href}">`)}
<script src="${assets.script}" defer></script>${scripts.map((src) => html`<script src="${src}" type="module"></script>`)}
${events ? html`<noscript><meta http-equiv="refresh" content="${refreshSeconds}"></noscript>` : ""}
</head>
<body${events ? raw(` data-events="${events}"`) : ""} data-lost="${words.layout.lost}" data-paused="${words.layout.paused}" data-pause="${words.layout.pause}" data-resume="${words.layout.resume}">
<a class="skip" href="#main">${words.layout.skip}</a>
<header class="top">
<a class="brand" href="/"><img src="/icon.svg" alt="" width="36" height="36"><span>${community}</span></a>
<nav aria-label="${words.layout.pages}"><ul>${menuFor(household !== undefined, wallet).map(
    (entry) =>
      html`<li><a href="${entry.path}"${entry.path === path ? raw(' aria-current="page"') : ""}>${entry.label(words)}</a></li>`,
  )}</ul></nav>
</header>
<p id="offline" class="offline" hidden>${words.layout.offline(locale.exactly(now))}</p>
<main id="main" tabindex="-1">
${body}
</main>
<footer>
${speed && speed !== 1 ? html`<p>${words.layout.demo(locale.count(speed))}</p>` : ""}
${events ? html`<p id="updates" hidden><button type="button" id="pause">${words.layout.pause}</button> <span id="updates-state" role="status"></span></p>` : ""}
<nav aria-label="${words.layout.language}"><ul class="languages">${languageCodes.map((code) => {
    const { words: other, direction: way } = localeOf(code, locale.timeZone)
    return html`<li><a href="?lang=${code}" lang="${code}" hreflang="${code}" dir="${way}"${code === language ? raw(' aria-current="true"') : ""}>${other.name}</a></li>`
  })}</ul></nav>
<ul class="links"><li><a href="/audit">${words.layout.audit}</a></li><li><a href="/api/openapi.json" lang="en">API</a></li></ul>
</footer>
</body>
</html>
`
}
