import t from "tap"
import { rules, start, testClock, testMeter } from "../intake.test.support.ts"
import { createIntake } from "../intake.ts"
import { openJournal } from "../journal/journal.ts"
import { roofsOf } from "./roofs.ts"

const hour = 3600

t.test(
  "a roof's hours and days are what its register rose by; where a reading lacks there is no figure",
  async (t) => {
    const meters = [testMeter("roof"), testMeter("grid"), testMeter("mute")]
    const [roof, grid] = meters as [(typeof meters)[0], (typeof meters)[0]]
    const journal = openJournal(t.testdir(), meters)
    t.teardown(() => journal.close())
    const clock = testClock()
    const intake = createIntake(meters, journal, rules, clock)
    const hours = 72
    for (let n = 1; n <= hours; n++) {
      const time = start + n * hour
      clock.set(time)
      const wh = BigInt(100 * n)
      // Nothing came at the fifth hour from the end.
      if (n !== hours - 5)
        await intake.submit({ source: "test", bytes: roof.says(n, { time, generatedWh: wh }) })
      await intake.submit({ source: "test", bytes: grid.says(n, { time, importedWh: wh, exportedWh: wh }) })
    }
    const [found, ...rest] = roofsOf({ meters }, journal, start + hours * hour)
    t.same(rest, [], "a meter that sees consumption is no roof, nor is one that never spoke")
    t.equal(found!.name, "roof")
    t.same(
      found!.hoursWh,
      Array.from({ length: 24 }, (_, i) => (i === 18 || i === 19 ? undefined : 100n)),
    )
    t.same(found!.daysWh.slice(-2), [2400n, 2400n])
    t.same(found!.daysWh.slice(0, 11), Array(11).fill(undefined), "before the first reading nothing is known")
  },
)
