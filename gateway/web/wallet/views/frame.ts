import type { LoggedIn } from "../../context.ts"
import { type Html, html } from "../../views/html.ts"
import { say, type Tongue } from "../words.ts"

export interface Frame {
  tongue: Tongue
  community: string
  title: string
  household: LoggedIn | undefined
  csrf: string
  styleUrl: string
  /** A script of the page, if it has one. */
  scriptUrl?: string | undefined
  body: Html
}

/** A page of sessions or wallet around its content. */
export function frame({ tongue, community, title, household, csrf, styleUrl, scriptUrl, body }: Frame): Html {
  const { words } = tongue
  return html`<!doctype html>
<html lang="${tongue.language}" dir="${tongue.direction}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · ${community}</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${styleUrl}">
${scriptUrl === undefined ? "" : html`<script src="${scriptUrl}" defer></script>`}
</head>
<body class="wallet">
<a class="skip" href="#main">${words.skip}</a>
<header>
<div class="title"><img src="/icon.svg" alt="" width="40" height="40"><p class="community">${community}</p></div>
<nav><ul>${
    household
      ? html`<li><a href="/home">${words.homeLink}</a></li><li><a href="/wallet">${words.walletLink}</a></li><li><a href="/devices">${words.devicesLink}</a></li>`
      : html`<li><a href="/login">${words.logIn}</a></li>`
  }</ul></nav>
</header>
<main id="main" tabindex="-1">
<h1>${title}</h1>
${body}
</main>
${
  household
    ? html`<footer><form method="post" action="/logout"><input type="hidden" name="csrf" value="${csrf}"><p>${say(words.loggedInAs, { name: household.name })} <button type="submit">${words.logOut}</button></p></form></footer>`
    : ""
}
</body>
</html>
`
}

/** A day and a time as the language writes them, in the browser's calendar of the community. */
export function dateIn({ language }: Tongue, time: number, timeZone = "UTC"): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", timeZone }).format(
    time * 1000,
  )
}

export function joined(...parts: readonly Html[]): Html {
  return html`${parts}`
}
