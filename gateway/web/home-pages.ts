import type { Context } from "hono"
import { Hono } from "hono"
import { addAll, type EnergySum, type IntervalEnergy, sumOf } from "../../energy/day.ts"
import { dayAfter, daysOfMonth, isDay, monthAfter } from "./calendar.ts"
import type { LoggedIn, WebContext, WebEnv } from "./context.ts"
import type { Days } from "./days.ts"
import { accountOf, homeNow, mintsOf, whyOf } from "./home-facts.ts"
import type { Locale } from "./locale.ts"
import type { Pages } from "./page.ts"
import { dataView } from "./views/data.ts"
import type { EnergyRow } from "./views/energy.ts"
import { greenView } from "./views/green.ts"
import { homeView } from "./views/home.ts"
import { periodView } from "./views/period.ts"
import { whyView } from "./views/why.ts"

const mintsShown = 20

/** The pages of the household that is logged in. Each asks who it is, and reads that household's figures alone. */
export function homePages(context: WebContext, days: Days, pages: Pages): Hono<WebEnv> {
  const { clock, balances } = context
  const { calendar } = days
  const app = new Hono<WebEnv>()

  /** A page for who is logged in; for anyone else the way to log in. */
  const forHousehold =
    (answer: (c: Context<WebEnv>, household: LoggedIn, locale: Locale) => Response | Promise<Response>) =>
    (c: Context<WebEnv>) => {
      const household = c.get("household")
      return household ? answer(c, household, pages.localeOf(c)) : pages.logInFirst(c)
    }
  const today = () => calendar.dayAt(clock.now())
  const known = (day: string) => day >= days.firstDay() && day <= today()

  app.get(
    "/home",
    forHousehold((c, { address, name }, locale) => {
      const { day, from, to, intervalSeconds, homes } = days.today()
      const home = homes.find(({ household }) => household === address)
      const { records = [], silent = [], ...rest } = home ?? {}
      const sum: EnergySum = { energy: undefined, known: 0, missing: 0, ...rest }
      const now = homeNow(context, days, address)
      const view = {
        name,
        now,
        today: { ...sum, day, from, to, silent, rows: hours(records, day, locale) },
        firstAt: to + intervalSeconds,
      }
      return pages.show(c, { title: name, body: homeView(view, locale), events: "/api/home/live" })
    }),
  )

  app.get(
    "/home/day/:day?",
    forHousehold((c, { address }, locale) => {
      const day = c.req.param("day") ?? dayAfter(today(), -1)
      if (!isDay(day)) return pages.notFound(c)
      const home = known(day) ? days.home(address, day) : undefined
      const { records = [], silent = [] } = home ?? {}
      const body = periodView(
        {
          title: locale.day(day),
          chartTitle: locale.words.home.byHour,
          column: locale.words.energy.time,
          rows: hours(records, day, locale),
          total: sumOf(records),
          silent,
          earlier: known(dayAfter(day, -1)) ? `/home/day/${dayAfter(day, -1)}` : undefined,
          later: known(dayAfter(day)) ? `/home/day/${dayAfter(day)}` : undefined,
          around: [{ href: `/home/month/${day.slice(0, 7)}`, label: locale.month(day) }],
        },
        locale,
      )
      return pages.show(c, { title: locale.day(day), body, path: "/home" })
    }),
  )

  app.get(
    "/home/month/:month?",
    forHousehold((c, { address }, locale) => {
      const month = c.req.param("month") ?? today().slice(0, 7)
      if (!isDay(`${month}-01`)) return pages.notFound(c)
      const all = daysOfMonth(month)
      const sums = new Map(days.sums(address, all[0]!, all.at(-1)!).map((sum) => [sum.day, sum]))
      const rows = all.map((day): EnergyRow => {
        const number = Number(day.slice(-2))
        return {
          ...nothing,
          ...sums.get(day),
          name: locale.dayShort(day),
          label: number % 5 === 0 || number === 1 ? locale.dayNumber(day) : "",
          href: `/home/day/${day}`,
        }
      })
      const has = (other: string) => other >= days.firstDay().slice(0, 7) && other <= today().slice(0, 7)
      const body = periodView(
        {
          title: locale.month(`${month}-01`),
          chartTitle: locale.words.home.byDay,
          column: locale.words.energy.day,
          rows,
          total: addSums(rows),
          silent: [],
          earlier: has(monthAfter(month, -1)) ? `/home/month/${monthAfter(month, -1)}` : undefined,
          later: has(monthAfter(month)) ? `/home/month/${monthAfter(month)}` : undefined,
          around: [{ href: `/home/year/${month.slice(0, 4)}`, label: locale.year(`${month}-01`) }],
        },
        locale,
      )
      return pages.show(c, { title: locale.month(`${month}-01`), body, path: "/home/month" })
    }),
  )

  app.get(
    "/home/year/:year?",
    forHousehold((c, { address }, locale) => {
      const year = c.req.param("year") ?? today().slice(0, 4)
      if (!isDay(`${year}-01-01`)) return pages.notFound(c)
      const sums = days.sums(address, `${year}-01-01`, `${year}-12-31`)
      const months = Array.from({ length: 12 }, (_, i) => monthAfter(`${year}-01`, i))
      const rows = months.map(
        (month): EnergyRow => ({
          ...addSums(sums.filter(({ day }) => day.startsWith(month))),
          name: locale.month(`${month}-01`),
          label: locale.monthShort(`${month}-01`),
          href: `/home/month/${month}`,
        }),
      )
      const has = (other: string) => other >= days.firstDay().slice(0, 4) && other <= today().slice(0, 4)
      const [before, after] = [-12, 12].map((months) => monthAfter(`${year}-01`, months).slice(0, 4))
      const body = periodView(
        {
          title: locale.year(`${year}-01-01`),
          chartTitle: locale.words.home.byMonth,
          column: locale.words.energy.month,
          rows,
          total: addSums(rows),
          silent: [],
          earlier: has(before!) ? `/home/year/${before}` : undefined,
          later: has(after!) ? `/home/year/${after}` : undefined,
          around: [],
        },
        locale,
      )
      return pages.show(c, { title: locale.year(`${year}-01-01`), body, path: "/home/year" })
    }),
  )

  app.get(
    "/home/green",
    forHousehold((c, { address }, locale) => {
      const asked = c.req.query("before") ?? ""
      const before = /^\d{1,18}$/.test(asked) ? BigInt(asked) : undefined
      const mints = mintsOf(context, address, { before, limit: mintsShown + 1 })
      const older =
        mints.length > mintsShown ? `/home/green?before=${mints[mintsShown - 1]!.batch}` : undefined
      const account = context.config.accounts && { stated: accountOf(context, address) }
      const held = balances.get(address)
      const body = greenView({ held, account, mints: mints.slice(0, mintsShown), older }, locale)
      return pages.show(c, { title: locale.words.green.title, body })
    }),
  )

  app.get(
    "/home/green/:batch",
    forHousehold((c, { address }, locale) => {
      const number = c.req.param("batch") ?? ""
      const why = /^\d{1,18}$/.test(number) ? whyOf(context, address, BigInt(number)) : undefined
      if (!why) return pages.notFound(c)
      const title = locale.words.why.title(locale.green(why.units))
      return pages.show(c, { title, body: whyView(why, locale), path: "/home/green" })
    }),
  )

  app.get(
    "/home/data",
    forHousehold((c, _household, locale) => {
      const body = dataView({ first: days.firstDay(), last: today() }, locale)
      return pages.show(c, { title: locale.words.data.title, body })
    }),
  )

  /** A day's intervals by the hour of the place. */
  function hours(records: readonly IntervalEnergy[], day: string, locale: Locale): EnergyRow[] {
    const start = calendar.startOf(day)
    const end = calendar.startOf(dayAfter(day))
    const rows: EnergyRow[] = []
    for (let hour = start; hour < end; hour += 3600) {
      const within = records.filter((record) => record.start >= hour && record.start < hour + 3600)
      const sum = within.length > 0 ? sumOf(within) : nothing
      const label = rows.length % 3 === 0 ? locale.hour(hour) : ""
      rows.push({ ...sum, name: locale.time(hour), label })
    }
    return rows
  }

  return app
}

const nothing: EnergySum = { energy: undefined, known: 0, missing: 0 }

export function addSums(sums: readonly EnergySum[]): EnergySum {
  const count = (name: "known" | "missing") => sums.reduce((total, sum) => total + sum[name], 0)
  return {
    energy: addAll(sums.flatMap(({ energy }) => energy ?? [])),
    known: count("known"),
    missing: count("missing"),
  }
}
