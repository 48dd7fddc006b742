import { existsSync, readFileSync } from "node:fs"
import t from "tap"
import { clearSkyAnomalies, clearSkyDays, type Roof } from "./anomalies.ts"
import { mostFullHours, sunDay } from "./clear-sky.ts"
import type { Place } from "./sun.ts"

const day = 86_400
const utc = (text: string) => Date.parse(text) / 1000
const berlin = { latitude: 52.52, longitude: 13.405 }
const fontana = { latitude: 34.09, longitude: -117.44 }

t.test("no roof can be at its rated power while the sun is low or down", async (t) => {
  const hours = (text: string, place: Place = berlin) => mostFullHours(sunDay(place, utc(text)))
  const [june, december] = [hours("2026-06-22T00:00:00Z"), hours("2026-12-22T00:00:00Z")]
  t.ok(june > 9 && june < 14, `${june} h of full power at most in June`)
  t.ok(december > 3 && december < 7, `${december} h in December`)
  t.equal(hours("2026-12-22T00:00:00Z", { latitude: 69.65, longitude: 18.96 }), 0, "Tromsø's night")
})

const until = utc("2026-06-22T00:00:00Z")
/** Six weeks of a roof that makes a share of what a clear sky sends, by day. */
const roof = (share: (i: number) => bigint): Roof => ({
  name: "Anna roof",
  ratedW: 5000,
  hoursWh: [],
  daysWh: Array.from(
    { length: clearSkyDays },
    (_, i) => (sunDay(berlin, until - (clearSkyDays - 1 - i) * day).roofWh * 4n * share(i)) / 100n,
  ),
})
const kinds = (one: Roof) => clearSkyAnomalies([one], until, berlin).map(({ kind }) => kind)
const weather = (i: number) => [100n, 35n, 60n, 15n, 92n, 70n, 20n][i % 7]!

t.test(
  "a single roof that lost a third is seen once two weeks are over, and clouds are no loss",
  async (t) => {
    t.same(kinds(roof(weather)), [])
    const lost = roof((i) => (i < 30 ? weather(i) : (weather(i) * 2n) / 3n))
    const [found] = clearSkyAnomalies([lost], until, berlin)
    t.match(found, {
      kind: "below-clear-sky",
      roofs: ["Anna roof"],
      says: /^Anna roof gave \d+ Wh on the best of 14 days, \d\d % of the \d+ Wh that a clear sky/,
    })
    t.same(
      kinds(roof((i) => (i < 33 ? weather(i) : 60n))),
      [],
      "one clear day is enough to say that all is well",
    )
    const [holes] = [roof(weather)]
    t.same(kinds({ ...lost, daysWh: lost.daysWh.map((wh, i) => (i % 3 === 0 ? undefined : wh)) }), [])
    t.same(kinds({ ...holes, daysWh: [] }), [], "where little is known nothing is said")
    t.same(kinds({ ...holes, daysWh: holes.daysWh.map(() => 0n) }), [], "nor where nothing ever came")
  },
)

t.test("more than a clear sky allows is seen, whoever else agrees", async (t) => {
  const fed = (wh: bigint): Roof => ({ ...roof(weather), daysWh: [...roof(weather).daysWh.slice(0, -1), wh] })
  t.same(kinds(fed(45_000n)), [], "a roof with many panels on the longest day")
  t.match(clearSkyAnomalies([fed(80_000n)], until, berlin), [
    {
      kind: "above-clear-sky",
      says: /counted 80000 Wh as generated in 24 hours, .* \d+ Wh to a roof of 5000 W/,
    },
  ])
})

const konstanz = { latitude: 47.66, longitude: 9.17 }

/** Homes' days of generation as they were measured; undefined where the meter was not read. */
function measuredHomes(): {
  name: string
  place: Place
  ratedW: number
  until: number
  days: (bigint | undefined)[]
}[] {
  const rows = (file: string) =>
    readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((row) => row.split(","))
  const american = rows(files[0]!)
  // Local time, seven hours behind UTC.
  const first = utc("2016-08-01T06:00:00Z")
  const homes = american[0]!.flatMap((name, column) =>
    /^home\d+_pv_wh$/.test(name) ? [{ name, column }] : [],
  )
  const whole = Math.floor((american.length - 1) / 24)
  const registers = new Map(rows(files[1]!).map(([time, , , kWh]) => [utc(time!), kWh!]))
  const start = utc("2015-10-12T00:00:00Z")
  const length = Math.floor((Math.max(...[...registers.keys()].filter((time) => time > 0)) - start) / day)
  const at = (n: number) => {
    const text = registers.get(start + n * day)
    return text ? BigInt(Math.round(Number(text) * 1000)) : undefined
  }
  return [
    ...homes.map(({ name, column }, i) => ({
      name,
      place: fontana,
      ratedW: i === 3 || i >= 9 ? 5000 : 4000,
      until: first + day,
      days: Array.from({ length: whole }, (_, d) =>
        american.slice(1 + d * 24, 25 + d * 24).reduce((sum, row) => sum + BigInt(row[column]!), 0n),
      ),
    })),
    {
      name: "konstanz",
      place: konstanz,
      ratedW: 10_000,
      until: start + day,
      days: Array.from({ length }, (_, d) => {
        const [from, to] = [at(d), at(d + 1)]
        return from === undefined || to === undefined ? undefined : to - from
      }),
    },
  ]
}

const files = [
  "../shared/data/sierra-crest-17-homes-hourly.csv",
  "../shared/data/konstanz-1-home-registers-hourly.csv",
]
const absent = files.find((file) => !existsSync(file))
t.test("on real homes", { skip: absent === undefined ? false : `there is no ${absent}` }, async (t) => {
  const homes = measuredHomes()
  /** The looks at which something is found, by home. */
  const looks = (name: string, change: (wh: bigint, d: number) => bigint, from = clearSkyDays, to = 9999) => {
    const { place, ratedW, until, days } = homes.find((home) => home.name === name)!
    const changed = days.map((wh, d) => (wh === undefined ? undefined : change(wh, d)))
    const found: number[] = []
    for (let d = from; d <= Math.min(to, days.length); d += 3) {
      const one = { name, ratedW, hoursWh: [], daysWh: changed.slice(d - clearSkyDays, d) }
      if (clearSkyAnomalies([one], until + (d - 1) * day, place).length > 0) found.push(d)
    }
    return found
  }

  t.test("a year is without a false alarm, but for the one roof that stood still", async (t) => {
    for (const { name } of homes)
      if (name === "home15_pv_wh") t.ok(looks(name, (wh) => wh).length >= 10, name)
      else
        t.same(
          looks(name, (wh) => wh),
          [],
          name,
        )
  })

  t.test("a third that is lost in spring, summer or autumn is seen within three weeks", async (t) => {
    for (const name of ["home1_pv_wh", "home5_pv_wh", "home10_pv_wh", "home13_pv_wh", "konstanz"])
      for (const lostOn of name === "konstanz" ? [170, 250, 330] : [60, 120, 200, 260, 320]) {
        const found = looks(name, (wh, d) => (d < lostOn ? wh : (wh * 2n) / 3n), lostOn + 14, lostOn + 22)
        t.ok(found.length > 0, `${name} from day ${lostOn}: ${found}`)
      }
  })
})
