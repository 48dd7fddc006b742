import { checksumAddress } from "../../../../protocol/address.ts"
import type { Hex } from "../../../../protocol/hex.ts"
import type { Relay } from "../../../journal/relays.ts"
import type { RelayStatus } from "../../../relay/relay.ts"
import { type Html, html } from "../../views/html.ts"
import { qrView } from "../qr.ts"
import { say, type Tongue } from "../words.ts"
import { beneficiaryOf, movesView } from "./moves.ts"

export interface Purse {
  address: Hex
  /** Wh; undefined before the chain was asked. */
  balance: bigint | undefined
  /** Signed away and not on the chain yet, Wh. */
  pendingWh: bigint
}

/** The wallet's first page. */
export function walletView(
  tongue: Tongue,
  { balance, pendingWh }: Purse,
  status: RelayStatus | undefined,
  moves: readonly Relay[],
  received: readonly Relay[],
  certificates: readonly Relay[],
): Html {
  const { words, locale } = tongue
  return html`<section aria-labelledby="balance-title"><h2 id="balance-title">${words.balance}</h2>
${
  balance === undefined
    ? html`<p class="unknown">${words.balanceUnknown}</p>`
    : html`<p class="big"><data value="${balance}">${locale.green(balance)}</data> <small>GREEN</small></p>`
}${pendingWh > 0n ? html`<p>${say(words.onItsWay, { amount: locale.green(pendingWh) })}</p>` : ""}
<p class="note">${words.greenIs}</p>
<ul class="actions"><li><a class="button" href="/wallet/send">${words.send}</a></li><li><a class="button" href="/wallet/request">${words.request}</a></li><li><a class="button" href="/wallet/retire">${words.retire}</a></li></ul>
<p><a href="/wallet/key">${words.keyLink}</a></p></section>
${status ? "" : html`<p class="error">${words.noRelay}</p>`}
<section aria-labelledby="moves-title"><h2 id="moves-title">${words.movements}</h2>
<div id="moves" aria-live="polite">${listView(tongue, status, moves)}</div></section>
${
  received.length === 0
    ? ""
    : html`<section aria-labelledby="received-title"><h2 id="received-title">${words.received}</h2><ul class="moves">${received.map(
        ({ intent }) =>
          html`<li>${say(words.sentFrom, { amount: locale.green(intent.wh), who: checksumAddress(intent.from) })}</li>`,
      )}</ul></section>`
}${
  certificates.length === 0
    ? ""
    : html`<section aria-labelledby="certificates-title"><h2 id="certificates-title">${words.certificates}</h2><ul class="moves">${certificates.map(
        (entry) =>
          html`<li><a href="/certificate/${entry.number ?? 0n}">${say(words.certificateTitle, { number: `${entry.number}` })}</a><small>${say(words.retiredFor, { amount: locale.green(entry.intent.wh), who: beneficiaryOf(entry) })}</small></li>`,
      )}</ul></section>`
}`
}

/** The part that a browser asks for again and again while something is under way. */
export function listView(tongue: Tongue, status: RelayStatus | undefined, moves: readonly Relay[]): Html {
  const { words } = tongue
  const open = moves.some(({ state }) => state === "queued" || state === "sent")
  return html`${
    open && status?.waits
      ? html`<p class="error">${say(words.waits, { why: words[`why ${status.waits}`] })}</p>`
      : ""
  }${movesView(tongue, moves)}`
}

/** Receiving: works without JavaScript. */
export function requestView(
  { words, locale }: Tongue,
  address: Hex,
  asked: { text: string; wh: bigint | undefined; trouble: string | undefined },
  link: string | undefined,
): Html {
  const example = locale.green(3214n)
  return html`<section><p>${words.requestLead}</p>
${asked.trouble === undefined ? "" : html`<p class="error" role="alert">${asked.trouble}</p>`}
${asked.wh === undefined ? "" : html`<p class="big">${locale.green(asked.wh)} <small>GREEN</small></p>`}
${qrView(link ?? checksumAddress(address), words.qrLabel)}
${link === undefined ? "" : html`<label>${words.requestLinkLabel}<textarea class="address" readonly id="link" rows="3">${link}</textarea></label><button type="button" id="copy" hidden data-copied="${words.copied}">${words.copy}</button>`}
<dl><dt>${words.yourAddress}</dt><dd class="address">${checksumAddress(address)}</dd></dl></section>
<section><form method="get" action="/wallet/request"><label>${words.requestAmount}<input name="amount" inputmode="decimal" autocomplete="off" placeholder="${example}" value="${asked.text}"></label><button class="main" type="submit">${words.requestShow}</button></form></section>`
}
