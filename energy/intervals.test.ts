import fc from "fast-check"
import t from "tap"
import { boundaryAt, meterIntervals } from "./intervals.ts"
import type { Anchor } from "./judge.ts"

const length = 900
const at = (seconds: number, wh: number): Anchor => ({
  time: seconds,
  registers: { generatedWh: BigInt(wh) },
})
const split = (accepted: readonly Anchor[], from: number, to: number) =>
  meterIntervals(accepted, from, to, length).map(({ start, energy }) => [start, energy?.generatedWh])

t.test("boundaries are aligned to UTC, and a boundary is its own", async (t) => {
  t.equal(boundaryAt(1_780_272_899, length), 1_780_272_000)
  t.equal(boundaryAt(1_780_272_000, length), 1_780_272_000)
  t.equal(boundaryAt(1_780_271_999, length), 1_780_271_100)
  t.equal(boundaryAt(1_780_272_899, 3600) % 3600, 0)
})

t.test("a reading at a boundary ends one interval and begins the next", async (t) => {
  t.same(split([at(0, 100), at(900, 130), at(1800, 190)], 0, 1800), [
    [0, 30n],
    [900, 60n],
  ])
})

t.test("between boundaries the last reading before one stands for it", async (t) => {
  t.same(split([at(-1, 100), at(450, 110), at(899, 130), at(901, 131), at(1799, 190)], 0, 1800), [
    [0, 30n],
    [900, 60n],
  ])
})

t.test("a boundary is known by a reading that is less than one interval older", async (t) => {
  t.same(split([at(-899, 100), at(1, 130)], 0, 900), [[0, 30n]])
  t.same(split([at(-900, 100), at(1, 130)], 0, 900), [[0, undefined]])
})

t.test("what is not known is a gap and not a zero, and what was in it is in no interval", async (t) => {
  t.same(split([at(0, 100), at(900, 130), at(4000, 900), at(4500, 950), at(5400, 960)], 0, 5400), [
    [0, 30n],
    [900, undefined],
    [1800, undefined],
    [2700, undefined],
    [3600, undefined],
    [4500, 10n],
  ])
  t.same(split([], 0, 1800), [
    [0, undefined],
    [900, undefined],
  ])
  t.same(split([at(0, 5), at(900, 5)], 0, 900), [[0, 0n]], "no energy is a zero and not a gap")
})

t.test("a reading that is later than the last boundary belongs to a later batch", async (t) => {
  t.same(split([at(0, 100), at(900, 130), at(901, 140)], 0, 900), [[0, 30n]])
  t.same(split([at(0, 100), at(901, 140)], 0, 900), [[0, undefined]])
})

t.test("each register is split on its own, and one that is not there is not made up", async (t) => {
  const both = (seconds: number, imported: number, exported: number): Anchor => ({
    time: seconds,
    registers: { importedWh: BigInt(imported), exportedWh: BigInt(exported) },
  })
  t.same(meterIntervals([both(0, 1, 2), both(900, 11, 7)], 0, 900, length), [
    { start: 0, energy: { importedWh: 10n, exportedWh: 5n } },
  ])
})

const readings = fc
  .constantFrom(60, 899, 1200, 3000)
  .chain((most) =>
    fc.array(fc.tuple(fc.integer({ min: 1, max: most }), fc.nat({ max: 500 })), {
      maxLength: 80,
      size: "max",
    }),
  )
  .map((steps) => {
    let seconds = -1000
    let wh = 0
    return steps.map(([more, energy]) => {
      seconds += more
      wh += energy
      return at(seconds, wh)
    })
  })

t.test(
  "sums over intervals are the register's differences between known boundaries; nothing is counted twice",
  async (t) => {
    let gaps = 0
    let whole = 0
    fc.assert(
      fc.property(readings, fc.integer({ min: 1, max: 40 }), (accepted, n) => {
        const to = n * length
        const intervals = meterIntervals(accepted, 0, to, length)
        if (intervals.length !== n) return false
        // Independently: the register at a boundary, by looking at every reading.
        const register = (boundary: number) =>
          accepted.filter(({ time }) => time <= boundary && time > boundary - length).at(-1)?.registers
            .generatedWh
        let counted = 0n
        for (const { start, energy } of intervals) {
          const [before, after] = [register(start), register(start + length)]
          if (before === undefined || after === undefined) {
            gaps++
            if (energy !== undefined) return false
            continue
          }
          if (energy?.generatedWh !== after - before) return false
          counted += energy.generatedWh
        }
        if (counted < 0n || counted > (accepted.at(-1)?.registers.generatedWh ?? 0n)) return false
        if (intervals.some(({ energy }) => !energy)) return true
        whole++
        return counted === register(to)! - register(0)!
      }),
      { numRuns: 1000 },
    )
    t.ok(gaps > 100 && whole > 20, `${gaps} gaps, ${whole} runs without one`)
  },
)

t.test("it makes no difference in how many batches a time is cut", async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        readings,
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 20 }),
        (accepted, a, b) => {
          const [middle, end] = [a * length, (a + b) * length]
          const first = meterIntervals(accepted, 0, middle, length)
          // A later batch begins with the last reading that counted in the one before.
          const from = accepted.findLastIndex(({ time }) => time <= middle)
          const second = meterIntervals(accepted.slice(Math.max(0, from)), middle, end, length)
          const text = (value: unknown) =>
            JSON.stringify(value, (_, v) => (typeof v === "bigint" ? `${v}` : v))
          return text([...first, ...second]) === text(meterIntervals(accepted, 0, end, length))
        },
      ),
    ),
  )
})
