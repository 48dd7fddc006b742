import type { Attestation, Transaction } from "../../journal/batches.ts"
import type { LedgerEntry } from "../ledger.ts"
import { batchStates } from "../reasons.ts"
import { counted, dayAndTime, grouped, kWh, notKnown, readableTimes } from "../words.ts"
import { figure, type Html, html, time } from "./html.ts"

/** So many batches stand open; the rest waits behind a summary. */
const rowsOpen = 4

/** The latest batches and what became of them. */
export function batchesView(entries: readonly LedgerEntry[]): Html {
  const rest = entries.slice(rowsOpen)
  return html`<h2 id="batches-title">Batches</h2>
<p class="note">A batch states what each meter stood at. Validators recompute it from its evidence before they sign it, and anyone may do the same.</p>
${
  entries.length === 0
    ? html`<p>No batch has been built yet.</p>`
    : table(
        `The latest ${counted(Math.min(rowsOpen, entries.length), "batch", "batches")}, newest first; times are UTC`,
        entries.slice(0, rowsOpen),
      )
}${
  rest.length === 0
    ? ""
    : html`<details id="batches-more"><summary id="batches-more-summary">${counted(rest.length, "earlier batch", "earlier batches")}</summary>
${table("Earlier batches, newest first; times are UTC", rest)}</details>`
}`
}

function table(caption: string, entries: readonly LedgerEntry[]): Html {
  return html`<table class="batches" role="table">
<caption>${caption}</caption>
<thead role="rowgroup"><tr role="row">${[
    "Batch",
    "Up to",
    "State",
    "New kWh",
    "Validators",
    "Gas",
    "Evidence",
  ].map((label) => html`<th scope="col" role="columnheader">${label}</th>`)}</tr></thead>
<tbody role="rowgroup">${entries.map(row)}</tbody>
</table>`
}

function row({ batch, statedWh, meters, attestations, transactions }: LedgerEntry): Html {
  const { number, state, note, evidence } = batch
  return html`<tr role="row" class="${state}"><th scope="row" role="rowheader">${number}</th>
<td role="cell" data-label="Up to">${time(batch.time, dayAndTime(batch.time))}</td>
<td role="cell" data-label="State"><span class="state">${batchStates[state]}</span>${note ? html`<small>${readableTimes(note)}</small>` : ""}</td>
<td role="cell" data-label="New kWh">${figure(statedWh, kWh)}<small>${counted(meters, "meter")}</small></td>
<td role="cell" data-label="Validators">${validators(attestations)}</td>
<td role="cell" data-label="Gas">${transactions.length === 0 ? "none yet" : transactions.map(gas)}</td>
<td role="cell" data-label="Evidence"><a id="evidence-${number}" href="/ipfs/${evidence.toString()}?format=car">CAR file<span class="hidden"> of batch ${number}</span></a></td></tr>`
}

function validators(attestations: readonly Attestation[]): Html | string {
  if (attestations.length === 0) return "nobody has answered yet"
  const signers = attestations.filter(({ signature }) => signature).map(({ validator }) => hostOf(validator))
  const refusals = attestations.filter(({ signature }) => !signature)
  return html`${signers.length > 0 ? `signed by ${signers.join(", ")}` : "nobody has signed yet"}${refusals.map(
    ({ validator, refusal }) =>
      html`<p class="refusal"><strong>${hostOf(validator)} refused:</strong> ${readableTimes(refusal ?? "without a reason")}</p>`,
  )}`
}

function gas({ kind, gasUsed }: Transaction): Html {
  return html`<span class="gas">${kind} ${gasUsed === undefined ? html`<span class="unknown">${notKnown} yet</span>` : grouped(gasUsed)}</span> `
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host || url : url
}
