import { checksumAddress } from "../../../../protocol/address.ts"
import { readClaim } from "../../../../protocol/claim.ts"
import type { Hex } from "../../../../protocol/hex.ts"
import type { Relay } from "../../../journal/relays.ts"
import { type Html, html } from "../../views/html.ts"
import { say, type Tongue } from "../words.ts"

/**
 * A certificate to print or share.
 * @param link with the key that shows the text of the claim; undefined for who may not see it.
 */
export function certificateView(
  { words, locale }: Tongue,
  { intent, number, picture, claim, transaction }: Relay,
  contract: Hex,
  link: string | undefined,
): Html {
  if (intent.kind !== "retire") throw new TypeError("Only a retirement has a certificate.")
  const amount = locale.green(intent.wh)
  const told = link !== undefined && claim !== undefined ? readClaim(claim) : undefined
  const values = { contract: checksumAddress(contract), number: `${number}` }
  return html`<section>
${
  picture === undefined
    ? html`<p class="note">${words.certificateWaiting}</p>`
    : html`<img class="certificate" src="/certificate/${number ?? 0n}.svg" width="400" height="400" alt="${say(words.certificatePicture, { amount })}">`
}
<dl>${told ? html`<dt>${words.certificateFor}</dt><dd><strong>${told.beneficiary}</strong></dd><dt>${words.certificateReason}</dt><dd>${told.reason}</dd>` : ""}
<dt>${words.certificateEnergy}</dt><dd>${amount} kWh</dd>
<dt>${words.certificateOwner}</dt><dd class="address">${checksumAddress(intent.to)}</dd>
<dt>${words.certificateHolder}</dt><dd class="address">${checksumAddress(intent.from)}</dd></dl>
<button class="noprint" type="button" id="print" hidden>${words.print}</button></section>
<section>${told ? html`<h2>${words.certificateText}</h2><pre>${claim}</pre>` : ""}
<dl><dt>${words.certificateHash}</dt><dd class="address">${intent.statement}</dd></dl>
<p class="note">${say(words.certificateCheck, values)}</p>
${transaction ? html`<p class="note address">${say(words.transaction, { hash: transaction })}</p>` : ""}
${link === undefined ? "" : html`<div class="noprint"><label>${words.requestLinkLabel}<textarea class="address" readonly id="link" rows="3">${link}</textarea></label><button type="button" id="copy" hidden data-copied="${words.copied}">${words.copy}</button><p class="note">${words.certificateShare}</p></div>`}</section>`
}
