import { toHex } from "../../../protocol/hex.ts"
import type { Why } from "../home-facts.ts"
import type { Locale } from "../locale.ts"
import { stageOf } from "../stage.ts"
import { type Html, html, time } from "./html.ts"

/** Why a household was given an amount: batch, statements, the meters' signed readings, and the chain. */
export function whyView(why: Why, locale: Locale): Html {
  const { why: words, green, layout } = locale.words
  const {
    batch,
    time: at,
    state,
    units,
    refused,
    root,
    evidence,
    statements,
    transactions,
    attestations,
  } = why
  return html`<p><a href="/home/green">${layout.green}</a></p>
<section aria-labelledby="why-title"><h1 id="why-title">${words.title(locale.green(units))}</h1>
<ol class="steps">
${statements.map((statement) => statementView(statement, locale))}
<li><h2>${words.batch}</h2><p>${time(at, words.batchIs(locale.count(batch), locale.moment(at)))}</p>
<p>${green.state}: <b>${green.states[stageOf(state)]}</b></p>${refused.map((text) => html`<p class="refusal" lang="en">${text}</p>`)}
<dl class="facts"><div><dt>${words.root}</dt><dd><code>${root}</code></dd></div>
<div><dt>${words.evidence}</dt><dd><a href="/ipfs/${evidence}?format=car"><code>${evidence}</code></a></dd></div></dl></li>
<li><h2>${words.validators}</h2>${
    attestations.length === 0
      ? html`<p>${words.nobody}</p>`
      : html`<ul>${attestations.map(
          ({ validator, refusal }) =>
            html`<li>${refusal === undefined ? hostOf(validator) : html`<span class="refusal">${words.refused(hostOf(validator))}: <span lang="en">${refusal}</span></span>`}</li>`,
        )}</ul>`
  }</li>
<li><h2>${words.chain}</h2>${
    transactions.length === 0
      ? html`<p>${words.noTx}</p>`
      : html`<dl class="facts">${transactions.map(
          ({ kind, hash }) =>
            html`<div><dt>${kind === "propose" ? words.proposeTx : kind === "settle" ? words.settleTx : words.answerTx}</dt><dd><code>${hash}</code></dd></div>`,
        )}</dl>`
  }</li>
</ol></section>`
}

function statementView(
  { meter, statement, beforeWh, first, leaf, proof, reading }: Why["statements"][number],
  locale: Locale,
): Html {
  const { why: words } = locale.words
  const { meterId, generatedWh, time: at, reading: digest } = statement
  const stood = first ? words.stoodFirst : words.stood
  return html`<li><h2>${words.statement(meter.name)}</h2>
<p class="lead">${stood(locale.kWhExact(beforeWh), locale.kWhExact(generatedWh))}</p>
<h3>${words.reading}</h3>
<p>${reading ? html`${time(at, words.readAt(locale.exactly(at), locale.count(reading.sequence)))} ${words.digestHolds}` : words.readingGone}</p>
<dl class="facts"><div><dt>${words.digest}</dt><dd><code>${digest}</code></dd></div>
<div><dt>${words.meterId}</dt><dd><code>${meterId}</code></dd></div>
<div><dt>${words.leaf}</dt><dd><code>${toHex(leaf)}</code></dd></div></dl>
${reading ? html`<details><summary>${words.bytes}</summary><pre tabindex="0">${toHex(reading.bytes)}</pre></details>` : ""}
${proof.length === 0 ? "" : html`<details><summary>${words.proof}</summary><ol>${proof.map((node) => html`<li><code>${toHex(node)}</code></li>`)}</ol></details>`}</li>`
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host || url : url
}
