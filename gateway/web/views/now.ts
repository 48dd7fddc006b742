import type { Flow, LeftOut } from "../live.ts"
import { ago, counted, dayAndTime, notKnown, watts } from "../words.ts"
import { type Html, html, raw, time } from "./html.ts"

/** What flows now, as a sentence and as a picture. */
export function nowView(flow: Flow, now: number): Html {
  const { oldest, leftOut, homesCounted, homes } = flow
  return html`<h2 id="now-title">Now</h2>
<p class="lead">${sentence(flow)}</p>
${picture(flow)}
<p class="note">${
    oldest === undefined
      ? "No meter has reported just now, so nothing here is live."
      : html`Live: the oldest of these readings came ${ago(now - oldest)}.`
  }${
    homesCounted < homes && homesCounted > 0
      ? html` What the homes use is the sum of ${homesCounted} of ${counted(homes, "home")}.`
      : ""
  }</p>
${leftOut.length === 0 ? "" : leftOutView(leftOut, now)}`
}

function sentence({ sunW, homesW, gridW, betweenNeighboursW }: Flow): Html {
  const unknown = html`<span class="unknown">${notKnown}</span>`
  return html`${sunW === undefined ? html`What the sun gives is ${unknown}.` : html`The sun gives ${power(sunW)}.`}
${homesW === undefined ? html`What the homes use is ${unknown}` : html`The homes use ${power(homesW)}`}${
  betweenNeighboursW && homesW !== undefined ? html`, ${power(betweenNeighboursW)} of it from neighbours` : ""
}.
${
  gridW === undefined
    ? html`What goes to or comes from the grid is ${unknown}.`
    : Math.round(gridW) === 0
      ? "Nothing goes to the grid or comes from it."
      : html`${power(Math.abs(gridW))} ${gridW > 0 ? "comes from" : "goes to"} the grid.`
}`
}

function power(value: number): Html {
  return html`<strong>${watts(value)}</strong>`
}

/** The same in pictures; everything that it shows stands in the sentence above it. */
function picture({ sunW, homesW, gridW }: Flow): Html {
  const most = Math.max(1, Math.abs(sunW ?? 0), Math.abs(gridW ?? 0))
  return html`<div class="flow" aria-hidden="true">
<div class="node sun">${raw(icons.sun)}<b>${figureOf(sunW)}</b><span>sun</span></div>
${arrow("sun", sunW, most)}
<div class="node homes">${raw(icons.homes)}<b>${figureOf(homesW)}</b><span>homes</span></div>
${arrow("grid", gridW === undefined ? undefined : -gridW, most)}
<div class="node grid">${raw(icons.grid)}<b>${figureOf(gridW === undefined ? undefined : Math.abs(gridW))}</b><span>${
    gridW === undefined || Math.round(gridW) === 0 ? "grid" : gridW > 0 ? "from the grid" : "to the grid"
  }</span></div>
</div>`
}

function figureOf(value: number | undefined): string {
  return value === undefined ? "?" : watts(value)
}

/** As thick as what flows; positive points right. Nothing flows in a thin broken line, nor does what is not known. */
function arrow(name: string, value: number | undefined, most: number): Html {
  if (value === undefined || Math.round(value) === 0)
    return html`<svg class="arrow idle" viewBox="0 0 60 24"><path d="M4 12H56"/></svg>`
  const half = (1 + (4 * Math.abs(value)) / most).toFixed(1)
  const head = Number(half) + 5
  const shape = `M2 ${12 - Number(half)}H44V${12 - head}L58 12L44 ${12 + head}V${12 + Number(half)}H2Z`
  return html`<svg class="arrow ${name}" viewBox="0 0 60 24"><path d="${shape}"${
    value < 0 ? raw(' transform="matrix(-1 0 0 1 60 0)"') : ""
  }/></svg>`
}

function leftOutView(leftOut: readonly LeftOut[], now: number): Html {
  return html`<div class="warning"><h3>Not in these figures</h3><ul>${leftOut.map(
    (meter) =>
      html`<li><b>${meter.name}</b>: ${because(meter, now)}${
        meter.unreachable === undefined ? "" : html`; it does not answer (${meter.unreachable})`
      }</li>`,
  )}</ul></div>`
}

function because({ because, time: at }: LeftOut, now: number): Html | string {
  switch (because) {
    case "never reported":
      return "has not sent a reading that counts yet"
    case "stale":
      return html`stale, its last reading that counts is of ${ago(now - at!)} (${time(at!, `${dayAndTime(at!)} UTC`)})`
    case "no power":
      return "does not say its power, only its energy"
    case "measures both":
      return "measures generation and the grid in one, so its power could be either"
  }
}

const stroke =
  'fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"'
const icons = {
  sun: `<svg viewBox="0 0 32 32" ${stroke}><circle cx="16" cy="16" r="6"/><path d="M16 3v3M16 26v3M3 16h3M26 16h3M6.8 6.8l2.1 2.1M23.1 23.1l2.1 2.1M6.8 25.2l2.1-2.1M23.1 8.9l2.1-2.1"/></svg>`,
  homes: `<svg viewBox="0 0 32 32" ${stroke}><path d="M4 15 16 5l12 10M7 13v14h18V13M13 27v-8h6v8"/></svg>`,
  grid: `<svg viewBox="0 0 32 32" ${stroke}><path d="M10 29 14 4h4l4 25M7 11h18M9 17h14M12 17l9 12M20 17l-9 12M7 11v3M25 11v3"/></svg>`,
} as const
