import type { EnergySum } from "../../../energy/day.ts"
import type { Locale } from "../locale.ts"
import { type EnergyRow, energyChart, figuresView, gapsView } from "./energy.ts"
import { silentView } from "./home.ts"
import { type Html, html } from "./html.ts"

export interface PeriodView {
  /** The day, month or year in words. */
  title: string
  chartTitle: string
  column: string
  rows: EnergyRow[]
  total: EnergySum
  silent: string[]
  earlier: string | undefined
  later: string | undefined
  /** The pages of the longer periods that it is in. */
  around: { href: string; label: string }[]
}

/** A day, a month or a year of a home. */
export function periodView(period: PeriodView, locale: Locale): Html {
  const { title, chartTitle, column, rows, total, silent, earlier, later, around } = period
  const { energy: words } = locale.words
  return html`<section aria-labelledby="period-title"><div class="row spread"><h1 id="period-title">${title}</h1>
<nav aria-label="${words.time}" class="row">${earlier ? html`<a class="button" rel="prev" href="${earlier}">${words.earlier}</a>` : ""}${later ? html`<a class="button" rel="next" href="${later}">${words.later}</a>` : ""}${around.map(({ href, label }) => html`<a class="button" href="${href}">${label}</a>`)}</nav></div>
${figuresView(total, locale)}
${gapsView(total, locale)}${silentView(silent, locale)}
${energyChart("period", { title: chartTitle, column, rows, total }, locale)}</section>`
}
