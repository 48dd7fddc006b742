import t from "tap"
import { createOutbox, type OutgoingMessage } from "./outbox.ts"

t.test("little is under way at once, and of what a broker keeps only the last is said", async (t) => {
  const said: OutgoingMessage[] = []
  const done: (() => void)[] = []
  const say = createOutbox((message, then) => {
    said.push(message)
    done.push(then)
  })
  for (let i = 0; i < 100; i++) say({ topic: `receipt ${i}`, payload: "", retain: false })
  t.equal(said.length, 50)
  for (let i = 0; i < 5000; i++) say({ topic: "state", payload: String(i), retain: true })
  while (done.length > 0) {
    done.shift()!()
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.equal(said.length, 101)
  t.equal(said.at(-1)!.payload, "4999")
  t.same(
    said.slice(0, 100).map(({ topic }) => topic),
    Array.from({ length: 100 }, (_, i) => `receipt ${i}`),
  )
})

t.test("what waits is bounded, and the oldest goes first", async (t) => {
  const said: string[] = []
  let then = () => {}
  const say = createOutbox(({ topic }, done) => {
    said.push(topic)
    then = done
  })
  for (let i = 0; i < 3000; i++) say({ topic: `${i}`, payload: "", retain: false })
  t.equal(said.length, 50)
  then()
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(said.at(-1), "2000")
})
