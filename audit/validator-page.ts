import { createHash } from "node:crypto"
import { html, Markup } from "./page/markup.ts"
import { style } from "./page/style.ts"
import type { Validator } from "./validator.ts"
import { moment } from "./words.ts"

/** How many refusals a page shows; all that are kept are at /refusals. */
const most = 100

/** What a validator refused and why, for a person with a browser. */
export function refusalsAsPage({
  address,
  oracle,
  sites,
  refusals,
}: Pick<Validator, "address" | "oracle" | "sites" | "refusals">): { page: string; policy: string } {
  const list = refusals()
  const hash = createHash("sha256").update(style).digest("base64")
  const { text } = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Validator ${address}</title><style>${new Markup(style)}</style></head><body>
<header><h1>Validator</h1><p class="note"><code>${address}</code> for the oracle <code>${oracle}</code>, watching site ${sites.join(", ")}</p></header>
<main><section><h2>What it did not sign, and why</h2>${
    list.length === 0
      ? html`<p>It has refused nothing.</p>`
      : html`<table class="cards"><thead><tr><th>When</th><th>Batch</th><th>Why not</th></tr></thead><tbody>${list
          .slice(0, most)
          .map(
            ({ time, site, number, root, reasons }) =>
              html`<tr><td data-label="When"><span>${moment(time)}</span></td><td data-label="Batch"><span>site ${site} batch ${number}<small>root <code>${root}</code></small></span></td><td data-label="Why not"><div>${reasons.map((reason) => html`<p>${reason}</p>`)}</div></td></tr>`,
          )}</tbody></table>`
  }<p class="note">All that are kept, for programs: <a href="/refusals">/refusals</a></p></section></main></body></html>
`
  return { page: text, policy: `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'` }
}
