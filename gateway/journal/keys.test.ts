import t from "tap"
import { toHex } from "../../protocol/hex.ts"
import { rules, start, testClock, testMeter } from "../intake.test.support.ts"
import { createIntake } from "../intake.ts"
import { openJournal } from "./journal.ts"

const roof = testMeter("roof")
const next = testMeter("roof's next key")
const { meterId } = roof.key
const laterKeys = [{ scheme: next.key.scheme, publicKey: toHex(next.key.publicKey), from: start + 300 }]

t.test("what was learnt of a meter's keys is there after a restart, without a chain", async (t) => {
  const directory = t.testdir()
  const journal = openJournal(directory, [roof])
  t.ok(journal.keys.learn(meterId, laterKeys))
  t.notOk(journal.keys.learn(meterId, laterKeys), "nothing new")
  journal.close()
  const again = openJournal(directory, [roof])
  t.teardown(() => again.close())
  t.same(again.keys.later(meterId), laterKeys)
  t.equal(again.keys.meterIdOf(toHex(next.key.kid)), meterId)
  t.equal(again.keys.meterIdOf(toHex(roof.key.kid)), meterId)
  const intake = createIntake([roof], again, rules, testClock(start + 3600))
  for (const bytes of [
    roof.says(4),
    next.says(5, { generatedWh: 250n }),
    next.says(6, { generatedWh: 300n }),
  ])
    t.match(await intake.submit({ source: "test", bytes }), { verdict: { accepted: true } })
  t.match(again.readings.state(meterId), { keyIndex: 1, sequence: 6 })
  t.same(again.readings.earlier(meterId, { keyIndex: 1, sequence: 5 }) !== undefined, true)
  t.equal(again.readings.earlier(meterId, { keyIndex: 0, sequence: 5 }), undefined, "each key has its own")
  t.equal(again.keys.takenInError(meterId), 0)
})

t.test("what was counted by a key that was not in force is found when the change is learnt", async (t) => {
  const journal = openJournal(t.testdir(), [roof])
  t.teardown(() => journal.close())
  const clock = testClock(start + 240)
  const intake = createIntake([roof], journal, rules, clock)
  await intake.submit({ source: "test", bytes: roof.says(4) })
  await intake.submit({ source: "test", bytes: roof.says(9) })
  journal.keys.learn(meterId, laterKeys)
  t.equal(journal.keys.takenInError(meterId), 0, "of a reading whose clock is ahead nothing was counted")
  journal.keys.learn(meterId, [])
  clock.set(start + 3600)
  await intake.submit({ source: "test", bytes: roof.says(10) })
  t.equal(journal.keys.takenInError(meterId), 0)
  journal.keys.learn(meterId, laterKeys)
  t.equal(journal.keys.takenInError(meterId), 1)
})
