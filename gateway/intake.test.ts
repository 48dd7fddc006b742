import t from "tap"
import { Clock as ClockQuality } from "../protocol/reading.ts"
import { rules, start, testClock, testMeter } from "./intake.test.support.ts"
import { createIntake, mostPerCommit, type Outcome } from "./intake.ts"
import { type Journal, openJournal } from "./journal/journal.ts"

const roof = testMeter("roof")
const other = testMeter("other roof")

/** A journal that counts its commits and can be made to fail. */
function watched(journal: Journal) {
  const watch = { commits: 0, failing: (_n: number) => false }
  const commit: Journal["commit"] = (work) => {
    const n = ++watch.commits
    return journal.commit(() => {
      const done = work()
      if (watch.failing(n)) throw new Error("the disk is full")
      return done
    })
  }
  return { ...journal, commit, watch }
}

t.test("messages that come together share a commit, and each gets its own answer", async (t) => {
  const journal = watched(openJournal(t.testdir(), [roof, other]))
  const intake = createIntake([roof, other], journal, rules, testClock(start + 3600))
  const submit = (bytes: Uint8Array) => intake.submit({ source: "test", bytes })
  const outcomes = await Promise.all([
    submit(roof.says(1)),
    submit(other.says(1)),
    submit(Buffer.from("rubbish")),
    submit(roof.says(2, { generatedWh: 1n })),
    submit(roof.says(1)),
    submit(roof.says(3)),
  ])
  t.equal(journal.watch.commits, 1)
  t.match(outcomes, [
    { kind: "authentic", meter: { name: "roof" }, verdict: { accepted: true } },
    { kind: "authentic", meter: { name: "other roof" }, verdict: { accepted: true } },
    { kind: "refused", reason: "malformed" },
    { kind: "authentic", verdict: { accepted: false, reason: "register-fell" } },
    { kind: "refused", reason: "replayed" },
    { kind: "authentic", verdict: { accepted: true } },
  ])
  await Promise.all(Array.from({ length: mostPerCommit + 1 }, () => submit(Buffer.from("rubbish"))))
  t.equal(journal.watch.commits, 3, "only so many at most")
  journal.close()
})

t.test("nothing is acknowledged before it can be read back", async (t) => {
  const directory = t.testdir()
  const journal = openJournal(directory, [roof])
  const reader = openJournal(directory, [roof])
  const intake = createIntake([roof], journal, rules, testClock(start + 3600))
  for (const sequence of [1, 2, 3]) {
    await intake.submit({ source: "test", bytes: roof.says(sequence) })
    t.ok(reader.readings.earlier(roof.key.meterId, { keyIndex: 0, sequence }), "another connection sees it")
  }
  await intake.submit({ source: "test", bytes: Buffer.from("rubbish") })
  t.match(reader.quarantine.newest(1), [{ reason: "malformed", source: "test", received: start + 3600 }])
  journal.close()
  reader.close()
})

t.test("one message that cannot be stored does not hold up those beside it", async (t) => {
  const journal = openJournal(t.testdir(), [roof, other])
  const add = journal.readings.add
  journal.readings.add = (authentic, received) => {
    if (authentic.signed.reading.sequence === 13) throw new Error("poison")
    add(authentic, received)
  }
  const stored: Outcome[] = []
  const clock = testClock(start + 3600)
  const intake = createIntake([roof, other], journal, rules, clock, (outcome) => stored.push(outcome))
  const results = await Promise.allSettled(
    [1, 13, 14].map((sequence) => intake.submit({ source: "test", bytes: roof.says(sequence) })),
  )
  t.match(results, [
    { status: "fulfilled", value: { verdict: { accepted: true } } },
    { status: "rejected", reason: { message: "poison" } },
    { status: "fulfilled", value: { verdict: { accepted: true } } },
  ])
  t.equal(stored.length, 2)
  t.same(
    journal.readings.after(roof.key.meterId, 0n).map(({ sequence }) => sequence),
    [1, 14],
  )
  journal.close()
})

t.test("after a commit that failed the rules remember what the journal holds, and no more", async (t) => {
  const journal = watched(openJournal(t.testdir(), [roof]))
  const intake = createIntake([roof], journal, rules, testClock(start + 360_000))
  const submit = (bytes: Uint8Array) => intake.submit({ source: "test", bytes })
  await submit(roof.says(1))
  journal.watch.failing = () => true
  const failed = await Promise.allSettled([
    submit(roof.says(500)),
    submit(roof.says(501)),
    submit(Buffer.from("rubbish")),
  ])
  t.ok(failed.every(({ status }) => status === "rejected"))
  journal.watch.failing = () => false
  t.match(await submit(roof.says(2)), { kind: "authentic", verdict: { accepted: true } })
  t.match(
    await submit(roof.says(500)),
    { kind: "authentic", verdict: { accepted: true } },
    "it was never there",
  )
  t.same(journal.quarantine.counts(), new Map())
  journal.close()
})

