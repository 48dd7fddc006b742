import type { Hex } from "../../../protocol/hex.ts"
import type { DayEnergy, HomeDay, Today } from "../today.ts"
import { counted, duration, green, kWh, timeOfDay } from "../words.ts"
import { figure, type Html, html, time } from "./html.ts"

const columns: { label: string; value: keyof DayEnergy }[] = [
  { label: "Generated", value: "generated" },
  { label: "Used", value: "used" },
  { label: "To neighbours", value: "given" },
  { label: "From neighbours", value: "received" },
  { label: "To the grid", value: "toGrid" },
  { label: "From the grid", value: "fromGrid" },
]

/** Each home's energy of today, and its GREEN. */
export function todayView(today: Today, balances: ReadonlyMap<Hex, bigint>): Html {
  const { from, to, homes, total, intervalSeconds } = today
  const most = homes.reduce((most, { energy }) => (energy && energy.used > most ? energy.used : most), 1n)
  const known = homes.filter(({ energy }) => energy).length
  const held = homes.map(({ address }) => balances.get(address))
  const allGreen = held.reduce(
    (sum, wh) => (sum === undefined || wh === undefined ? undefined : sum + wh),
    0n,
  )
  return html`<h2 id="today-title">Today</h2>
<p class="lead">${
    total
      ? html`The homes generated <strong>${kWh(total.generated)} kWh</strong> and used <strong>${kWh(total.used)} kWh</strong>; <strong>${kWh(total.given)} kWh</strong> went from neighbour to neighbour.`
      : from === to
        ? html`The day has just begun. Its first figures come at ${time(to + intervalSeconds, `${timeOfDay(to + intervalSeconds)} UTC`)}.`
        : "No home's energy is known yet today."
  }</p>
<table class="homes" role="table">
<caption>Energy in kWh from ${time(from, timeOfDay(from))} to ${time(to, timeOfDay(to))} UTC, and GREEN held now (1 GREEN is 1 kWh generated)</caption>
<thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">Home</th>${columns.map(
    ({ label }) => html`<th scope="col" role="columnheader">${label}</th>`,
  )}<th scope="col" role="columnheader">GREEN</th></tr></thead>
<tbody role="rowgroup">${homes.map((home) => row(home, today, balances.get(home.address), most))}</tbody>
<tfoot role="rowgroup"><tr role="row"><th scope="row" role="rowheader">${known === homes.length ? "All homes" : `${known} of ${counted(homes.length, "home")}`}</th>${columns.map(
    ({ label, value }) => cell(label, figure(total?.[value], kWh)),
  )}${cell("GREEN", figure(homes.length > 0 ? allGreen : undefined, green))}</tr></tfoot>
</table>
<p class="legend note"><span>The bars show where a home's energy came from:</span> <span class="key own">its own roof</span> <span class="key neighbours">neighbours</span> <span class="key grid">the grid</span></p>`
}

function row(home: HomeDay, { intervalSeconds }: Today, balance: bigint | undefined, most: bigint): Html {
  const { name, energy, generatedAlone } = home
  return html`<tr role="row"><th scope="row" role="rowheader">${name}${energy ? bar(energy, most) : ""}${remark(home, intervalSeconds)}</th>${columns.map(
    ({ label, value }) =>
      cell(label, figure(energy?.[value] ?? (value === "generated" ? generatedAlone : undefined), kWh)),
  )}${cell("GREEN", figure(balance, green))}</tr>`
}

function cell(label: string, content: Html): Html {
  return html`<td role="cell" data-label="${label}">${content}</td>`
}

function remark(
  { energy, generatedAlone, missing, silent }: HomeDay,
  intervalSeconds: number,
): Html | string {
  const remarks = [
    silent.length > 0 && `No reading that counts yet from ${silent.join(", ")}.`,
    missing > 0 &&
      `A gap: ${counted(missing, "interval is", "intervals are")} missing (${duration(missing * intervalSeconds)}) and not in these figures.`,
    !energy && generatedAlone !== undefined && "Its use is not measured.",
  ].filter((text) => text !== false)
  return remarks.length === 0 ? "" : html`<small class="remark">${remarks.join(" ")}</small>`
}

/** Where a home's energy came from, to the scale of the home that used most. The figures stand beside it. */
function bar({ used, received, fromGrid }: DayEnergy, most: bigint): Html {
  const width = (wh: bigint) => Number(((wh > 0n ? wh : 0n) * 1000n) / most) / 10
  const own = width(used - received - fromGrid)
  const neighbours = width(received)
  return html`<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"><rect class="own" width="${own}" height="4"/><rect class="neighbours" x="${own}" width="${neighbours}" height="4"/><rect class="grid" x="${own + neighbours}" width="${width(fromGrid)}" height="4"/></svg>`
}
