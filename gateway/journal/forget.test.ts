import t, { type Test } from "tap"
import { cborBlock } from "../../protocol/block.ts"
import { readingDigest } from "../../protocol/reading.ts"
import type { MeterStatement } from "../../protocol/statement.ts"
import { forgetSettled } from "../housekeeping.ts"
import { rules, start, testClock, testMeter } from "../intake.test.support.ts"
import { createIntake } from "../intake.ts"
import { type Journal, openJournal } from "./journal.ts"

const roof = testMeter("roof")
const silent = testMeter("silent")
const meters = [roof, silent]
const later = start + 400 * 86_400

/** Ten batches of 300 readings each, the last of them not settled; the silent meter speaks in the first alone. */
async function journalOf(t: Test) {
  const journal = openJournal(t.testdir(), meters)
  t.teardown(() => journal.close())
  const intake = createIntake(meters, journal, rules, testClock(later))
  const submit = (bytes: Uint8Array) => intake.submit({ source: "test", bytes, redelivered: true })
  await Promise.all([0, 1, 2].map((n) => submit(silent.says(n))))
  for (let batch = 1; batch <= 10; batch++) {
    const first = 300 * (batch - 1)
    await Promise.all(Array.from({ length: 300 }, (_, i) => submit(roof.says(first + i))))
    addBatch(journal, BigInt(batch), batch < 10)
  }
  await submit(roof.says(3000))
  return { journal, submit }
}

function addBatch(journal: Journal, number: bigint, settled: boolean): void {
  const statements = meters.map(({ key: { meterId } }): MeterStatement => {
    const { time, registers, bytes } = journal.readings.lastCounted(meterId)!
    return { kind: 1, meterId, generatedWh: registers.generatedWh!, time, reading: readingDigest(bytes) }
  })
  const blocks = [cborBlock([`batch ${number}`, new Uint8Array(20_000)])]
  journal.batches.add({
    number,
    time: start + 60 * 300 * Number(number),
    root: "0x00",
    evidence: blocks[0]!.cid,
    statements,
    blocks,
    lastReadings: meters
      .filter((meter) => meter === roof || number === 1n)
      .map(({ key: { meterId } }) => ({
        meter: journal.readings.rowId(meterId),
        reading: journal.readings.lastCounted(meterId)!.id,
      })),
  })
  if (settled) journal.batches.setState(number, "settled", later)
}

/** As in the smallest of worlds: everything has to go that may. */
const nothingLeft = { diskBudgetMB: 0 }
const everywhere = { isReplicated: () => true }
const rest = 300 + 300 + 1

t.test(
  "what is settled and kept by others leaves; what the rules remember and what is not settled stays",
  async (t) => {
    const { journal, submit } = await journalOf(t)
    const states = meters.map(({ key }) => journal.readings.state(key.meterId))
    const counts = journal.readings.counts()
    const used = journal.usedBytes()
    const tail = journal.readings.after(
      roof.key.meterId,
      journal.batches.lastReading(journal.readings.rowId(roof.key.meterId), 9n),
    )

    const { batches, over } = await forgetSettled(nothingLeft, journal, everywhere, later)
    t.equal(batches, 8, "all but the newest settled one")
    t.ok(over, "the smallest budget is still more than nothing")
    t.ok(journal.usedBytes() < used / 2, `${used} bytes became ${journal.usedBytes()}`)
    t.equal(journal.readings.after(roof.key.meterId, 0n).length, rest)
    t.same(journal.readings.after(roof.key.meterId, 0n), tail)
    t.same(
      meters.map(({ key }) => journal.readings.state(key.meterId)),
      states,
    )
    t.same(journal.readings.counts(), counts, "what was ever counted stays counted")
    t.ok(journal.readings.lastCounted(silent.key.meterId), "the reading that an old meter's statement quotes")
    for (const { meterId, time, reading } of journal.batches.statements(10n))
      t.ok(
        journal.readings.quoted(meterId, { time, digest: reading }, 2n ** 62n),
        "a doubted statement can be answered",
      )

    t.match(await submit(roof.says(17)), { kind: "known" }, "what left is not taken for new")
    t.match(await submit(roof.says(2999)), { kind: "known" })
    t.match(await submit(roof.says(3001)), { kind: "authentic", verdict: { accepted: true } })
    t.same(journal.batches.newest(20).length, 10, "batches and their statements stay")
  },
)

t.test("nothing leaves that is not settled, not elsewhere, or of these days", async (t) => {
  const { journal } = await journalOf(t)
  const whole = journal.readings.after(roof.key.meterId, 0n).length
  const nowhere = { isReplicated: () => false }
  t.equal((await forgetSettled(nothingLeft, journal, nowhere, later)).batches, 0)
  t.equal(
    (await forgetSettled(nothingLeft, journal, everywhere, start + 60 * 300)).batches,
    0,
    "it is on today's page",
  )
  t.equal(
    (await forgetSettled({ diskBudgetMB: 1000 }, journal, everywhere, later)).batches,
    0,
    "there is room",
  )
  t.equal((await forgetSettled({}, journal, everywhere, later)).batches, 0, "there is no budget")
  journal.batches.setState(1n, "attested", later)
  t.equal(
    (await forgetSettled(nothingLeft, journal, everywhere, later)).batches,
    0,
    "one before is on its way",
  )
  t.equal(journal.readings.after(roof.key.meterId, 0n).length, whole)
  journal.batches.setState(1n, "settled", later)
  const third = journal.batches.get(3n)!.evidence
  const upToThird = { isReplicated: (root: unknown) => !third.equals(root as typeof third) }
  t.equal(
    (await forgetSettled(nothingLeft, journal, upToThird, later)).batches,
    2,
    "up to the first that is nowhere else",
  )
  t.ok(journal.batches.block(third))
})

t.test("it goes on where it was broken off", async (t) => {
  const { journal } = await journalOf(t)
  for (let i = 0; i < 5; i++) journal.settled.forget(1n, 50)
  t.equal(journal.settled.next()?.number, 1n)
  await forgetSettled(nothingLeft, journal, everywhere, later)
  t.equal(journal.readings.after(roof.key.meterId, 0n).length, rest)
})
