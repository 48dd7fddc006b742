import { appendFileSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { cborBlock } from "../protocol/block.ts"
import type { Hex } from "../protocol/hex.ts"
import { write } from "./cache/kept.ts"
import { emptySite } from "./recompute.ts"
import { openMemories } from "./validator-memory.ts"
import { openRefusals, reasonOf } from "./validator-refusals.ts"
import { openSigned } from "./validator-signed.ts"

const word = (n: number) => `0x${n.toString(16).padStart(64, "0")}` as Hex

t.test("what was signed is known after a restart, also behind a line torn by a power cut", async (t) => {
  const directory = t.testdir()
  const first = { digest: word(1), batch: word(11) }
  openSigned(directory).put("1/0x/1/1", first)
  appendFileSync(join(directory, "signed.jsonl"), '{"key":"1/0x/1/2","dig')
  const again = openSigned(directory)
  t.same(again.get("1/0x/1/1"), first)
  t.equal(again.get("1/0x/1/2"), undefined, "a torn line is of a signature that never left")
  const second = { digest: word(2), batch: word(12) }
  again.put("1/0x/1/2", second)
  t.same(openSigned(directory).get("1/0x/1/2"), second)
  const underAnotherSet = { ...second, digest: word(3) }
  openSigned(directory).put("1/0x/1/2", underAnotherSet)
  t.same(
    openSigned(directory).get("1/0x/1/2"),
    underAnotherSet,
    "the last set's signature is the one given again",
  )
})

t.test("a list that an earlier version wrote is read", async (t) => {
  const directory = t.testdir({ "signed.jsonl": `${JSON.stringify({ key: "1/0x/1/1", digest: word(1) })}\n` })
  t.same(openSigned(directory).get("1/0x/1/1"), { digest: word(1) })
})

t.test("a list of signatures with a line that cannot be read is not gone on with", async (t) => {
  for (const line of [
    "not json",
    '{"key":"a"}',
    '{"key":"a","digest":"0x12"}',
    `{"key":"a","digest":"${word(1)}","batch":1}`,
    "null",
  ]) {
    const directory = t.testdir({ [`${line.length}`]: {} })
    writeFileSync(join(directory, "signed.jsonl"), `${line}\n`)
    t.throws(() => openSigned(directory), { message: /Line 1 of .*signed\.jsonl cannot be read/ })
  }
})

t.test("two processes never sign out of one directory", async (t) => {
  const directory = t.testdir()
  openSigned(directory)
  const mine = readFileSync(join(directory, "lock"), "utf8")
  // The first process of the machine lives, and is not this one.
  const began = readFileSync("/proc/1/stat", "utf8").split(") ").at(-1)!.split(" ")[19]
  writeFileSync(join(directory, "lock"), `1 ${began}`)
  t.throws(() => openSigned(directory), { message: /Another process \(1\)/ })
  writeFileSync(join(directory, "lock"), `1 ${Number(began) + 1}`)
  openSigned(directory)
  t.equal(readFileSync(join(directory, "lock"), "utf8"), mine, "a number that is used again locks nobody out")
})

t.test("a site's memory is there after a restart, and one that was damaged is not believed", async (t) => {
  const directory = t.testdir()
  const { cid } = cborBlock({ batch: 1 })
  const other = cborBlock({ batch: 2 }).cid
  const memory = { ...emptySite, evidence: cid, time: 900, meters: new Map() }
  openMemories(directory).set(3, [memory])
  t.equal(write(openMemories(directory).get(3, cid)), write(memory))
  t.equal(openMemories(directory).get(3, other), undefined)
  t.equal(openMemories(directory).get(4, cid), undefined, "another site's is its own")
  const file = join(directory, "memory-3.json")
  writeFileSync(file, readFileSync(file, "utf8").replace("900", "901"))
  t.equal(openMemories(directory).get(3, cid), undefined)
})

t.test("refusals are kept with their reasons, once each, and never more than a disk can bear", async (t) => {
  const directory = t.testdir()
  const refusals = openRefusals(directory)
  const refusal = { site: 1, number: "1", root: word(1), evidence: word(2), reasons: ["it is not so"] }
  refusals.add({ time: 5, ...refusal })
  refusals.add({ time: 6, ...refusal })
  t.equal(refusals.newest().length, 1)
  for (let i = 0; i < 1100; i++)
    refusals.add({ ...refusal, time: 7 + i, root: word(i + 2), reasons: ["x".repeat(10_000)] })
  t.equal(refusals.newest().length, 500)
  t.equal(refusals.newest()[0]!.time, 7 + 1099, "newest first")
  t.ok(statSync(join(directory, "refusals.jsonl")).size < 1_000_000)
  appendFileSync(join(directory, "refusals.jsonl"), '{"time":')
  const again = openRefusals(directory)
  t.equal(again.newest()[0]!.time, 7 + 1099)
  t.same(again.newest(2), [])
  again.add({ ...refusal, time: 9999 })
  t.equal(openRefusals(directory).newest()[0]!.time, 9999, "a torn line tears no other")
})

t.test("why a batch was refused never tells what a household used", async (t) => {
  const where = "site 1 batch 2"
  const what = 'entry 3: claimed ["0xab",900,["750","0"]], the readings give ["0xab",900,["749","0"]]'
  t.equal(
    reasonOf({ check: "households", where, what }),
    "site 1 batch 2: entry 3: what is claimed is not what the readings give; the figures are sealed",
  )
  t.match(reasonOf({ check: "generation", where, what }), /"750".*"749"/, "generation is public")
})
