import type { Locale } from "../locale.ts"
import { type Html, html } from "./html.ts"

/** A household's own data to take away. @param first and last the days that there are. */
export function dataView({ first, last }: { first: string; last: string }, locale: Locale): Html {
  const { data: words } = locale.words
  const day = (name: string, label: string, value: string) =>
    html`<label>${label}<input type="date" name="${name}" value="${value}" min="${first}" max="${last}" required></label>`
  return html`<section aria-labelledby="data-title"><h1 id="data-title">${words.title}</h1>
<p class="lead">${words.lead}</p>
<form method="get" action="/api/home/data.csv" class="facts"><div class="row">${day("first", words.from, first)}${day("last", words.to, last)}</div>
<p class="row"><button class="main">${words.csv}</button> <button formaction="/api/home/data.json">${words.json}</button></p></form>
<p class="note">${words.kept}</p></section>`
}
