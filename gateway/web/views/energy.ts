import type { EnergySum, Exchange } from "../../../energy/day.ts"
import type { Locale } from "../locale.ts"
import { type Bar, chart, legend, type Series } from "./chart.ts"
import { figure, type Html, html } from "./html.ts"

/** A row of figures: an hour, a day or a month. */
export interface EnergyRow extends EnergySum {
  /** In the table, and what the bar says first. */
  name: string
  /** Under the bar. */
  label: string
  /** The page that shows it more finely. */
  href?: string
}

/** What a home used of its own roof: it may come out below nothing where two meters' times differ. */
export function ownOf({ used, received, fromGrid }: Exchange): bigint {
  const own = used - received - fromGrid
  return own > 0n ? own : 0n
}

/** A home's sums, each with its colour in the chart. */
export function figuresView({ energy }: EnergySum, locale: Locale): Html {
  const { energy: words } = locale.words
  const exchange = energy?.exchange
  const rows: [string, string, bigint | undefined][] = [
    ["generated", words.generated, energy?.generated],
    ["used", words.used, exchange?.used],
    ["received", words.received, exchange?.received],
    ["given", words.given, exchange?.given],
    ["fromGrid", words.fromGrid, exchange?.fromGrid],
    ["toGrid", words.toGrid, exchange?.toGrid],
  ]
  const known = energy && !exchange ? rows.slice(0, 1) : rows
  return html`<dl class="figures">${known.map(
    ([name, label, wh]) =>
      html`<div class="${name}"><dt>${label}</dt><dd>${figure(wh, locale.kWh, locale)}</dd></div>`,
  )}</dl>`
}

/** Where a home's energy came from and went to, as a chart with its table behind it. */
export function energyChart(
  id: string,
  {
    title,
    column,
    rows,
    total,
  }: { title: string; column: string; rows: readonly EnergyRow[]; total: EnergySum },
  locale: Locale,
): Html {
  const { energy: words } = locale.words
  if (total.known === 0) return html`<p class="unknown">${words.nothingYet}</p>`
  const exchanged = total.energy?.exchange !== undefined
  return html`${chart(
    id,
    title,
    rows.map((row) => barOf(row, locale)),
    locale,
  )}
${exchanged ? html`${legendOf(locale)}<p class="note">${words.above}</p>` : html`<p class="note">${words.useNotMeasured}</p>`}
<details id="${id}-table"><summary>${words.table}</summary><div class="scroll" tabindex="0" role="region" aria-labelledby="${id}-caption"><table class="energy">
<caption id="${id}-caption">${title} (${locale.words.units.kWh})</caption>
<thead><tr>${[column, words.generated, ...(exchanged ? exchangeLabels(locale) : [])].map((label) => html`<th scope="col">${label}</th>`)}</tr></thead>
<tbody>${rows.filter(({ known, missing }) => known + missing > 0).map((row) => html`<tr><th scope="row">${row.href ? html`<a href="${row.href}">${row.name}</a>` : row.name}</th>${cells(row, exchanged, locale)}</tr>`)}</tbody>
<tfoot><tr><th scope="row">${words.total}</th>${cells(total, exchanged, locale)}</tr></tfoot>
</table></div></details>`
}

/** How much of the time is in no figure. */
export function gapsView({ known, missing }: EnergySum, locale: Locale): Html | string {
  if (missing === 0) return ""
  const share = missing / (known + missing)
  return html`<p class="warning">${locale.words.energy.gaps(locale.percent(share))}</p>`
}

function exchangeLabels({ words: { energy } }: Locale): string[] {
  return [energy.used, energy.own, energy.received, energy.fromGrid, energy.given, energy.toGrid]
}

function cells({ energy }: EnergySum, exchanged: boolean, locale: Locale): Html[] {
  const exchange = energy?.exchange
  const figures = exchange && [
    exchange.used,
    ownOf(exchange),
    exchange.received,
    exchange.fromGrid,
    exchange.given,
    exchange.toGrid,
  ]
  const all = [energy?.generated, ...(exchanged ? (figures ?? Array<undefined>(6).fill(undefined)) : [])]
  return all.map((wh) => html`<td>${figure(wh, locale.kWhBare, locale)}</td>`)
}

function barOf({ name, label, energy, missing }: EnergyRow, locale: Locale): Bar {
  const { energy: words, notKnown } = locale.words
  const say = (what: string, wh: bigint) => `${what} ${locale.kWh(wh)}`
  // What is to come is neither a figure nor a gap.
  if (!energy) return { label, says: `${name}: ${notKnown}`, up: missing > 0 ? undefined : [] }
  const { generated, exchange } = energy
  if (!exchange)
    return { label, says: `${name}: ${say(words.generated, generated)}`, up: [["sun", generated]] }
  const { used, received, fromGrid, given, toGrid } = exchange
  const said = [
    say(words.generated, generated),
    say(words.used, used),
    say(words.received, received),
    say(words.fromGrid, fromGrid),
    say(words.given, given),
    say(words.toGrid, toGrid),
  ]
  return {
    label,
    says: `${name}: ${said.join(" · ")}`,
    up: [
      ["own", ownOf(exchange)],
      ["received", received],
      ["fromGrid", fromGrid],
    ],
    down: [
      ["given", given],
      ["toGrid", toGrid],
    ],
  }
}

function legendOf({ words: { energy } }: Locale): Html {
  const series: [Series, string][] = [
    ["own", energy.own],
    ["received", `${energy.received} · ${energy.given}`],
    ["fromGrid", `${energy.fromGrid} · ${energy.toGrid}`],
  ]
  return legend(series)
}
