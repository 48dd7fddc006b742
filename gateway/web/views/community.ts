import type { CommunityDay, CommunityNow } from "../community-facts.ts"
import type { Locale } from "../locale.ts"
import { chart } from "./chart.ts"
import { figure, type Html, html, time } from "./html.ts"

export interface CommunityView {
  name: string
  homes: number
  roofs: number
  now: CommunityNow
  days: readonly CommunityDay[]
  /** GREEN that the homes hold together; undefined before the chain was read. */
  held: bigint | undefined
}

/** What everyone may see: what roofs generate, and of use no more than sums that no home can be told from. */
export function communityView({ name, homes, roofs, now, days, held }: CommunityView, locale: Locale): Html {
  const { community: words, layout, home } = locale.words
  return html`<h1>${name}</h1>
<section aria-labelledby="now-title" data-part="now"><h2 id="now-title">${locale.words.now.title}</h2>
<p class="lead">${now.sunW === undefined ? words.sunUnknown : words.sunNow(locale.watts(now.sunW))}
${now.generatedToday === undefined ? "" : words.today(locale.kWh(now.generatedToday))}</p>
<p class="note">${now.sunAsOf === undefined ? "" : html`${time(now.sunAsOf, words.sunAsOf(locale.clock(now.sunAsOf)))} `}${words.homes(locale.count(homes))} · ${words.roofs(locale.count(roofs))}</p>
<p><a class="button main" href="/home">${words.open}</a></p></section>
<section aria-labelledby="month-title" data-part="month"><h2 id="month-title">${words.month}</h2>${monthView(days, locale)}
<p class="note">${words.rule}</p></section>
<section aria-labelledby="green-title" data-part="green"><h2 id="green-title">${words.mintedTitle}</h2>
${held === undefined ? html`<p>${locale.words.green.heldUnknown}</p>` : html`<p class="lead">${words.minted(locale.green(held))}</p>`}
<p class="note">${now.settledUpTo > 0 ? time(now.settledUpTo, words.settledUpTo(locale.moment(now.settledUpTo))) : words.nothingSettled}${now.heldUp ? ` ${words.heldUp}` : ""} ${home.greenMeans}</p>
<p><a class="button" href="/audit">${layout.audit}</a></p></section>`
}

function monthView(days: readonly CommunityDay[], locale: Locale): Html {
  const { community: words, energy } = locale.words
  const add = (values: readonly (bigint | undefined)[]) =>
    values.reduce<bigint | undefined>((sum, wh) => (wh === undefined ? sum : (sum ?? 0n) + wh), undefined)
  const generated = add(days.map((day) => day.generated))
  const used = add(days.map((day) => day.used))
  if (generated === undefined) return html`<p class="unknown">${energy.nothingYet}</p>`
  const labelEach = Math.ceil(days.length / 5)
  const bars = days.map(({ day, generated }, i) => ({
    label: i % labelEach === Math.floor(labelEach / 2) ? locale.dayShort(day) : "",
    says: `${locale.day(day)}: ${generated === undefined ? locale.words.notKnown : `${energy.generated} ${locale.kWh(generated)}`}`,
    up: generated === undefined ? undefined : ([["sun", generated]] as const),
  }))
  const columns: [string, keyof CommunityDay][] = [
    [energy.generated, "generated"],
    [energy.used, "used"],
    [energy.shared, "shared"],
    [energy.fromGrid, "fromGrid"],
    [energy.toGrid, "toGrid"],
  ]
  return html`<p class="lead">${words.monthSum(locale.kWh(generated))} ${used === undefined ? "" : words.usedSum(locale.kWh(used))}</p>
${chart("community", words.chart, bars, locale)}
<details id="community-table"><summary>${energy.table}</summary><div class="scroll" tabindex="0" role="region" aria-labelledby="community-caption"><table class="energy">
<caption id="community-caption">${words.month} (${locale.words.units.kWh})</caption>
<thead><tr><th scope="col">${energy.day}</th>${columns.map(([label]) => html`<th scope="col">${label}</th>`)}</tr></thead>
<tbody>${[...days].reverse().map(
    (day) =>
      html`<tr><th scope="row">${locale.dayShort(day.day)}</th>${columns.map(([, name]) => {
        const wh = day[name] as bigint | undefined
        return html`<td>${wh === undefined && name !== "generated" ? html`<span class="unknown">${words.notTold}</span>` : figure(wh, locale.kWhBare, locale)}</td>`
      })}</tr>`,
  )}</tbody></table></div></details>`
}
