import type { Doubt, Doubts } from "../doubts.ts"
import { reasonInWords } from "../reasons.ts"
import { counted, dayAndTime, grouped, readableTimes } from "../words.ts"
import { type Html, html, time } from "./html.ts"

/** So many rows stand open; the rest waits behind a summary. */
const rowsOpen = 5

/** What was received and does not count, with what it means for the operator. */
export function quarantineView({ counts, newest, waiting }: Doubts): Html {
  if (counts.length === 0 && waiting.length === 0)
    return html`<h2 id="quarantine-title">Quarantine</h2>
<p>Empty: every message so far was a reading that counts.</p>`
  const total = counts.reduce((sum, [, count]) => sum + count, 0)
  const rest = newest.slice(rowsOpen)
  return html`<h2 id="quarantine-title">Quarantine</h2>
<p class="note">${counted(total, "message was", "messages were")} received and ${total === 1 ? "does" : "do"} not count. A meter's register counts on, so what a reading in doubt did not bring, its next good one does.</p>
${waiting.map(({ meter, because }) => html`<p><b>${meter} is not minted:</b> ${because}.</p>`)}
<ul class="reasons">${counts.map(([reason, count]) => {
    const { phrase, meaning } = reasonInWords(reason)
    return html`<li><b>${grouped(count)} × ${phrase.toLowerCase()}</b> ${meaning}</li>`
  })}</ul>
${table(`The latest ${Math.min(rowsOpen, newest.length)}, newest first; times are UTC`, newest.slice(0, rowsOpen))}
${
  rest.length === 0
    ? ""
    : html`<details id="quarantine-more"><summary id="quarantine-more-summary">${counted(rest.length, "earlier one", "earlier ones")}</summary>
${table("Earlier ones, newest first; times are UTC", rest)}</details>`
}`
}

function table(caption: string, doubts: readonly Doubt[]): Html {
  return html`<table class="doubts" role="table">
<caption>${caption}</caption>
<thead role="rowgroup"><tr role="row">${["Received", "Meter", "Reason", "Detail"].map(
    (label) => html`<th scope="col" role="columnheader">${label}</th>`,
  )}</tr></thead>
<tbody role="rowgroup">${doubts.map(
    ({
      received,
      meter,
      signed,
      reason,
      detail,
    }) => html`<tr role="row"><td role="cell" data-label="Received">${time(received, dayAndTime(received))}</td>
<td role="cell" data-label="Meter">${meter ?? html`<span class="unknown">unknown</span>`}</td>
<th scope="row" role="rowheader">${reasonInWords(reason).phrase}<small>${signed ? "signed by its meter, in doubt" : "refused"}</small></th>
<td role="cell" data-label="Detail">${readableTimes(detail)}</td></tr>
`,
  )}</tbody></table>`
}
