import { checksumAddress } from "../../../../protocol/address.ts"
import { readClaim } from "../../../../protocol/claim.ts"
import type { Relay } from "../../../journal/relays.ts"
import { type Html, html } from "../../views/html.ts"
import { say, type Tongue } from "../words.ts"

/** Whose certificate it is, as people call them, where its text is known. */
export function beneficiaryOf({ claim, intent }: Relay): string {
  return (claim && readClaim(claim)?.beneficiary) || checksumAddress(intent.to)
}

const states = { queued: "stateQueued", sent: "stateSent", done: "stateDone", failed: "stateFailed" } as const

/** What a household signed, and honestly what became of it. */
export function movesView(tongue: Tongue, moves: readonly Relay[]): Html {
  const { words, locale } = tongue
  if (moves.length === 0) return html`<p class="note">${words.movementsNone}</p>`
  return html`<ul class="moves">${moves.map((move) => {
    const { intent, state, reason, detail, transaction, number, created } = move
    const amount = locale.green(intent.wh)
    const what =
      intent.kind === "send"
        ? say(words.sentTo, { amount, who: checksumAddress(intent.to) })
        : say(words.retiredFor, { amount, who: beneficiaryOf(move) })
    return html`<li data-state="${state}"><span class="address-line">${what}</span> <small><span class="state ${state}">${words[states[state]]}</span>${
      reason ? html`: ${words[`why ${reason}`]}${detail ? html` (${detail})` : ""}` : ""
    } · ${locale.moment(created)}${
      state === "queued" || state === "sent"
        ? html` · ${say(words.voidFrom, { date: locale.moment(intent.until) })}`
        : ""
    }</small>${number === undefined ? "" : html`<a href="/certificate/${number}">${say(words.certificateTitle, { number: `${number}` })}</a>`}${
      transaction ? html`<small class="address">${say(words.transaction, { hash: transaction })}</small>` : ""
    }</li>`
  })}</ul>`
}
