import t from "tap"
import type { CountedReading } from "../../energy/batch.ts"
import type { Registers } from "../../energy/judge.ts"
import type { Rules } from "../../protocol/evidence.ts"
import type { Hex } from "../../protocol/hex.ts"
import { type MeterDay, spanOfToday, todayOf } from "./today.ts"

const midnight = Date.UTC(2026, 5, 21) / 1000
const rules: Rules = {
  version: 1,
  sharingKey: { name: "proportional", version: 1 },
  intervalSeconds: 900,
  headroomBasisPoints: 1000,
  clockToleranceSeconds: 120,
}
const digest: Hex = "0x00"
const homes = [
  { name: "A", address: "0xaa" as Hex },
  { name: "B", address: "0xbb" as Hex },
]

function meter(name: string, household: Hex, readings: [seconds: number, registers: Registers][]): MeterDay {
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

t.test("use is generation plus import minus export, and what is given is what is received", async (t) => {
  const today = todayOf(homes, [roofA, gridA, gridB], span, rules)
  t.same(today.homes[0]?.energy, {
    generated: 2500n,
    used: 510n,
    given: 500n,
    received: 0n,
    toGrid: 1500n,
    fromGrid: 10n,
  })
  t.same(today.homes[1]?.energy, {
    generated: 0n,
    used: 500n,
    given: 0n,
    received: 500n,
    toGrid: 0n,
    fromGrid: 0n,
  })
  t.same(today.total, {
    generated: 2500n,
    used: 1010n,
    given: 500n,
    received: 500n,
    toGrid: 1500n,
    fromGrid: 10n,
  })
  t.ok(today.homes.every(({ missing }) => missing === 0))
})

t.test("a home with a gap says how many intervals are missing, and they are in no sum", async (t) => {
  const gap = meter("B grid", "0xbb", [
    [0, grid(0n, 0n)],
    [900, grid(300n, 0n)],
  ])
  const today = todayOf(homes, [roofA, gridA, gap], span, rules)
  t.match(today.homes[1], { missing: 1, energy: { used: 300n, received: 300n } })
  t.equal(today.total?.given, today.total?.received)
})

t.test("a home whose day is all gaps is not known", async (t) => {
  const gap = meter("B grid", "0xbb", [[-7200, grid(0n, 0n)]])
  const [, home] = todayOf(homes, [roofA, gridA, gap], span, rules).homes
  t.match(home, { missing: 2, energy: undefined })
})

t.test("a home is not known while one of its meters has not spoken", async (t) => {
  const silent = meter("A roof", "0xaa", [])
  const tooLate = meter("A roof", "0xaa", [[1801, { generatedWh: 7n }]])
  for (const roof of [silent, tooLate]) {
    const [home] = todayOf(homes, [roof, gridA, gridB], span, rules).homes
    t.same(home?.energy, undefined)
    t.same(home?.silent, ["A roof"])
  }
})

t.test("a home without a meter for its use has a generation and nothing more", async (t) => {
  const [home] = todayOf(homes, [roofA, gridB], span, rules).homes
  t.match(home, { energy: undefined, generatedAlone: 2500n, missing: 0 })
})

t.test("before the first interval of the day is over nothing is known", async (t) => {
  const today = todayOf(homes, [roofA, gridA, gridB], { from: midnight, to: midnight }, rules)
  t.match(today, { total: undefined, homes: [{ energy: undefined, missing: 0 }, { energy: undefined }] })
})

t.test("intervals before a meter was commissioned are not missing", async (t) => {
  const late = { ...gridB, startTime: midnight + 900, readings: gridB.readings.slice(1) }
  const [, home] = todayOf(homes, [roofA, gridA, late], span, rules).homes
  t.match(home, { missing: 0, energy: { used: 200n } })
})

t.test("today begins at midnight UTC, or with the site", async (t) => {
  const noon = midnight + 12 * 3600 + 7
  t.match(spanOfToday(noon, [midnight - 5 * 86_400], 900), { midnight, from: midnight, to: noon - 7 })
  t.match(spanOfToday(noon, [midnight + 3700], 900), { from: midnight + 3600 })
  t.match(
    spanOfToday(noon, [noon + 86_400], 900),
    { from: noon - 7, to: noon - 7 },
    "not before it has begun",
  )
})
