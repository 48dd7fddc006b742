import type { EnergySum } from "../../../energy/day.ts"
import type { HomeNow } from "../home-facts.ts"
import type { LeftOut } from "../live.ts"
import type { Locale } from "../locale.ts"
import { type EnergyRow, energyChart, figuresView, gapsView } from "./energy.ts"
import { homeFlowView } from "./home-flow.ts"
import { figure, type Html, html, time } from "./html.ts"

export interface HomeView {
  name: string
  now: HomeNow
  today: EnergySum & { from: number; to: number; day: string; rows: EnergyRow[]; silent: string[] }
  /** When the first figures of a day that has just begun come. */
  firstAt: number
}

/** What a family opens: now, today, and the GREEN it holds. */
export function homeView({ name, now, today, firstAt }: HomeView, locale: Locale): Html {
  const { words } = locale
  return html`<h1>${name}</h1>
<section aria-labelledby="now-title" data-part="now">${nowView(now, locale)}</section>
<section aria-labelledby="today-title" data-part="today"><div class="row spread"><h2 id="today-title">${words.home.today}</h2><span class="note">${locale.day(today.day)}</span></div>
${
  today.from === today.to
    ? html`<p>${words.home.firstAt(locale.time(firstAt))}</p>`
    : html`<p class="note">${words.home.todaySo(locale.time(today.from), locale.time(today.to))}</p>
${figuresView(today, locale)}
${gapsView(today, locale)}${silentView(today.silent, locale)}
${energyChart("today", { title: words.home.byHour, column: words.energy.time, rows: today.rows, total: today }, locale)}`
}
<p class="row"><a class="button" href="/home/day">${words.home.yesterday}</a> <a class="button" href="/home/month">${words.layout.month}</a> <a class="button" href="/home/year">${words.layout.year}</a></p></section>
<section aria-labelledby="green-title" data-part="green"><h2 id="green-title">${words.home.greenHeld}</h2>
<p class="big">${figure(now.green, locale.green, locale)} <small>GREEN</small></p>
<p class="note">${words.home.greenMeans}</p>
<p><a class="button" href="/home/green">${words.home.toGreen}</a></p></section>`
}

export function silentView(silent: readonly string[], locale: Locale): Html | string {
  return silent.length === 0
    ? ""
    : html`<p class="warning">${locale.words.energy.silent(silent.join(", "))}</p>`
}

function nowView(now: HomeNow, locale: Locale): Html {
  const { words } = locale
  const { roof, sunW, homeW, connectionW, asOf, leftOut, interval } = now
  return html`<h2 id="now-title">${words.now.title}</h2>
<div class="now">${homeFlowView({ roof, sunW, homeW, ...betweenOf(now) }, locale)}
<div class="facts"><p class="lead">${!roof ? "" : sunW === undefined ? words.now.sunUnknown : words.now.sunGives(locale.watts(sunW))}
${homeW === undefined ? words.now.homeUnknown : words.now.homeUses(locale.watts(homeW))}
${connectionW === undefined ? "" : Math.round(connectionW) === 0 ? words.now.balanced : connectionW < 0 ? words.now.sends(locale.watts(connectionW)) : words.now.takes(locale.watts(connectionW))}</p>
<p class="note">${asOf === undefined ? words.now.noneLive : html`${time(asOf, words.now.asOf(locale.clock(asOf)))}`}${
    interval?.energy?.exchange
      ? html` ${words.now.between(locale.time(interval.start), locale.time(interval.end))}`
      : ""
  }</p>
${leftOut.length === 0 ? "" : html`<ul class="warning reasons">${leftOut.map((meter) => html`<li>${because(meter, locale)}</li>`)}</ul>`}</div></div>`
}

/** The average power to or from neighbours and grid in the last interval. */
function betweenOf({ interval }: HomeNow): { neighboursW: number | undefined; gridW: number | undefined } {
  const exchange = interval?.energy?.exchange
  if (!interval || !exchange) return { neighboursW: undefined, gridW: undefined }
  const power = (wh: bigint) => (Number(wh) * 3600) / (interval.end - interval.start)
  return {
    neighboursW: power(exchange.received - exchange.given),
    gridW: power(exchange.fromGrid - exchange.toGrid),
  }
}

function because({ name, because, time }: LeftOut, locale: Locale): string {
  const { now } = locale.words
  switch (because) {
    case "never reported":
      return now.never(name)
    case "stale":
      return now.stale(name, locale.moment(time ?? 0))
    case "no power":
      return now.noPower(name)
    case "measures both":
      return now.both(name)
  }
}
