import fc from "fast-check"
import t from "tap"
import { answeredAfter, timeoutAfter, unknownPatience, waitedInVain } from "./patience.ts"

const bounds = { firstMs: 1500, leastMs: 200, mostMs: 4000 }
const after = (times: readonly number[]) =>
  times.reduce((patience, ms) => answeredAfter(ms, patience), unknownPatience)

t.test(
  "a unit of which nothing is known gets the first time-out, and twice that after each in vain",
  async (t) => {
    const once = waitedInVain(unknownPatience)
    t.same(
      [unknownPatience, once, waitedInVain(once), waitedInVain(waitedInVain(once))].map((patience) =>
        timeoutAfter(patience, bounds),
      ),
      [1500, 3000, 4000, 4000],
    )
  },
)

t.test("a quick unit soon gets the least time-out, a slow one what it needs", async (t) => {
  t.equal(timeoutAfter(after(new Array(20).fill(8)), bounds), 200)
  const slow = timeoutAfter(after(new Array(50).fill(900)), bounds)
  t.ok(slow >= 900 && slow < 910, `${slow} ms`)
  t.ok(timeoutAfter(after([300, 900, 300, 900, 300, 900]), bounds) > 1500, "one that varies gets more")
})

t.test("an answer ends the doubling", async (t) => {
  const late = waitedInVain(waitedInVain(after([100, 100, 100])))
  t.ok(timeoutAfter(late, bounds) >= 800)
  t.ok(timeoutAfter(answeredAfter(100, late), bounds) < 400)
})

const event = fc.option(fc.double({ min: 0, max: 20_000, noNaN: true }))

t.test(
  "a time-out is always within its bounds, never less after waiting in vain, and enough for a unit that answers " +
    "steadily",
  async () => {
    fc.assert(
      fc.property(fc.array(event), fc.double({ min: 0, max: 3900, noNaN: true }), (events, steadyMs) => {
        const patience = events.reduce(
          (before, ms) => (ms === null ? waitedInVain(before) : answeredAfter(ms, before)),
          unknownPatience,
        )
        const timeout = timeoutAfter(patience, bounds)
        const steady = after([...events.filter((ms) => ms !== null), ...new Array(100).fill(steadyMs)])
        return (
          timeout >= bounds.leastMs &&
          timeout <= bounds.mostMs &&
          timeoutAfter(waitedInVain(patience), bounds) >= timeout &&
          timeoutAfter(steady, bounds) >= steadyMs - 0.1
        )
      }),
    )
  },
)
