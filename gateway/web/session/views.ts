import { type Html, html } from "../views/html.ts"
import { say, type Tongue } from "../wallet/words.ts"
import type { Passkey } from "./passkey.ts"
import type { Session } from "./store.ts"

/** Why somebody is not let in. */
export interface Trouble {
  sentence: string
  next: string
}

export function troubleView(trouble: Trouble | undefined): Html | string {
  return trouble
    ? html`<div class="error" role="alert"><p><strong>${trouble.sentence}</strong></p><p>${trouble.next}</p></div>`
    : ""
}

export function joinView({ words }: Tongue, csrf: string, trouble?: Trouble): Html {
  return html`${troubleView(trouble)}<section><p>${words.joinLead}</p>
<form method="post" action="/join" id="join"><input type="hidden" name="csrf" value="${csrf}">
<label>${words.joinField}<input name="invitation" id="invitation" required autocomplete="off" autocapitalize="none" spellcheck="false"></label>
<button class="main" type="submit">${words.joinButton}</button>
</form></section>`
}

export function loginView({ words }: Tongue): Html {
  return html`<section><p>${words.loginLead}</p>
<p class="note" data-no-script>${words.noScriptPasskey}</p>
<div class="stack"><button class="main" type="button" id="passkey" hidden data-unknown="${words.passkeyUnknown}" data-failed="${words.passkeyFailed}">${words.loginPasskey}</button>
<p class="note" id="passkey-not-here" hidden>${words.passkeyNotHere}</p>
<p class="error" id="trouble" role="alert" hidden></p>
<a class="button" href="/join">${words.loginInvitation}</a></div></section>`
}

export function loggedOutView({ words }: Tongue): Html {
  return html`<section><p>${words.keyStays}</p><a class="button" href="/log-in">${words.logIn}</a></section>`
}

export function devicesView(
  tongue: Tongue,
  csrf: string,
  own: Session | undefined,
  sessions: readonly Session[],
  passkeys: readonly Passkey[],
): Html {
  const { words, locale } = tongue
  const hidden = html`<input type="hidden" name="csrf" value="${csrf}">`
  return html`<section><p>${words.devicesLead}</p>
<ul class="moves">${sessions.map(
    ({ id, device, created, seen }) =>
      html`<li><strong>${device}</strong>${id === own?.id ? ` (${words.thisDevice})` : ""}<small>${say(words.since, { date: locale.moment(created) })}, ${say(words.lastSeen, { date: locale.moment(seen) })}</small>
<form method="post" action="/devices/end">${hidden}<input type="hidden" name="id" value="${id}"><button type="submit">${words.endOne}<span class="hidden"> ${device}</span></button></form></li>`,
  )}</ul></section>
<section aria-labelledby="passkeys-title"><h2 id="passkeys-title">${words.passkeysTitle}</h2><p>${words.passkeysLead}</p>
${
  passkeys.length === 0
    ? html`<p class="note">${words.passkeyNone}</p>`
    : html`<ul class="moves">${passkeys.map(
        ({ id, device, created }) =>
          html`<li><strong>${device}</strong><small>${say(words.since, { date: locale.moment(created) })}</small>
<form method="post" action="/passkeys/remove">${hidden}<input type="hidden" name="id" value="${id}"><button type="submit">${words.passkeyRemove}<span class="hidden"> ${device}</span></button></form></li>`,
      )}</ul>`
}
<p class="note" data-no-script>${words.noScriptPasskey}</p>
<button class="main" type="button" id="passkey-add" hidden data-csrf="${csrf}" data-failed="${words.passkeyFailed}">${words.passkeyAdd}</button>
<p class="note" id="passkey-not-here" hidden>${words.passkeyNotHere}</p>
<p class="error" id="trouble" role="alert" hidden></p></section>
<section><form method="post" action="/devices/end-all">${hidden}<button type="submit">${words.endAll}</button></form></section>`
}
