import type { Config } from "../../config.ts"
import type { SettlementStatus } from "../../settlement/settlement.ts"
import { dayAndTime, fullDate, grouped, readableTimes, timeOfDay } from "../words.ts"
import { type Html, html, time } from "./html.ts"

/** The gateway's time and how settlement is, in a line each. */
export function headingView(now: number, settlement: SettlementStatus, pace: Config["pace"]): Html {
  const { settledUpTo, doing, problem } = settlement
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
  }</p>`
}
