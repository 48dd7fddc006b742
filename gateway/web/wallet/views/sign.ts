import { greenText } from "../../../../protocol/green.ts"
import type { Hex } from "../../../../protocol/hex.ts"
import type { IntentContracts } from "../../../../protocol/intent.ts"
import { type Html, html } from "../../views/html.ts"
import { say, type Tongue } from "../words.ts"

/** What the browser's code must know; it holds nothing that is not the household's own or public. */
export interface Facts {
  page: "key" | "send" | "retire" | "wallet" | "request"
  site: number
  household: Hex | undefined
  contracts: IntentContracts | undefined
  csrf: string
  /** Unix seconds, by the gateway: a phone's clock may be wrong. */
  now: number
  /** What may be sent, Wh as text. */
  available: string | undefined
  /** Accounts of the community: what a meter's public registration says anyway. */
  community: readonly Hex[]
  decimalSign: string
  language: string
  timeZone: string
  words: Readonly<Record<string, string>>
}

export function factsView(facts: Facts): Html {
  return html`<div id="facts" hidden data-facts="${JSON.stringify(facts)}"></div>`
}

/** Sending. Its fields can be filled by a link: ?to=…&amount=… */
export function sendView(
  tongue: Tongue,
  available: bigint | undefined,
  filled: { to: string; amount: string },
): Html {
  const { words } = tongue
  return html`<p class="error" data-no-script>${words.noScriptSign}</p>
<section><form id="ask" autocomplete="off" novalidate>
<label>${words.sendTo}<textarea id="to" rows="2" required autocapitalize="none" spellcheck="false">${filled.to}</textarea></label>
<button type="button" id="scan" hidden data-stop="${words.scanStop}" data-failed="${words.scanFailed}">${words.scan}</button>
<video id="camera" hidden playsinline muted></video>
${amountView(tongue, available, filled.amount)}
<p class="error" id="trouble" role="alert" hidden></p>
<button class="main" type="submit" data-needs-script disabled>${words.goOn}</button></form>
${signView(tongue, "send")}</section>`
}

/** Retiring, for good. */
export function retireView(tongue: Tongue, available: bigint | undefined): Html {
  const { words } = tongue
  return html`<p class="error" data-no-script>${words.noScriptSign}</p>
<section><p>${words.retireLead}</p><form id="ask" autocomplete="off" novalidate>
<label>${words.retireFor}<input id="beneficiary" required maxlength="80"></label>
<label>${words.retireReason}<input id="reason" required maxlength="200"></label>
<label>${words.retireAddress}<input id="to" class="address" autocapitalize="none" spellcheck="false"></label>
${amountView(tongue, available, "")}
<p class="note">${words.claimPrivate}</p>
<p class="error" id="trouble" role="alert" hidden></p>
<button class="main" type="submit" data-needs-script disabled>${words.goOn}</button></form>
${signView(tongue, "retire")}</section>`
}

function amountView(
  { words, decimalSign, locale }: Tongue,
  available: bigint | undefined,
  filled: string,
): Html {
  return html`<label>${words.amount}<input id="amount" required inputmode="decimal" placeholder="${greenText(3214n, decimalSign)}" value="${filled}">${
    available === undefined
      ? ""
      : html`<small>${say(words.available, { amount: locale.green(available) })}</small>`
  }</label>`
}

function signView({ words }: Tongue, kind: "send" | "retire"): Html {
  return html`<form id="sign" hidden autocomplete="off">
<div class="good" id="summary" role="status" tabindex="-1"></div>
<label id="passphrase-part">${words.passphrase}<input id="passphrase" type="password" autocomplete="current-password"></label>
<p class="error" id="sign-trouble" role="alert" hidden></p>
<button class="main" type="submit">${kind === "send" ? words.signSend : words.signRetire}</button>
<button type="button" id="change">${words.change}</button></form>
<div id="handed-in" class="good" role="status" hidden><p>${words.handedIn}</p><p><a href="/wallet">${words.handedInSee}</a></p></div>`
}
