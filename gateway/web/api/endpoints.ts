import type { z } from "zod"
import type { Hex } from "../../../protocol/hex.ts"
import { dayAfter, daysBetween } from "../calendar.ts"
import { communityDays, communityNow } from "../community-facts.ts"
import type { LoggedIn, WebContext } from "../context.ts"
import type { Days } from "../days.ts"
import { accountOf, homeNow, metersOf, mintsOf, whyOf } from "../home-facts.ts"
import { ledger } from "../ledger.ts"
import { measuresOf } from "../live.ts"
import { statusOf } from "../status.ts"
import {
  accountOut,
  batchOut,
  communityDayOut,
  communityNowOut,
  energyOut,
  homeNowOut,
  mintOut,
  whyOut,
} from "./answers.ts"
import { queries, shapes } from "./shapes.ts"

/** Whose an endpoint's answer is: everyone's, or that of the household that is logged in. */
export type Owner = "public" | "household"

/** One address of the API: what it takes and answers, by the schemas that check both and document them. */
export interface Endpoint {
  path: string
  owner: Owner
  summary: string
  /** Parameters, of the path and after the question mark. */
  query: z.ZodType
  answer: z.ZodType
  /** The answer is an event stream: this, at once and whenever it is another. */
  live?: boolean
  /** @returns undefined where there is nothing at this address. */
  read: (query: never, household: LoggedIn) => unknown
}

interface Typed<Query extends z.ZodType, Answer extends z.ZodType> extends Omit<Endpoint, "read"> {
  query: Query
  answer: Answer
  read: (query: z.output<Query>, household: LoggedIn) => z.input<Answer> | undefined
}

const endpoint = <Query extends z.ZodType, Answer extends z.ZodType>(one: Typed<Query, Answer>): Endpoint =>
  one

