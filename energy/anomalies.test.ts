import { existsSync, readFileSync } from "node:fs"
import t from "tap"
import { anomalies, type Roof } from "./anomalies.ts"
import { elevation, type Place, sunPosition } from "./sun.ts"

const fontana = { latitude: 34.09, longitude: -117.44 }
const berlin = { latitude: 52.52, longitude: 13.405 }
const utc = (text: string) => Date.parse(text) / 1000

t.test("the sun stands where the almanac has it, to half a degree", async (t) => {
  const height = (place: Place, time: number) => elevation(sunPosition(place, time))
  // At noon 90° − latitude ± declination; at the equinox it crosses the equator's horizon at six.
  const near = (found: number, expected: number) =>
    t.ok(Math.abs(found - expected) < 0.6, `${found} ~ ${expected}`)
  near(height(berlin, utc("2026-06-21T11:08:00Z")), 90 - 52.52 + 23.44)
  near(height(berlin, utc("2026-12-21T11:05:00Z")), 90 - 52.52 - 23.44)
  near(height(berlin, utc("2026-06-20T23:08:00Z")), -(90 - 52.52 - 23.44))
  near(height({ latitude: 0, longitude: 0 }, utc("2026-03-20T12:07:30Z")), 90)
})

const hours = (wh: (hour: number) => bigint) => Array.from({ length: 24 }, (_, i) => wh(i))
const sunny = (hour: number) => (hour > 6 && hour < 20 ? BigInt(300 + 97 * hour) : 0n)
const roof = (name: string, more: Partial<Roof> = {}): Roof => ({
  name,
  ratedW: 4000,
  hoursWh: hours((hour) => sunny(hour) + BigInt(name.length * (sunny(hour) > 0n ? hour : 0))),
  daysWh: Array.from({ length: 14 }, (_, i) => 20_000n + BigInt(i * 100)),
  ...more,
})
const four = [roof("a"), roof("bb"), roof("ccc"), roof("dddd")]
const midnight = utc("2026-06-21T22:00:00Z")
const kinds = (roofs: readonly Roof[]) =>
  anomalies(roofs, midnight, berlin).map((one) => [one.kind, ...one.roofs])

t.test("roofs in the sun are no anomaly, alike as they are", async (t) => {
  t.same(kinds(four), [])
})

t.test("night, twins and a lost string are each seen, by name", async (t) => {
  const winter = (wh: bigint) => [
    roof("a", { hoursWh: hours((hour) => (hour < 3 ? wh : hour > 8 && hour < 15 ? 700n : 0n)) }),
  ]
  const night = (wh: bigint) => anomalies(winter(wh), utc("2026-12-21T23:00:00Z"), berlin)
  t.same(
    night(600n).map(({ kind }) => kind),
    ["night-generation"],
  )
  t.same(night(10n), [], "what an inverter's clock is off is noise")
  t.same(kinds([...four, { ...four[0]!, name: "copy" }]), [["twins", "a", "copy"]])
  const lost = (share: bigint) => four[1]!.daysWh.map((wh, i) => (i < 11 ? wh : (wh! * share) / 100n))
  t.same(kinds([four[0]!, { ...four[1]!, daysWh: lost(60n) }, four[2]!, four[3]!]), [["string-off", "bb"]])
  t.same(kinds([four[0]!, { ...four[1]!, daysWh: lost(75n) }, four[2]!, four[3]!]), [])
  const cloudy = four.map((one) => ({ ...one, daysWh: one.daysWh.map((wh, i) => (i < 11 ? wh : wh! / 9n)) }))
  t.same(kinds(cloudy), [], "a week of clouds is over all of them")
})

const file = "../shared/data/sierra-crest-17-homes-hourly.csv"
t.test(
  "on a year of 17 real homes",
  { skip: existsSync(file) ? false : `there is no ${file}` },
  async (t) => {
    const rows = readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((row) => row.split(","))
    const columns = rows[0]!.flatMap((name, i) => (/^home\d+_pv_wh$/.test(name) ? [i] : []))
    const wh = columns.map((column) => rows.slice(1).map((row) => BigInt(row[column]!)))
    const seen = new Map<string, number>()
    let looks = 0
    for (let day = 14; day * 24 <= rows.length - 1; day += 1) {
      const roofs = wh.map(
        (all, i): Roof => ({
          name: `home ${i + 1}`,
          ratedW: i === 3 || i >= 9 ? 5000 : 4000,
          hoursWh: all.slice(day * 24 - 24, day * 24),
          daysWh: Array.from({ length: 14 }, (_, d) =>
            all.slice((day - 14 + d) * 24, (day - 13 + d) * 24).reduce((a, b) => a + b),
          ),
        }),
      )
      // The file is in local time.
      const until = utc("2016-08-01T07:00:00Z") + (day - 1) * 86_400 + 82_800
      for (const { kind, roofs: who } of anomalies(roofs, until, fontana)) {
        const key = `${kind} ${who.join(" ")}`
        seen.set(key, (seen.get(key) ?? 0) + 1)
      }
      looks += roofs.length
    }
    t.comment(`${looks} days of roofs: ${JSON.stringify([...seen])}`)
    t.ok(looks > 5000)
    t.notOk(
      [...seen.keys()].some((key) => !key.startsWith("string-off")),
      "no night, no twins",
    )
    t.ok((seen.get("string-off home 15") ?? 0) > 100, "the one with a fault is seen")
    // Homes 14 and 15 have known faults.
    const others = [...seen].filter(([key]) => !/home 1[45]$/.test(key)).reduce((sum, [, n]) => sum + n, 0)
    t.ok(others * 100 < looks, `${others} false alarms on ${looks} days of roofs`)
  },
)
