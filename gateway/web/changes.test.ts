import t from "tap"
import { createChanges } from "./changes.ts"
import type { Part } from "./screen.ts"

const options = { everyMs: 20, mostListeners: 2 }

t.test("a listener learns which parts changed, and of nothing else", async (t) => {
  const parts = new Map<Part, string>([
    ["now", "1"],
    ["today", "1"],
  ])
  let looks = 0
  const changes = createChanges(async () => {
    looks++
    return new Map(parts)
  }, options)
  const listener = changes.listen()!
  t.same(await listener.next(60), new Set(), "nothing changed")
  parts.set("now", "2")
  t.same(await listener.next(5000), new Set(["now"]))
  parts.set("now", "3")
  parts.set("today", "2")
  await new Promise((resolve) => setTimeout(resolve, 80))
  t.same(await listener.next(5000), new Set(["now", "today"]), "what happened between two calls is not lost")

  listener.leave()
  t.ok(listener.left)
  t.same(await listener.next(5000), new Set(), "who left does not wait")
  await new Promise((resolve) => setTimeout(resolve, 60))
  const before = looks
  await new Promise((resolve) => setTimeout(resolve, 80))
  t.equal(looks, before, "nobody listens, so nobody looks")
})

t.test("there are only so many listeners, and who leaves makes room", async (t) => {
  const changes = createChanges(async () => new Map(), options)
  const first = changes.listen()!
  const second = changes.listen()!
  t.equal(changes.listen(), undefined)
  first.leave()
  const third = changes.listen()
  t.ok(third)
  second.leave()
  third?.leave()
})

t.test("a part that cannot be made does not end the listening", async (t) => {
  let broken = true
  let text = "1"
  const changes = createChanges(async () => {
    if (broken) throw new Error("the disk is gone")
    return new Map<Part, string>([["now", text]])
  }, options)
  const listener = changes.listen()!
  t.same(await listener.next(60), new Set())
  broken = false
  t.same(await listener.next(5000), new Set(["now"]))
  text = "2"
  t.same(await listener.next(5000), new Set(["now"]))
  listener.leave()
})
