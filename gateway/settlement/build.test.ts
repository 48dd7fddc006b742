import tap from "tap"
import { blocksInMemory } from "../../protocol/block.ts"
import { buildEvidence, readEvidence, readRoot } from "../../protocol/evidence.ts"
import { namedFactors } from "../../protocol/factors-in-evidence.ts"
import { newIdentity } from "../../protocol/seal.ts"
import type { MeterStatement } from "../../protocol/statement.ts"
import { rules, start, testClock, testMeter } from "../intake.test.support.ts"
import { createIntake } from "../intake.ts"
import { type Journal, openJournal } from "../journal/journal.ts"
import { type BatchPlan, buildBatch } from "./build.ts"

const roof = testMeter("roof")
const grid = testMeter("grid")

/** A roof and a grid meter, each with so many readings, one in three seconds; the roof's 700th is in doubt. */
async function filled(t: { testdir(): string; teardown(work: () => void): void }, count: number) {
  const directory = t.testdir()
  let journal = openJournal(directory, [roof, grid])
  const intake = createIntake([roof, grid], journal, rules, testClock(start + 1e6))
  const submitted = []
  for (let n = 0; n < count; n++) {
    const time = start + 3 * n
    const generatedWh = n === 700 ? 1_000_000n : BigInt(n)
    submitted.push(
      intake.submit({ source: "test", bytes: roof.says(n, { time, generatedWh }) }),
      intake.submit({
        source: "test",
        bytes: grid.says(n, { time, importedWh: BigInt(n), exportedWh: BigInt(2 * n) }),
      }),
    )
  }
  await Promise.all(submitted)
  t.teardown(() => journal.close())
  return {
    journal: () => journal,
    reopen() {
      journal.close()
      journal = openJournal(directory, [roof, grid])
    },
  }
}

const auditor = await newIdentity()
const plan: BatchPlan = {
  chainId: 1,
  oracle: `0x${"22".repeat(20)}`,
  site: 1,
  number: 1n,
  time: start + 2700,
  rules: { sharingKey: { name: "proportional", version: 1 }, ...rules },
  meters: [roof, grid],
  recipientsOf: () => [auditor.recipient],
}

tap.test("a batch holds every reading up to its time, and they are read a few at a time", async (t) => {
  const site = await filled(t, 1001)
  const journal = site.journal()
  const asked: number[] = []
  const watching: Journal = {
    ...journal,
    readings: {
      ...journal.readings,
      after(...args) {
        const some = journal.readings.after(...args)
        asked.push(some.length)
        return some
      },
    },
  }
  const batch = (await buildBatch(watching, plan))!
  t.ok(asked.length > 8 && Math.max(...asked) <= 500, `${Math.max(...asked)} at a time`)
  t.same(journal.batches.newest(1), [], "it is not there before it is added")
  t.equal(journal.batches.block(batch.evidence), undefined, "nor is its evidence")
  journal.batches.add(batch)

  const source = blocksInMemory(journal.batches.blocksOf(batch.evidence)!)
  const opened = await readEvidence(batch.evidence, source, [auditor.identity])
  const expected = (of: typeof roof) => {
    const all = journal.readings.after(of.key.meterId, 0n)
    const end = all.findIndex(({ reason, time }) => reason === undefined && time > plan.time)
    return all.slice(0, end).map(({ received, bytes }) => ({ received, bytes }))
  }
  t.same(opened.meters[0]!.readings, expected(roof))
  t.same(opened.households[0]!.meters[0]!.readings, expected(grid))
  t.equal(expected(roof).length, 901)
  t.match(batch.statements, [{ generatedWh: 900n, time: plan.time }] as Partial<MeterStatement>[])

  const inMemory = await buildEvidence({ ...opened, households: [] }, () => [])
  const blocks = (root: typeof batch.evidence, from: typeof source) =>
    readRoot(root, from).then(({ meters, generation, statements }) => ({ meters, generation, statements }))
  t.same(
    await blocks(batch.evidence, source),
    await blocks(inMemory.root, blocksInMemory(inMemory.blocks)),
    "the same blocks as of the whole in memory",
  )
})

tap.test("a batch whose making was interrupted leaves nothing of itself in the next try", async (t) => {
  const site = await filled(t, 4)
  const interrupted = site.journal()
  const given = (await buildBatch(interrupted, plan))!
  site.reopen()
  const journal = site.journal()
  t.equal(journal.batches.block(given.evidence), undefined, "what was not added is not served")
  const batch = (await buildBatch(journal, plan))!
  t.not(String(batch.evidence), String(given.evidence), "sealed anew")
  t.throws(() => journal.batches.add(given), /The evidence of batch 1 is not in the journal/)
  journal.batches.add(batch)
  const blocks = [...journal.batches.blocksOf(batch.evidence)!]
  t.same(blocks.at(-1)!.cid, batch.evidence)
  const { meters, households } = await readEvidence(batch.evidence, blocksInMemory(blocks), [
    auditor.identity,
  ])
  t.equal(blocks.length, new Set(blocks.map(({ cid }) => String(cid))).size, "each block once")
  t.same([meters.length, households.length], [1, 1])
  await t.rejects(buildBatch(journal, plan), /Batch 1 is in the journal already/)
  journal.batches.remove(1n)
  t.equal(journal.batches.block(batch.evidence), undefined, "and goes with its batch")
  t.ok(await buildBatch(journal, plan), "whose number is free then")
})

tap.test("a table of emission factors is in the first batch that names it, and once", async (t) => {
  const site = await filled(t, 6)
  const journal = site.journal()
  const table = (version: number) =>
    namedFactors(
      new TextEncoder().encode(
        `# grid: DE\n# source: s\n# version: ${version}\nhour,grams_per_kwh\n2026-06-01T00:00Z,1\n`,
      ),
    )
  const often = { ...plan, meters: [roof], rules: { ...plan.rules, intervalSeconds: 3 } }
  const named: unknown[] = []
  for (const [i, factors] of [table(1), table(1), undefined, table(1), table(2)].entries()) {
    const next = { ...often, number: BigInt(i + 1), time: start + 3 * (i + 1), factors }
    const batch = (await buildBatch(journal, next))!
    journal.batches.add(batch)
    const source = blocksInMemory(journal.batches.blocksOf(batch.evidence)!)
    const opened = await readEvidence(batch.evidence, source, [])
    named.push(opened.factors && [opened.factors.version, opened.factors.table !== undefined])
  }
  t.same(named, [["1", true], ["1", false], undefined, ["1", true], ["2", true]])
})
