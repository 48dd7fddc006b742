import type { Hex } from "../../../protocol/hex.ts"
import type { Config } from "../../config.ts"
import type { Challenge } from "../../settlement/challenges.ts"
import type { LedgerEntry } from "../ledger.ts"
import type { Locale } from "../locale.ts"
import { stageOf } from "../stage.ts"
import { figure, type Html, html, time } from "./html.ts"

export interface AuditView {
  config: Pick<Config, "site" | "chain" | "rules" | "sharingKey">
  /** The command that recomputes everything. */
  command: string
  batches: readonly LedgerEntry[]
  /** Statements of the latest batch that were doubted on chain. */
  challenges: readonly Pick<Challenge, "batch" | "deadline" | "answered">[]
  /** Public meters and where their registers were last stated to stand. */
  meters: readonly { meterId: Hex; generatedWh: bigint | undefined }[]
  older: string | undefined
}

/** Where everything is that an auditor recomputes, and what to run. */
export function auditView(
  { config, command, batches, challenges, meters, older }: AuditView,
  locale: Locale,
): Html {
  const { audit: words, energy } = locale.words
  const { site, chain, rules, sharingKey } = config
  return html`<section aria-labelledby="audit-title"><h1 id="audit-title">${words.title}</h1>
<p class="lead">${words.lead}</p>
<h2>${words.run}</h2><pre tabindex="0" dir="ltr"><code>${command}</code></pre><p class="note">${words.runNote}</p>
<dl class="facts"><div><dt>${words.site}</dt><dd>${site}</dd></div>
<div><dt>${words.chain}</dt><dd>${chain.chainId}</dd></div>
<div><dt>${words.oracle}</dt><dd><code>${chain.oracle}</code></dd></div>
<div><dt>${words.rules}</dt><dd>${words.interval(locale.count(rules.intervalSeconds))}. ${words.sharing(sharingKey.name, locale.count(sharingKey.version))}.</dd></div></dl></section>
<section aria-labelledby="batches-title" data-part="batches"><h2 id="batches-title">${words.batches}</h2>
${challenges.map(({ batch, deadline, answered }) =>
  answered
    ? html`<p>${words.answered(locale.count(batch))}</p>`
    : html`<p class="warning">${words.doubted(locale.count(batch), locale.moment(deadline))}</p>`,
)}
${batches.length === 0 ? html`<p>${words.noBatches}</p>` : batchTable(batches, locale)}
${older ? html`<p><a class="button" href="${older}">${energy.earlier}</a></p>` : ""}</section>
<section aria-labelledby="meters-title" data-part="meters"><h2 id="meters-title">${words.meters}</h2><p class="note">${words.meterNote}</p>
<div class="scroll" tabindex="0" role="region" aria-labelledby="meters-title"><table><tbody>${meters.map(
    ({ meterId, generatedWh }) =>
      html`<tr><th scope="row"><code>${meterId}</code></th><td class="amount">${figure(generatedWh, locale.kWhExact, locale)}</td></tr>`,
  )}</tbody></table></div></section>`
}

function batchTable(batches: readonly LedgerEntry[], locale: Locale): Html {
  const { audit: words, green } = locale.words
  const heads = [words.batch, words.upTo, words.state, words.stated, words.signed, words.root, words.evidence]
  return html`<table class="cards"><thead><tr>${heads.map((label) => html`<th scope="col">${label}</th>`)}</tr></thead>
<tbody>${batches.map(({ batch, statedWh, attestations }) => {
    const { number, time: at, state, root, evidence } = batch
    const signed = attestations.filter(({ signature }) => signature).length
    const cells: [string, Html | string][] = [
      [words.upTo, time(at, locale.moment(at))],
      [words.state, green.states[stageOf(state)]],
      [words.stated, figure(statedWh, locale.kWh, locale)],
      [words.signed, locale.count(signed)],
      [words.root, html`<code title="${root}">${root.slice(0, 10)}…</code>`],
      [
        words.evidence,
        html`<a href="/ipfs/${evidence.toString()}?format=car">CAR<span class="hidden"> ${locale.count(number)}</span></a>`,
      ],
    ]
    return html`<tr><th scope="row">${locale.count(number)}</th>${cells.map(([label, content]) => html`<td data-label="${label}">${content}</td>`)}</tr>`
  })}</tbody></table>`
}
