import t from "tap"
import type { Hex } from "../../protocol/hex.ts"
import { flowOf, isStale, type LatestReading, type MeterNow, measuresOf } from "./live.ts"

const now = 1_782_000_000
const homeA: Hex = "0xaa"
const homeB: Hex = "0xbb"

function meter(name: string, household: Hex, latest?: Partial<LatestReading>): MeterNow {
  const whole = latest && {
    measures: "grid" as const,
    powerW: 0,
    time: now - 5,
    periodSeconds: 10,
    ...latest,
  }
  return { name, household, latest: whole, unreachable: undefined }
}

t.test("what the sun gives, what homes use and what the grid takes add up", async (t) => {
  const flow = flowOf(
    [
      meter("A roof", homeA, { measures: "generation", powerW: 5000 }),
      meter("A grid", homeA, { powerW: -3500 }),
      meter("B grid", homeB, { powerW: 1200 }),
    ],
    now,
  )
  t.match(flow, { sunW: 5000, gridW: -2300, homesW: 2700, homesCounted: 2, homes: 2, leftOut: [] })
  t.equal(flow.sunW! + flow.gridW!, flow.homesW)
  t.equal(flow.betweenNeighboursW, 1200, "all that B takes in comes from A")
})

t.test("a stale meter is left out of the sum, by name, and its home out of what homes use", async (t) => {
  const flow = flowOf(
    [
      meter("A roof", homeA, { measures: "generation", powerW: 5000, time: now - 3600 }),
      meter("A grid", homeA, { powerW: -3500 }),
      meter("B grid", homeB, { powerW: 1200 }),
    ],
    now,
  )
  t.equal(flow.sunW, undefined, "not known, and not 0")
  t.match(flow, { gridW: -2300, homesW: 1200, homesCounted: 1, homes: 2 })
  t.match(flow.leftOut, [{ name: "A roof", because: "stale", time: now - 3600 }])
})

t.test("what cannot be known is not shown as 0", async (t) => {
  const flow = flowOf([meter("A roof", homeA), meter("A grid", homeA, { powerW: undefined })], now)
  t.match(flow, { sunW: undefined, gridW: undefined, homesW: undefined, betweenNeighboursW: undefined })
  t.same(
    flow.leftOut.map(({ because }) => because),
    ["never reported", "no power"],
  )
})

t.test("a meter that counts generation and the grid in one has no power that means one thing", async (t) => {
  const flow = flowOf([meter("A", homeA, { measures: "both", powerW: 700 })], now)
  t.match(flow.leftOut, [{ because: "measures both" }])
})

t.test("what a home uses is not known where only its generation is measured", async (t) => {
  const flow = flowOf([meter("A roof", homeA, { measures: "generation", powerW: 5000 })], now)
  t.match(flow, { sunW: 5000, gridW: undefined, homesW: undefined })
})

t.test("a reading is stale after three periods, at the latest after half an hour", async (t) => {
  const reading = (age: number, periodSeconds?: number): LatestReading => ({
    measures: "grid",
    powerW: 1,
    time: now - age,
    periodSeconds,
  })
  t.notOk(isStale(reading(59, 1), now), "a message may be a little late")
  t.ok(isStale(reading(61, 1), now))
  t.notOk(isStale(reading(900, 300), now))
  t.ok(isStale(reading(901, 300), now))
  t.ok(isStale(reading(1801, 900), now))
  t.notOk(isStale(reading(1800), now))
  t.notOk(isStale(reading(900, 60), now, 1440), "a minute of real time is longer where time runs faster")
  t.ok(isStale(reading(1801, 60), now, 1440))
})

t.test("registers tell what a meter measures", async (t) => {
  t.equal(measuresOf({ generatedWh: 1n }), "generation")
  t.equal(measuresOf({ importedWh: 1n, exportedWh: 1n }), "grid")
  t.equal(measuresOf({ generatedWh: 1n, importedWh: 1n }), "both")
})