t.test("what a source turned away before there was a message is in quarantine too", async (t) => {
  const journal = openJournal(t.testdir(), [roof])
  const stored: Outcome[] = []
  const intake = createIntake([roof], journal, rules, testClock(start), (outcome) => stored.push(outcome))
  await intake.turnAway({
    source: "mqtt 192.0.2.7",
    reason: "oversized",
    detail: "200 MB announced",
    size: 2e8,
  })
  t.match(journal.quarantine.newest(5), [
    {
      source: "mqtt 192.0.2.7",
      reason: "oversized",
      detail: "200 MB announced",
      size: 2e8,
      meterId: undefined,
    },
  ])
  t.match(stored, [{ kind: "refused", reason: "oversized" }])
  journal.close()
})

t.test("what is received is timed by the clock that the gateway goes by", async (t) => {
  const journal = openJournal(t.testdir(), [roof])
  const clock = testClock(start + 59)
  const intake = createIntake([roof], journal, rules, clock)
  const early = roof.says(1, { time: start + 180 })
  t.match(await intake.submit({ source: "test", bytes: early }), { verdict: { reason: "clock-ahead" } })
  clock.set(start + 60)
  const again = roof.says(2, { time: start + 180 })
  t.match(await intake.submit({ source: "test", bytes: again }), { verdict: { accepted: true } })
  t.same(
    journal.readings.after(roof.key.meterId, 0n).map(({ received }) => received),
    [start + 59, start + 60],
  )
  journal.close()
})

t.test("draining waits until everything that was submitted has its answer", async (t) => {
  const journal = openJournal(t.testdir(), [roof])
  const intake = createIntake([roof], journal, rules, testClock(start + 360_000))
  let answered = 0
  for (let i = 1; i <= 500; i++)
    void intake.submit({ source: "test", bytes: roof.says(i) }).then(() => answered++)
  await intake.drain()
  await null
  t.equal(answered, 500)
  t.equal(journal.readings.counts().accepted, 500)
  journal.close()
})

t.test(
  "readings share a write where they are held: the first at once, the others together, none unanswered",
  async (t) => {
    const journal = watched(openJournal(t.testdir(), [roof]))
    let commits = 0
    const counting = {
      ...journal,
      commit<T>(work: () => T): T {
        commits++
        return journal.commit(work)
      },
    }
    let now = 0
    const clock = testClock(start + 360_000)
    const hold = { holdMs: 200, monotonic: () => now }
    const intake = createIntake([roof], counting, rules, clock, undefined, hold)
    const submit = (sequence: number) => intake.submit({ source: "test", bytes: roof.says(sequence) })
    await submit(1)
    t.equal(commits, 1, "after a quiet time at once")
    now = 10
    const held = [2, 3, 4].map(submit)
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    t.equal(commits, 1, "the next ones wait")
    t.match(
      await Promise.all(held),
      Array(3).fill({ kind: "authentic" }),
      "and are answered after their commit",
    )
    t.equal(commits, 2)
    const many = Array.from({ length: 24 }, (_, i) => submit(5 + i))
    await Promise.all(many)
    t.equal(commits, 3, "so many are not held")
    const last = submit(100)
    await intake.submit({ source: "test", bytes: roof.says(101) }, { now: true })
    await last
    t.equal(commits, 4, "one that its source waits for takes the others with it")
    const kept = submit(102)
    await intake.drain()
    await kept
    t.equal(commits, 5, "what is held is stored before the end")
    journal.close()
  },
)

t.test("a reading that is held keeps the time at which it came", async (t) => {
  const journal = openJournal(t.testdir(), [roof])
  let time = start + 1000
  const clock = { ...testClock(0), now: () => time }
  const intake = createIntake([roof], journal, rules, clock, undefined, { holdMs: 50, monotonic: () => 0 })
  await intake.submit({ source: "test", bytes: roof.says(1) })
  const held = intake.submit({ source: "test", bytes: roof.says(2) })
  time += 600
  await held
  t.same(
    journal.readings.after(roof.key.meterId, 0n).map(({ received }) => received),
    [start + 1000, start + 1000],
  )
  journal.close()
})

t.test("without a good clock a plain meter's readings wait, and a signing meter's count", async (t) => {
  const [own, plain] = [testMeter("signs itself"), testMeter("plain")]
  const journal = openJournal(t.testdir(), [own, plain])
  t.teardown(() => journal.close())
  const clock = testClock(start + 600)
  const intake = createIntake([own, plain], journal, rules, clock)
  const send = (bytes: Uint8Array) => intake.submit({ source: "test", bytes })
  const unknown = { clock: ClockQuality.unknown }
  await send(plain.says(1))
  for (const n of [2, 3]) await send(plain.says(n, unknown))
  for (const n of [1, 2, 3]) await send(own.says(n))
  const wh = (meter: typeof own) => journal.readings.lastCounted(meter.key.meterId)?.registers.generatedWh
  t.equal(wh(own), 150n)
  t.equal(wh(plain), 50n, "what came under a bad clock is kept and does not count")
  await send(plain.says(4))
  t.equal(wh(plain), 200n, "the first one under a good clock carries it all")
})
