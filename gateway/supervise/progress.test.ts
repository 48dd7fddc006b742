import fc from "fast-check"
import t from "tap"
import { createProgress } from "./progress.ts"

function atTime() {
  let ms = 0
  const progress = createProgress(() => ms)
  const pass = (more: number) => {
    ms += more
  }
  return { progress, pass }
}

t.test("a loop that comes round in time goes on; one that does not stands still, by name", async (t) => {
  const { progress, pass } = atTime()
  const polled = progress.loop("polling Home 1", 10_000)
  progress.loop("settlement", 60_000)
  pass(10_000)
  t.same(progress.stalls(), [])
  pass(1)
  t.same(progress.stalls(), [{ what: "polling Home 1", seconds: 10 }])
  polled()
  t.same(progress.stalls(), [], "and it may come back")
  pass(60_001)
  t.same(
    progress.stalls().map(({ what }) => what),
    ["settlement", "polling Home 1"],
    "who stood longest comes first",
  )
})

t.test("a loop that never came round at all stands still too", async (t) => {
  const { progress, pass } = atTime()
  progress.loop("polling Home 1", 10_000)
  pass(25_000)
  t.same(progress.stalls(), [{ what: "polling Home 1", seconds: 25 }])
})

t.test("work must end, well or badly; how is its own affair", async (t) => {
  const { progress, pass } = atTime()
  const never = new Promise<void>(() => {})
  void progress.within("storing readings", 1_000, never)
  await progress.within("storing readings", 1_000, Promise.resolve())
  await t.rejects(progress.within("storing readings", 1_000, Promise.reject(new Error("disk full"))), {
    message: "disk full",
  })
  pass(1_001)
  t.same(progress.stalls(), [{ what: "storing readings", seconds: 1 }], "one name, however many wait")
})

t.test("whatever else goes on, what stands still is never forgotten", async (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(4), fc.nat(5_000))), (turns) => {
      const { progress, pass } = atTime()
      progress.loop("stuck", 1_000)
      const others = [0, 1, 2, 3, 4].map((n) => progress.loop(`loop ${n}`, 1_000))
      let passed = 0
      for (const [which, ms] of turns) {
        pass(ms)
        passed += ms
        others[which]!()
      }
      return progress.stalls().some(({ what }) => what === "stuck") === passed > 1_000
    }),
  )
  t.pass()
})
