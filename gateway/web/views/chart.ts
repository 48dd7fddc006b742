import type { Locale } from "../locale.ts"
import { type Html, html } from "./html.ts"

/** What a bar is stacked of; each has a colour of its own in the style sheet. */
export type Series = "sun" | "own" | "received" | "fromGrid" | "given" | "toGrid"

export interface Bar {
  /** Under the bar; empty where there is no room for one. */
  label: string
  /** All that the bar says, in words. */
  says: string
  /** Whole Wh, from the line upwards and downwards; undefined is a gap. */
  up: readonly (readonly [Series, bigint])[] | undefined
  down?: readonly (readonly [Series, bigint])[]
}

const height = 180
const top = 10
const bottom = 24

/**
 * Bars above and below a line, all to one scale. It is drawn by the server, in the width that there is: what is across
 * is in percent and what is upright in pixels, so that its letters are as large as all others.
 * @param id of the chart; its title has the id `${id}-title`.
 */
export function chart(id: string, title: string, bars: readonly Bar[], locale: Locale): Html {
  const tops = bars.map(({ up = [] }) => total(up))
  const depths = bars.map(({ down = [] }) => total(down))
  const [most, deepest] = [largest(tops), largest(depths)]
  const step = stepFor(most, deepest)
  const stepsUp = most + deepest === 0n ? 1n : ceil(most, step)
  const stepsDown = ceil(deepest, step)
  const scale = height / Number((stepsUp + stepsDown) * step)
  const line = top + Number(stepsUp * step) * scale
  const width = 100 / bars.length
  const percent = (value: number) => `${value.toFixed(2)}%`
  const ticks = Array.from(
    { length: Number(stepsUp + stepsDown) + 1 },
    (_, i) => (stepsUp - BigInt(i)) * step,
  )

  const stack = (parts: Bar["up"] = [], x: number, way: 1 | -1) => {
    let from = 0
    return parts.map(([series, wh]) => {
      const size = Number(wh > 0n ? wh : 0n) * scale
      const y = way === 1 ? line - from - size : line + from
      from += size
      return size === 0
        ? ""
        : html`<rect class="${series}" x="${percent(x + width * 0.12)}" width="${percent(width * 0.76)}" y="${y.toFixed(1)}" height="${size.toFixed(1)}"/>`
    })
  }
  return html`<figure class="chart">
<figcaption id="${id}-title">${title} <span class="unit">(${locale.words.units.kWh})</span></figcaption>
<div class="plot" dir="ltr"><svg width="100%" height="${height + top + bottom}" role="img" aria-labelledby="${id}-title">
${ticks.map((wh) => {
  const y = (line - Number(wh) * scale).toFixed(1)
  return html`<line class="${wh === 0n ? "zero-line" : "tick"}" x1="0" x2="100%" y1="${y}" y2="${y}"/><text class="tick-label" x="-6" y="${y}" dy="4" text-anchor="end">${locale.kWhTick(wh < 0n ? -wh : wh)}</text>`
})}
${bars.map(({ label, says, up, down }, i) => {
  const x = i * width
  return html`<g class="bar" data-bar="${i}"><title>${says}</title><rect class="hit" x="${percent(x)}" width="${percent(width)}" y="0" height="${height + top}"/>${
    up
      ? html`${stack(up, x, 1)}${stack(down, x, -1)}`
      : html`<rect class="gap" x="${percent(x + width * 0.12)}" width="${percent(width * 0.76)}" y="${(line - 3).toFixed(1)}" height="6"/>`
  }${label ? html`<text class="bar-label" x="${percent(x + width / 2)}" y="${height + top + 17}" text-anchor="middle">${label}</text>` : ""}</g>`
})}
</svg></div>
<p class="readout" aria-hidden="true"></p>
</figure>`
}

/** The colours of a chart in words. */
export function legend(series: readonly (readonly [Series, string])[]): Html {
  return html`<ul class="legend">${series.map(([name, label]) => html`<li><svg class="swatch" width="12" height="12" aria-hidden="true"><rect class="${name}" width="12" height="12" rx="2"/></svg>${label}</li>`)}</ul>`
}

/** Round steps, five of them at most: 1, 2 or 5 and zeros, whole Wh. */
export function stepFor(most: bigint, deepest: bigint): bigint {
  for (let unit = 1n; ; unit *= 10n)
    for (const step of [unit, 2n * unit, 5n * unit])
      if (ceil(most, step) + ceil(deepest, step) <= 5n) return step
}

const total = (parts: readonly (readonly [Series, bigint])[]) =>
  parts.reduce((sum, [, wh]) => (wh > 0n ? sum + wh : sum), 0n)
function largest(values: readonly bigint[]): bigint {
  let most = 0n
  for (const value of values) if (value > most) most = value
  return most
}
const ceil = (value: bigint, step: bigint) => (value + step - 1n) / step
