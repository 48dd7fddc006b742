import t from "tap"
import { createChanges } from "./changes.ts"

const options = { everyMs: 1, mostListeners: 2 }
const patience = 60_000

t.test("a listener learns the value at once, and then whenever it is another", async (t) => {
  let value = "1"
  const changes = createChanges(() => value, options)
  const listener = changes.listen()!
  t.equal(await listener.next(patience), "1")
  t.equal(await listener.next(5), undefined, "nothing changed")
  value = "2"
  t.equal(await listener.next(patience), "2")
  listener.leave()
  t.ok(listener.left)
  t.equal(await listener.next(patience), undefined, "who left does not wait")
})

t.test("a slow listener finds the newest value and no queue", async (t) => {
  let value = 0
  let looks = 0
  const changes = createChanges(() => {
    looks++
    return String(value)
  }, options)
  const slow = changes.listen()!
  const other = changes.listen()!
  for (value = 1; value <= 5; value++) while ((await other.next(patience)) !== String(value));
  t.equal(await slow.next(patience), "5")
  slow.leave()
  other.leave()
  const before = looks
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.equal(looks, before, "nobody listens, so nobody looks")
})

t.test("there are only so many listeners, and who leaves makes room", async (t) => {
  const changes = createChanges(() => "", options)
  const first = changes.listen()!
  const second = changes.listen()!
  t.equal(changes.listen(), undefined)
  first.leave()
  const third = changes.listen()
  t.ok(third)
  second.leave()
  third?.leave()
})

t.test("a value that cannot be made does not end the listening", async (t) => {
  let broken = true
  const changes = createChanges(() => {
    if (broken) throw new Error("the disk is gone")
    return "1"
  }, options)
  const listener = changes.listen()!
  t.equal(await listener.next(5), undefined)
  broken = false
  t.equal(await listener.next(patience), "1")
  listener.leave()
})
