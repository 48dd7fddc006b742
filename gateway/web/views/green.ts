import type { Mint } from "../home-facts.ts"
import type { Locale } from "../locale.ts"
import { stageOf } from "../stage.ts"
import { figure, type Html, html, time } from "./html.ts"

/** What a household holds, and the batches that it came from. */
export function greenView(
  {
    held,
    account,
    mints,
    older,
  }: {
    held: bigint | undefined
    /** Undefined where the community keeps no accounts. */
    account: { stated: { credit: bigint; time: number } | undefined } | undefined
    mints: readonly Mint[]
    older: string | undefined
  },
  locale: Locale,
): Html {
  const { green: words, home, energy } = locale.words
  return html`<section aria-labelledby="green-title"><h1 id="green-title">${words.title}</h1>
<p class="big">${figure(held, locale.green, locale)} <small>GREEN</small></p>
<p class="note">${held === undefined ? words.heldUnknown : home.greenMeans}</p></section>
${account ? accountView(account.stated, locale) : ""}<section aria-labelledby="list-title"><h2 id="list-title">${words.list}</h2>
${
  mints.length === 0
    ? html`<p>${words.none}</p>`
    : html`<table class="cards"><thead><tr><th scope="col">${words.upTo}</th><th scope="col" class="amount">${words.amount}</th><th scope="col">${words.state}</th><th scope="col"><span class="hidden">${words.why}</span></th></tr></thead>
<tbody>${mints.map((mint) => row(mint, locale))}</tbody></table>`
}
${older ? html`<p><a class="button" href="${older}">${energy.earlier}</a></p>` : ""}</section>`
}

function accountView(stated: { credit: bigint; time: number } | undefined, locale: Locale): Html {
  const { account: words } = locale.words
  const said =
    stated === undefined
      ? words.none
      : stated.credit === 0n
        ? words.even
        : stated.credit > 0n
          ? words.credit(locale.green(stated.credit))
          : words.debt(locale.green(-stated.credit))
  return html`<section aria-labelledby="account-title"><h2 id="account-title">${words.title}</h2><p class="lead">${said}</p>${stated ? html`<p class="note">${time(stated.time, words.asOf(locale.moment(stated.time)))}</p>` : ""}</section>
`
}

function row({ batch, time: at, state, units, refused }: Mint, locale: Locale): Html {
  const { green: words } = locale.words
  return html`<tr><th scope="row">${time(at, locale.moment(at))}</th>
<td class="amount" data-label="${words.amount}">${figure(units, locale.green, locale)}</td>
<td data-label="${words.state}">${words.states[stageOf(state)]}${refused.map((why) => html`<small class="refusal" lang="en">${why}</small>`)}</td>
<td class="wide"><a href="/home/green/${batch}">${words.why}<span class="hidden"> ${words.whyOf(locale.count(batch))}</span></a></td></tr>`
}
