import { createHash } from "node:crypto"
import type { AuditReport } from "../audit.ts"
import type { CheckResult } from "../checks.ts"
import type { BatchLine, MeterLine, Payment } from "../ledger.ts"
import { verdictOf } from "../report.ts"
import { kWh, moment, percent, short } from "../words.ts"
import { html, Markup } from "./markup.ts"
import { style } from "./style.ts"

/** What a report says of how it was made. */
export interface PageNotes {
  /** When it was made, Unix seconds. */
  madeAt: number
  /** Where the evidence came from; undefined where there was none. */
  evidence: string | undefined
  /** The command that makes it again. */
  command: string
}

/** No page is so long that a telephone gives up on it; what is left out is in the JSON. */
const mostRows = 2_000

/** The report as one HTML file that needs neither network nor scripts. */
export function reportAsPage(report: AuditReport, notes: PageNotes): string {
  const hash = createHash("sha256").update(style).digest("base64")
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>Audit of ${short(report.oracle)} on chain ${report.chainId}: ${report.ok ? "accounted for" : "not accounted for"}</title>
<style>${new Markup(style)}</style></head><body>
<header><h1>Audit of green currency</h1>
<p class="note">Oracle <code>${report.oracle}</code> on chain ${report.chainId}, up to block ${report.toBlock}. Made ${moment(notes.madeAt)}.</p>
</header><main>
${verdict(report)}
${figures(report)}
<nav aria-label="Parts of this report"><a href="#checks">Checks</a><a href="#skipped">Skipped</a><a href="#mints">Mints</a><a href="#meters">Meters</a><a href="#batches">Batches</a><a href="#doubts">Doubts</a><a href="#signatures">Signatures</a><a href="#again">Do it again</a></nav>
${checkTable(report.checks)}
${skippedList(report)}
${payments(report.ledger.payments)}
${meters(report)}
${batches(report.ledger.batches)}
${accounts(report)}
${doubts(report)}
${signatures(report)}
${again(notes)}
</main><footer><p>Times are UTC. Energy is exact to the Wh. This file holds everything it shows and loads nothing.</p></footer></body></html>
`
  return page.text
}

function verdict(report: AuditReport): Markup {
  const [first, ...others] = report.checks.flatMap(({ findings }) => findings)
  const kind = report.ok ? "good" : first ? "bad" : "open"
  const tail = report.mintedWh - report.auditedWh
  return html`<div class="verdict ${kind}"><strong>${report.ok ? verdictOf(report) : first ? "Not every minted Wh is accounted for." : verdictOf(report)}</strong>
${first ? html`<p>The first that is not: <b>${first.where}</b>: ${first.what}.${others.length > 0 ? ` ${others.length} more finding(s) are below.` : ""}</p>` : ""}
<p>${kWh(report.mintedWh)} were minted; the meters' own signatures account for ${kWh(report.auditedWh)}${tail > 0n ? html`, so ${kWh(tail)} are open` : ""}.</p></div>`
}

