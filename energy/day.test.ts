import t from "tap"
import type { Rules } from "../protocol/evidence.ts"
import type { Hex } from "../protocol/hex.ts"
import type { CountedReading } from "./batch.ts"
import { addAll, energyOfHomes, type MeterSpan, sumOf } from "./day.ts"
import type { Registers } from "./judge.ts"

const midnight = Date.UTC(2026, 5, 21) / 1000
const rules: Rules = {
  version: 1,
  sharingKey: { name: "proportional", version: 1 },
  intervalSeconds: 900,
  headroomBasisPoints: 1000,
  clockToleranceSeconds: 120,
}
const digest: Hex = "0x00"
const homes: Hex[] = ["0xaa", "0xbb"]

function meter(name: string, household: Hex, readings: [seconds: number, registers: Registers][]): MeterSpan {
  return {
    name,
    household,
    meterId: `0x${Buffer.from(name).toString("hex")}`,
    startTime: midnight - 86_400,
    startWh: 0n,
    ratedW: 5000,
    restarts: [],
    readings: readings.map(
      ([seconds, registers]): CountedReading => ({ time: midnight + seconds, registers, digest }),
    ),
  }
}
const grid = (importedWh: bigint, exportedWh: bigint): Registers => ({ importedWh, exportedWh })
const roofA = meter("A roof", "0xaa", [
  [0, { generatedWh: 1000n }],
  [900, { generatedWh: 2000n }],
  [1800, { generatedWh: 3500n }],
])
const gridA = meter("A grid", "0xaa", [
  [0, grid(50n, 10n)],
  [900, grid(50n, 810n)],
  [1800, grid(60n, 2010n)],
])
const gridB = meter("B grid", "0xbb", [
  [0, grid(0n, 0n)],
  [900, grid(300n, 0n)],
  [1800, grid(500n, 0n)],
])
const span = { from: midnight, to: midnight + 1800 }

const sumsOf = (meters: MeterSpan[], within = span) =>
  energyOfHomes(homes, meters, within, rules).map(({ records, silent }) => ({ ...sumOf(records), silent }))

t.test("use is generation plus import minus export, and what is given is what is received", async (t) => {
  const sums = sumsOf([roofA, gridA, gridB])
  t.same(sums[0]?.energy, {
    generated: 2500n,
    exchange: { used: 510n, given: 500n, received: 0n, toGrid: 1500n, fromGrid: 10n },
  })
  t.same(sums[1]?.energy, {
    generated: 0n,
    exchange: { used: 500n, given: 0n, received: 500n, toGrid: 0n, fromGrid: 0n },
  })
  t.same(addAll(sums.map(({ energy }) => energy!)), {
    generated: 2500n,
    exchange: { used: 1010n, given: 500n, received: 500n, toGrid: 1500n, fromGrid: 10n },
  })
  t.ok(sums.every(({ missing }) => missing === 0))
})

t.test("a home with a gap says how many intervals are missing, and they are in no sum", async (t) => {
  const gap = meter("B grid", "0xbb", [
    [0, grid(0n, 0n)],
    [900, grid(300n, 0n)],
  ])
  const [a, b] = sumsOf([roofA, gridA, gap])
  t.match(b, { known: 1, missing: 1, energy: { exchange: { used: 300n, received: 300n } } })
  t.equal(a?.energy?.exchange?.given, b?.energy?.exchange?.received)
})

t.test("a home whose day is all gaps is not known", async (t) => {
  const gap = meter("B grid", "0xbb", [[-7200, grid(0n, 0n)]])
  t.match(sumsOf([roofA, gridA, gap])[1], { missing: 2, energy: undefined })
})

t.test("a home is not known while one of its meters has not spoken", async (t) => {
  const silent = meter("A roof", "0xaa", [])
  const tooLate = meter("A roof", "0xaa", [[1801, { generatedWh: 7n }]])
  for (const roof of [silent, tooLate])
    t.match(sumsOf([roof, gridA, gridB])[0], { energy: undefined, silent: ["A roof"] })
})

t.test("a home without a meter for its use has a generation and nothing more", async (t) => {
  t.match(sumsOf([roofA, gridB])[0], { energy: { generated: 2500n, exchange: undefined }, missing: 0 })
})

t.test("of two roofs without a meter for use a gap in one is a gap of the home", async (t) => {
  const second = meter("A barn", "0xaa", [
    [0, { generatedWh: 0n }],
    [900, { generatedWh: 40n }],
  ])
  t.match(sumsOf([roofA, second, gridB])[0], { energy: { generated: 1040n }, known: 1, missing: 1 })
})

t.test("before the first interval of the day is over nothing is known", async (t) => {
  const sums = sumsOf([roofA, gridA, gridB], { from: midnight, to: midnight })
  t.match(sums, [{ energy: undefined, missing: 0 }, { energy: undefined }])
})

t.test("intervals before a meter was commissioned are not missing", async (t) => {
  const late = { ...gridB, startTime: midnight + 900, readings: gridB.readings.slice(1) }
  t.match(sumsOf([roofA, gridA, late])[1], { missing: 0, energy: { exchange: { used: 200n } } })
})
