import type { Locale } from "../locale.ts"
import { type Html, html, raw } from "./html.ts"

/** What the picture of a home shows, W; undefined is not known. */
export interface HomeFlow {
  /** Where there is none the sun is not in the picture. */
  roof: boolean
  sunW: number | undefined
  homeW: number | undefined
  /** Averages of the last interval: positive comes in, negative goes out. */
  neighboursW: number | undefined
  gridW: number | undefined
}

/** The lines between the places, each drawn from its first to its second. */
const lines = {
  sunToHome: "M170 88V118",
  neighboursToHome: "M70 200C84 172 104 162 128 162",
  homeToNeighbours: "M128 162C104 162 84 172 70 200",
  gridToHome: "M270 200C256 172 236 162 212 162",
  homeToGrid: "M212 162C236 162 256 172 270 200",
} as const

/** Sun, home, neighbours and grid, with what flows between them. All of it stands in the words beside it. */
export function homeFlowView({ roof, sunW, homeW, neighboursW, gridW }: HomeFlow, locale: Locale): Html {
  const { now, notKnown } = locale.words
  const figure = (power: number | undefined) => (power === undefined ? notKnown : locale.watts(power))
  const node = (name: string, x: number, y: number, power: number | undefined, label: string, icon: string) =>
    html`<g class="node ${name}" transform="translate(${x} ${y})"><circle r="42"/><g class="icon" transform="translate(-12 -34)">${raw(icon)}</g><text class="figure" y="8" text-anchor="middle">${figure(power)}</text><text class="label" y="24" text-anchor="middle">${label}</text></g>`
  return html`<svg class="flow" viewBox="0 ${roof ? 0 : 100} 340 ${roof ? 290 : 190}" aria-hidden="true" direction="${locale.direction}">
${roof ? line("sun", lines.sunToHome, sunW) : ""}
${line("neighbours", (neighboursW ?? 0) < 0 ? lines.homeToNeighbours : lines.neighboursToHome, neighboursW)}
${line("grid", (gridW ?? 0) < 0 ? lines.homeToGrid : lines.gridToHome, gridW)}
${roof ? node("sun", 170, 45, sunW, now.sun, icons.sun) : ""}
${node("home", 170, 160, homeW, now.home, icons.home)}
${node("neighbours", 56, 240, neighboursW, now.neighbours, icons.neighbours)}
${node("grid", 284, 240, gridW, now.grid, icons.grid)}
</svg>`
}

/** What flows runs, the faster the more there is; nothing flows in a still line, nor does what is not known. */
function line(name: string, path: string, power: number | undefined): Html {
  const size = Math.round(Math.abs(power ?? 0))
  const pace = size === 0 ? "still" : size < 500 ? "slow" : size < 2500 ? "steady" : "fast"
  return html`<path class="line ${name} ${pace}" d="${path}"/>`
}

const stroke =
  'fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"'
const icons = {
  sun: `<g ${stroke}><circle cx="12" cy="12" r="4.5"/><path d="M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4"/></g>`,
  home: `<path ${stroke} d="M3 11.5 12 4l9 7.5M5.5 10v10.500h13V10M10 20.500v-6h4v6"/>`,
  neighbours: `<path ${stroke} d="M1.500 13 7 8.500l5.500 4.500M3 12v8h8v-8M11.500 13 17 8.500l5.500 4.500M13 12v8h8v-8"/>`,
  grid: `<path ${stroke} d="M7.500 21.500 10.500 3h3l3 18.500M5.500 8.500h13M6.500 13h11M9 13l6.500 8.500M15 13 8.500 21.500"/>`,
} as const
