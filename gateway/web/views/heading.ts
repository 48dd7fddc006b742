import type { Config } from "../../config.ts"
import type { Challenge } from "../../settlement/challenges.ts"
import type { SettlementStatus } from "../../settlement/settlement.ts"
import { dayAndTime, fullDate, grouped, readableTimes, timeOfDay } from "../words.ts"
import { type Html, html, time } from "./html.ts"

/** The gateway's time and how settlement is, in a line each. */
export function headingView(now: number, settlement: SettlementStatus, pace: Config["pace"]): Html {
  const { settledUpTo, doing, problem, warnings, challenges, beyondChallenge } = settlement
  const settled =
    settledUpTo > 0
      ? html`Settled up to ${time(settledUpTo, `${dayAndTime(settledUpTo)} UTC`)}`
      : "Nothing is settled yet"
  return html`<p class="clock">${time(now, `${fullDate(now)}, ${timeOfDay(now)}`)} <abbr title="Coordinated Universal Time">UTC</abbr>${
    pace && pace.speed !== 1
      ? html` <span class="note">· a demonstration, ${grouped(pace.speed)} times as fast as real time</span>`
      : ""
  }</p>
<p class="settlement${problem ? " trouble" : ""}">${
    problem
      ? html`<strong>Settlement is held up:</strong> ${readableTimes(problem)}. ${settled}.`
      : html`${settled} · ${readableTimes(doing)}`
  }</p>${warnings.map((what) => html`<p class="note">Mind that ${readableTimes(what)}.</p>`)}${challenges.map(challengeView)}${
    beyondChallenge.length === 0
      ? ""
      : html`<p class="note">${beyondChallenge.join(", ")}: signed in a format of the maker, which the chain cannot read; a statement of it can be checked by auditors and cannot be doubted on chain.</p>`
  }`
}

function challengeView({ meter, batch, deadline, answered, problem }: Challenge): Html {
  const what = html`The statement of ${meter} in batch ${batch} was doubted on chain`
  if (answered)
    return html`<p class="note">${what}; its reading was shown, and the challenger's bond is the answerer's.</p>`
  return html`<p class="settlement trouble"><strong>${what}</strong> and must be answered by ${time(deadline, `${dayAndTime(deadline)} UTC`)}${
    problem ? html`: ${readableTimes(problem)}` : ""
  }.</p>`
}