function figures(report: AuditReport): Markup {
  const { ledger } = report
  const facts: [string, string][] = [
    ["Minted", kWh(report.mintedWh)],
    ["Accounted for", kWh(report.auditedWh)],
    ["Retired", kWh(report.retiredWh)],
    ["Batches", String(report.batches)],
    ["Meters", String(ledger.meters.length)],
    ["Readings verified", String(report.readings)],
    ["In doubt, not counted", String(report.doubtful.length)],
    ["Missing", String(missingOf(report.missing))],
  ]
  return html`<dl class="figures">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
}

function missingOf(missing: readonly { after: number; until: number }[]): number {
  return missing.reduce((sum, { after, until }) => sum + until - after - 1, 0)
}

function checkTable(checks: readonly CheckResult[]): Markup {
  return html`<section id="checks"><h2>What was checked</h2><table class="cards checks"><thead><tr><th>Verdict</th><th>Promise</th><th class="number">Looked at</th></tr></thead><tbody>
${checks.map((check) => {
  const { title, findings, examined, skipped } = check
  const [kind, word] =
    findings.length > 0
      ? ["bad", `fails (${findings.length})`]
      : examined === 0 && skipped.length > 0
        ? ["open", "skipped"]
        : ["good", "holds"]
  return html`<tr><td class="mark ${kind}" data-label="Verdict">${word}</td><th scope="row" data-label="Promise"><div>${title}${
    findings.length > 0
      ? html`<ul class="found">${findings.slice(0, mostRows).map(({ where, what }) => html`<li>${where}: ${what}</li>`)}</ul>${leftOut(findings.length)}`
      : ""
  }${skipped.length > 0 ? html`<small>${skipped.length} part(s) skipped: see below</small>` : ""}</div></th><td class="number" data-label="Looked at">${examined}</td></tr>`
})}</tbody></table></section>`
}

function skippedList({ checks }: AuditReport): Markup {
  const rows = checks.flatMap(({ name, skipped }) => skipped.map((why) => ({ name, why })))
  return html`<section id="skipped"><h2>What was skipped, and why</h2>${
    rows.length === 0
      ? html`<p>Nothing.</p>`
      : html`<ul>${rows.slice(0, mostRows).map(({ name, why }) => html`<li><b>${name}</b>: ${why}</li>`)}</ul>${leftOut(rows.length)}`
  }</section>`
}

function payments(list: readonly Payment[]): Markup {
  const rose = list.filter(({ fromWh, toWh, findings }) => fromWh !== toWh || findings.length > 0)
  const still = list.length - rose.length
  const shown = rose.slice(-mostRows).reverse()
  return html`<section id="mints"><h2>What was minted, and why</h2>
<p class="note">Each settlement pays for the way of one meter's register, from where it was last paid to what a batch proved. ${rose.length > mostRows ? `The newest ${mostRows} of ${rose.length}; all are in the JSON report.` : ""}${still > 0 ? ` ${still} settlement(s) of registers that stood still paid nothing and are not listed.` : ""}</p>
${
  shown.length === 0
    ? html`<p>Nothing was minted by a settlement.</p>`
    : html`<table class="cards"><thead><tr><th>Batch</th><th>Meter</th><th>Register</th><th>Measured</th><th>Minted to</th><th>Transaction</th></tr></thead><tbody>${shown.map(paymentRow)}</tbody></table>`
}</section>`
}

function paymentRow(p: Payment): Markup {
  const rule = `${percent(p.factor)} of the register${p.commonsShare > 0 ? `, ${percent(p.commonsShare)} of it to the commons` : ""}`
  return html`<tr><th scope="row" data-label="Batch"><span>site ${p.site} batch ${p.number}</span></th><td data-label="Meter"><code>${short(p.meterId)}</code></td><td data-label="Register"><span>${p.fromWh} to ${p.toWh} Wh<small>${kWh(p.toWh - p.fromWh)}</small></span></td><td data-label="Measured"><span>${moment(p.fromTime)}<small>to ${moment(p.toTime)}</small></span></td><td data-label="Minted to"><div>${p.mints.map(
    ({ account, wh, certificates }) =>
      html`<div><b>${kWh(wh)}</b> ${certificates === undefined ? "GREEN" : `certificates ${certificates}`} to <code>${short(account)}</code></div>`,
  )}<small>${rule}</small>${p.findings.map((what) => html`<div class="found">${what}</div>`)}</div></td><td data-label="Transaction"><span><code>${short(p.transaction)}</code><small>block ${p.block}</small></span></td></tr>`
}

function meters({ ledger }: AuditReport): Markup {
  return html`<section id="meters"><h2>Every meter's life</h2>${ledger.meters.map(meterLife)}</section>`
}

function meterLife(line: MeterLine): Markup {
  const doubts = Object.entries(line.doubtful)
  const missing = missingOf(line.missing)
  return html`<details><summary><code>${short(line.meterId)}</code> <b>${kWh(line.mintedWh)} minted</b> <span class="note">${line.counted} of ${line.readings} readings count${missing > 0 ? `, ${missing} missing` : ""}</span>${line.findings.length > 0 ? html` <span class="found">${line.findings.length} finding(s)</span>` : ""}</summary>
<dl class="facts"><dt>Meter</dt><dd><code>${line.meterId}</code></dd><dt>Household</dt><dd><code>${line.household}</code></dd><dt>Signed by</dt><dd>${line.assurance === "meter" ? "the meter itself" : "the gateway, for a plain meter on its wire"}</dd><dt>Register</dt><dd>commissioned at ${line.startWh} Wh (${moment(line.startTime)}), paid up to ${line.paidUpToWh} Wh</dd>
<dt>In doubt</dt><dd>${doubts.length === 0 ? "nothing" : doubts.map(([reason, n]) => `${reason}: ${n}`).join(", ")}</dd>
<dt>Missing sequences</dt><dd>${
    line.missing.length === 0
      ? "none"
      : line.missing
          .slice(0, 50)
          .map(({ after, until }) => (until - after === 2 ? `${after + 1}` : `${after + 1} to ${until - 1}`))
          .join(", ")
  }${line.missing.length > 50 ? `, and ${line.missing.length - 50} more gaps` : ""}</dd></dl>
<ul>${line.events.map(({ what, time, block, transaction }) => html`<li>${time === undefined ? "" : `${moment(time)}: `}${what} <span class="note">block ${block}, <code>${short(transaction)}</code></span></li>`)}</ul>
${line.findings.length > 0 ? html`<ul class="found">${line.findings.map((what) => html`<li>${what}</li>`)}</ul>` : ""}</details>`
}

