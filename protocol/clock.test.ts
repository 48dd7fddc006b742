import fc from "fast-check"
import t from "tap"
import { createClock, type Pace, paceShape, virtualTime, wallTime } from "./clock.ts"

/** Paces as runs have them: around these years, from a crawl to a day in a second. */
const paces = fc.record(
  {
    start: fc.integer({ min: 1_500_000_000, max: 1_800_000_000 }),
    wallStart: fc.integer({ min: 1_700_000_000_000, max: 1_900_000_000_000 }),
    speed: fc.oneof(
      fc.constantFrom(1, 60, 1440, 86_400),
      fc.double({ min: 0.001, max: 100_000, noNaN: true, noDefaultInfinity: true }),
    ),
    end: fc.integer({ min: 1_800_000_000, max: 1_800_100_000 }),
  },
  { requiredKeys: ["start", "wallStart", "speed"] },
) as fc.Arbitrary<Pace>
const walls = fc.integer({ min: 1_600_000_000_000, max: 2_000_000_000_000 })

t.test("virtual time never overtakes the wall clock, and stops at its end", async () => {
  fc.assert(
    fc.property(paces, walls, (pace, wall) => {
      const time = virtualTime(pace, wall)
      return time <= wall / 1000 && time <= (pace.end ?? Infinity) && Number.isInteger(time)
    }),
    { numRuns: 2000 },
  )
})

t.test("virtual time never goes back", async () => {
  fc.assert(
    fc.property(paces, walls, fc.nat(10_000_000), (pace, wall, later) => {
      return virtualTime(pace, wall) <= virtualTime(pace, wall + later)
    }),
    { numRuns: 2000 },
  )
})

t.test(
  "at the wall time of a moment the clock shows it, and two milliseconds before it does not",
  async () => {
    fc.assert(
      fc.property(paces, fc.integer({ min: 0, max: 10_000_000 }), (pace, after) => {
        const time = pace.start + after
        const wall = wallTime(pace, time)
        if (pace.end !== undefined && time > pace.end) return wall === Infinity
        if (!Number.isInteger(wall) || virtualTime(pace, wall) < time) return false
        return after === 0 || virtualTime(pace, wall - 2) < time
      }),
      { numRuns: 5000 },
    )
  },
)

t.test("where two conversions would round apart, a timer still finds the time reached", async (t) => {
  const pace = { start: 1_750_000_000, wallStart: 1_780_000_000_123, speed: 1.1 }
  let [rounded, late] = [0, 0]
  for (let time = pace.start + 1; time < pace.start + 20_000; time++) {
    const exact = pace.wallStart + ((time - pace.start) / pace.speed) * 1000
    if (virtualTime(pace, exact) < time) rounded++
    if (virtualTime(pace, wallTime(pace, time)) < time) late++
  }
  t.equal(late, 0)
  t.ok(rounded > 0, "the case occurs")
})

t.test(
  "a clock with a pace waits until the virtual time is there; without one it is the wall clock",
  async (t) => {
    let wall = 1_780_000_000_000
    const pace = { start: 1_700_000_000, wallStart: wall, speed: 60, end: 1_700_003_600 }
    const clock = createClock(pace, () => wall)
    t.equal(clock.now(), pace.start)
    t.equal(clock.delayUntil(pace.start + 60), 1000)
    t.equal(clock.delayUntil(pace.start), 0)
    t.equal(clock.delayUntil(pace.end + 1), Infinity)
    wall += 1000
    t.equal(clock.now(), pace.start + 60)
    wall += 86_400_000
    t.equal(clock.now(), pace.end)

    const real = createClock(undefined, () => wall + 999)
    t.equal(real.now(), wall / 1000)
    t.equal(real.delayUntil(wall / 1000 + 2), 1001)
    t.equal(real.delayUntil(0), 0)
  },
)

t.test("a demonstration that would run ahead of the wall clock goes with it", async (t) => {
  const wallStart = 1_780_000_000_000
  const pace = { start: wallStart / 1000 - 60, wallStart, speed: 1000 }
  t.equal(virtualTime(pace, wallStart + 1000), wallStart / 1000 + 1)
  t.equal(wallTime(pace, wallStart / 1000 + 10), wallStart + 10_000)
})

t.test("a pace in a configuration is whole seconds and a speed above 0", async (t) => {
  const pace = { start: 1, wallStart: 0, speed: 60 }
  t.ok(paceShape.safeParse(pace).success)
  for (const wrong of [{ speed: 0 }, { speed: -1 }, { speed: Infinity }, { start: 1.5 }, { more: 1 }])
    t.notOk(paceShape.safeParse({ ...pace, ...wrong }).success, JSON.stringify(wrong))
})
