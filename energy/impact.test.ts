import { existsSync, readFileSync } from "node:fs"
import fc from "fast-check"
import t from "tap"
import { type EmissionFactors, readEmissionFactors } from "../protocol/emission-factors.ts"
import { type Impact, impactOf as impactBy } from "./impact.ts"

const head = "# grid: DE\n# source: made up\n# version: 7\nhour,grams_per_kwh\n"
const table = (rows: string) => readEmissionFactors(new TextEncoder().encode(head + rows))
const impactOf = (records: Parameters<typeof impactBy>[0], factors: EmissionFactors): Impact =>
  impactBy(records, ({ start }) => factors.milligramsPerKwh(start))
const midnight = Date.parse("2026-06-01T00:00:00Z") / 1000
const record = (start: number, generatedWh: bigint, exportedWh = 0n) => ({
  start,
  energy: { generatedWh, importedWh: 0n, exportedWh, givenWh: 0n, receivedWh: 0n },
})

t.test("CO2 is avoided by the factor of each hour, to the gram, rounded down once", async (t) => {
  const factors = table("2026-06-01T00:00Z,400.5\n2026-06-01T01:00Z,100\n")
  const quarters = [0, 900, 1800, 2700].map((s) => record(midnight + s, 333n))
  // 1332 Wh × 400.5 g/kWh + 1000 Wh × 100 g/kWh = 633.466 g; quarter by quarter rounded it would be 632.
  const impact = impactOf([...quarters, record(midnight + 3600, 1000n, 400n)], factors)
  t.match(impact, { generatedWh: 2332n, selfConsumedWh: 1932n, avoidedGrams: 633n, intervals: 5, gaps: 0 })
})

t.test("a gap is in no sum, and an hour without a factor avoids nothing; both are said", async (t) => {
  const factors = table("2026-06-01T00:00Z,400\n")
  const records = [record(midnight, 1000n), { start: midnight + 900, energy: undefined }]
  t.match(impactOf([...records, record(midnight + 3600, 5000n)], factors), {
    generatedWh: 6000n,
    avoidedGrams: 400n,
    intervals: 2,
    gaps: 1,
    withoutFactor: 1,
  })
})

t.test("self-consumption is never more than what was generated, nor below nothing", async () => {
  const factors = table("2026-06-01T00:00Z,400\n")
  const wh = fc.bigInt({ min: 0n, max: 10_000n })
  fc.assert(
    fc.property(fc.array(fc.tuple(wh, wh)), (pairs) => {
      const records = pairs.map(([made, fedIn], i) => record(midnight + 900 * i, made, fedIn))
      const { selfConsumedWh, generatedWh, avoidedGrams } = impactOf(records, factors)
      return (
        selfConsumedWh >= 0n && selfConsumedWh <= generatedWh && avoidedGrams <= (generatedWh * 400n) / 1000n
      )
    }),
  )
})

const homes = "../shared/data/sierra-crest-17-homes-hourly.csv"
t.test(
  "a real year of a real grid: what 17 homes avoided is what the columns add up to",
  { skip: existsSync(homes) ? false : "the measured homes are not here" },
  async (t) => {
    const [header = "", ...lines] = readFileSync(homes, "utf8").trim().split("\n")
    const columns = header.split(",")
    const factor = columns.indexOf("grid_gco2_per_kwh")
    const rows = lines.map((line) => line.split(","))
    const text = rows.map((row) => `${row[0]}Z,${row[factor]}`).join("\n")
    const factors = table(`${text}\n`)
    t.equal(factors.hours, 8760)
    let generated = 0n
    let tenthsOfMilligrams = 0n
    const records = rows.flatMap((row) =>
      columns.flatMap((name, i) => {
        if (!/^home\d+_pv_wh$/.test(name)) return []
        const wh = BigInt(row[i]!)
        generated += wh
        tenthsOfMilligrams += wh * BigInt(Math.round(Number(row[factor]) * 10))
        return [record(Date.parse(`${row[0]}Z`) / 1000, wh)]
      }),
    )
    const impact = impactOf(records, factors)
    t.equal(impact.generatedWh, 103_425_908n)
    t.equal(impact.generatedWh, generated)
    t.equal(impact.avoidedGrams, tenthsOfMilligrams / 10_000n)
  },
)