const verdictKinds: Record<BatchLine["verdict"], string> = {
  holds: "good",
  "does not hold": "bad",
  "not to be had": "bad",
  cancelled: "open",
  "not checked": "open",
}

function batches(list: readonly BatchLine[]): Markup {
  const shown = list.slice(-mostRows).reverse()
  return html`<section id="batches"><h2>Every batch</h2>
${list.length > mostRows ? html`<p class="note">The newest ${mostRows} of ${list.length}; all are in the JSON report.</p>` : ""}
${
  shown.length === 0
    ? html`<p>None was proposed.</p>`
    : html`<table class="cards"><thead><tr><th>Batch</th><th>Verdict</th><th>Up to</th><th class="number">Readings</th><th>Root and evidence</th><th>Proposed</th></tr></thead><tbody>${shown.map(
        (line) =>
          html`<tr><th scope="row" data-label="Batch"><span>site ${line.site} batch ${line.number}</span></th><td data-label="Verdict"><div><span class="mark ${verdictKinds[line.verdict]}">${line.verdict}</span>${line.fromCache ? html`<small>checked by an earlier audit</small>` : ""}${line.reasons.map((why) => html`<small>${why}</small>`)}</div></td><td data-label="Up to"><span>${moment(line.time)}</span></td><td class="number" data-label="Readings"><span>${line.readings}${line.doubtful > 0 ? html`<small>${line.doubtful} in doubt</small>` : ""}</span></td><td data-label="Root"><span><code>${line.root}</code><small><code>${line.evidence}</code></small></span></td><td data-label="Proposed"><span><code>${short(line.transaction)}</code><small>block ${line.block}, ${line.leaves} statements</small></span></td></tr>`,
      )}</tbody></table>`
}</section>`
}

function accounts({ credits }: AuditReport): Markup {
  if (credits.length === 0) return html``
  return html`<section id="accounts"><h2>What neighbours owe each other</h2>
<p class="note">As each site's last batch that states accounts says, in whole token units; below zero is owed.</p>
<table class="cards"><thead><tr><th>Household</th><th>Site</th><th class="number">Credit</th></tr></thead><tbody>${credits.map(
    ({ site, household, credit }) =>
      html`<tr><th scope="row" data-label="Household"><code>${household}</code></th><td data-label="Site">${site}</td><td class="number" data-label="Credit">${credit}</td></tr>`,
  )}</tbody></table></section>`
}

function doubts({ challenges, cancelled, slashed, twins }: AuditReport): Markup {
  const { made, answered, unanswered } = challenges
  return html`<section id="doubts"><h2>Doubted and cancelled</h2>
<p>${made === 0 ? "No statement was doubted on chain." : `${made} statement(s) were doubted on chain: ${answered} answered, ${unanswered} not.`}</p>
${twins.length > 0 ? html`<p class="found">${twins.length} time(s) a meter signed two different readings with one sequence number. Meters: ${[...new Set(twins.map(({ meterId }) => meterId))].join(", ")}.</p>` : ""}
${slashed.length > 0 ? html`<ul>${slashed.map(({ whose, wei }) => html`<li>${whose} lost ${wei} wei</li>`)}</ul>` : ""}
${cancelled.length > 0 ? html`<ul>${cancelled.slice(0, mostRows).map(({ where, why }) => html`<li>${where} was cancelled and minted nothing: ${why}</li>`)}</ul>${leftOut(cancelled.length)}` : ""}</section>`
}

function signatures({ validators }: AuditReport): Markup {
  if (validators.length === 0) return html``
  return html`<section id="signatures"><h2>Whose signatures the batches carry</h2>
<p class="note">Counted from the chain: a proposal carries as many signatures as it needs. Cancelled means for a false statement.</p>
<table class="cards"><thead><tr><th>Validator</th><th class="number">Signed</th><th class="number">Cancelled</th></tr></thead><tbody>${validators.map(
    ({ validator, asked, signed, cancelled }) =>
      html`<tr><th scope="row" data-label="Validator"><code>${validator}</code></th><td class="number" data-label="Signed">${signed} of ${asked}</td><td class="number" data-label="Cancelled">${cancelled}</td></tr>`,
  )}</tbody></table></section>`
}

function again({ command, evidence }: PageNotes): Markup {
  return html`<section id="again"><h2>Do it again</h2><p>Trust no report, this one included. Evidence: ${evidence ?? "none was given"}.</p><p><code>${command}</code></p></section>`
}

function leftOut(length: number): Markup {
  return length > mostRows ? html`<p class="note">and ${length - mostRows} more</p>` : html``
}