/** Every address of the API. */
export function endpointsOf(context: WebContext, days: Days): readonly Endpoint[] {
  const { config, journal, clock, balances } = context
  const { calendar } = days
  const nextOf = (path: string, before: string | undefined, limit: number) =>
    before === undefined ? null : `${path}?before=${before}&limit=${limit}`
  const green = (address: Hex) => balances.get(address)

  /** The days of a page of them, and where the next page begins. */
  function pageOfDays(before: string | undefined, limit: number) {
    const today = calendar.dayAt(clock.now())
    const last = before !== undefined && before <= today ? dayAfter(before, -1) : today
    const wanted = dayAfter(last, 1 - limit)
    const more = wanted > days.firstDay()
    return { first: more ? wanted : days.firstDay(), last, next: more ? wanted : undefined }
  }

  return [
    endpoint({
      path: "/api/status",
      owner: "public",
      summary: "How the gateway is, in a few figures",
      query: queries.none,
      answer: shapes.status,
      read: () => statusOf(context),
    }),
    endpoint({
      path: "/api/community",
      owner: "public",
      summary: "The community, its chain and its rules",
      query: queries.none,
      answer: shapes.community,
      read: () => ({
        name: config.name,
        site: config.site,
        timeZone: config.timeZone,
        time: clock.now(),
        homes: config.households.length,
        intervalSeconds: config.rules.intervalSeconds,
        chainId: config.chain.chainId,
        oracle: config.chain.oracle,
      }),
    }),
    endpoint({
      path: "/api/now",
      owner: "public",
      summary: "What the roofs give now, and how far settlement is",
      query: queries.none,
      answer: shapes.communityNow,
      read: () => communityNowOut(communityNow(context, days)),
    }),
    endpoint({
      path: "/api/live",
      owner: "public",
      summary: "The same as events, whenever it changes",
      query: queries.none,
      answer: shapes.communityNow,
      live: true,
      read: () => communityNowOut(communityNow(context, days)),
    }),
    endpoint({
      path: "/api/days",
      owner: "public",
      summary: "The community's days: generation, and sums of use where no home can be told from them",
      query: queries.days,
      answer: shapes.communityDays,
      read: ({ before, limit }) => {
        const { first, last, next } = pageOfDays(before, limit)
        const rows = communityDays(days, first, last).reverse()
        return { days: rows.map(communityDayOut), next: nextOf("/api/days", next, limit) }
      },
    }),
    endpoint({
      path: "/api/batches",
      owner: "public",
      summary: "Batches, with their roots, evidence and transactions",
      query: queries.batches,
      answer: shapes.batches,
      read: ({ before, limit }) => {
        const entries = ledger(context, limit, before === undefined ? undefined : BigInt(before))
        const oldest = entries.at(-1)?.batch.number
        const next = oldest !== undefined && oldest > 1n ? String(oldest) : undefined
        return { batches: entries.map(batchOut), next: nextOf("/api/batches", next, limit) }
      },
    }),
    endpoint({
      path: "/api/home",
      owner: "household",
      summary: "The household, its meters and its GREEN",
      query: queries.none,
      answer: shapes.home,
      read: (_, { address, name }) => ({
        address,
        name,
        timeZone: config.timeZone,
        green: green(address)?.toString() ?? null,
        account: accountOut(accountOf(context, address)),
        meters: metersOf(context, address).map(({ name, ratedW, key: { meterId } }) => {
          const { anchor } = journal.readings.state(meterId)
          const measures = anchor ? measuresOf(anchor.registers) : null
          return { id: meterId, name, ratedW, measures, lastReading: anchor?.time ?? null }
        }),
      }),
    }),
    endpoint({
      path: "/api/home/now",
      owner: "household",
      summary: "The home now",
      query: queries.none,
      answer: shapes.homeNow,
      read: (_, { address }) => homeNowOut(homeNow(context, days, address)),
    }),
    endpoint({
      path: "/api/home/live",
      owner: "household",
      summary: "The same as events, whenever it changes",
      query: queries.none,
      answer: shapes.homeNow,
      live: true,
      read: (_, { address }) => homeNowOut(homeNow(context, days, address)),
    }),
    endpoint({
      path: "/api/home/days",
      owner: "household",
      summary: "The home's days",
      query: queries.days,
      answer: shapes.homeDays,
      read: ({ before, limit }, { address }) => {
        const { first, last, next } = pageOfDays(before, limit)
        const rows = days.sums(address, first, last).reverse()
        return {
          days: rows.map(({ day, energy, known, missing }) => ({
            day,
            energy: energy ? energyOut(energy) : null,
            intervals: known + missing,
            missing,
          })),
          next: nextOf("/api/home/days", next, limit),
        }
      },
    }),
    endpoint({
      path: "/api/home/days/{day}",
      owner: "household",
      summary: "The intervals of one day of the home",
      query: queries.day,
      answer: shapes.intervals,
      read: ({ day }, { address }) => {
        const home = days.home(address, day)
        return (
          home && {
            day,
            intervalSeconds: config.rules.intervalSeconds,
            intervals: home.records.map(({ start, energy }) => ({
              start,
              energy: energy ? energyOut(energy) : null,
            })),
          }
        )
      },
    }),
    endpoint({
      path: "/api/home/mints",
      owner: "household",
      summary: "What the home's GREEN came from",
      query: queries.batches,
      answer: shapes.mints,
      read: ({ before, limit }, { address }) => {
        const start = before === undefined ? undefined : BigInt(before)
        const found = mintsOf(context, address, { before: start, limit: limit + 1 })
        const mints = found.slice(0, limit)
        const next = found.length > limit ? String(mints.at(-1)!.batch) : undefined
        return { mints: mints.map(mintOut), next: nextOf("/api/home/mints", next, limit) }
      },
    }),
    endpoint({
      path: "/api/home/mints/{number}",
      owner: "household",
      summary: "What one mint came from, down to the signed readings",
      query: queries.number,
      answer: shapes.why,
      read: ({ number }, { address }) => {
        const why = whyOf(context, address, BigInt(number))
        return why && whyOut(why)
      },
    }),
  ]
}

/** A household's days one after the other, for its download. */
export function* intervalsOf(days: Days, address: Hex, first: string, last: string) {
  const from = first > days.firstDay() ? first : days.firstDay()
  for (const day of daysBetween(from, last)) {
    if (day > days.today().day) return
    for (const record of days.home(address, day)?.records ?? []) yield record
  }
}
