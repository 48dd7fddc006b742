import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { type Block, type CID, cborBlock, rawBlock } from "../protocol/block.ts"
import { fromHex, type Hex } from "../protocol/hex.ts"
import { erasedLinks } from "./batch-links.ts"
import { at, noise, sourceOf } from "./batches.test.support.ts"
import { carry } from "./carry.ts"
import { newestOf, wouldErase } from "./erase.ts"
import { noteErased, readErased } from "./erased.ts"
import { evidenceFolder } from "./folder.ts"
import { openEvidenceStore } from "./store.ts"

const [anne, ben] = [`0x${"aa".repeat(20)}`, `0x${"bb".repeat(20)}`] as [Hex, Hex]
const timeOf = (number: number) => 1_780_272_000 + 900 * number

/** Batches with a sealed part of two blocks for each of two households. */
const batches = [1, 2, 3].map((number) => {
  const parts = [anne, ben].map((household) => ({
    household,
    blocks: [0, 1].map((i) => rawBlock(noise(`${household} ${number} ${i}`, 500))),
  }))
  const root = cborBlock({
    ...{ format: "commonwatt/evidence/2", chain: at.chainId, oracle: fromHex(at.oracle, 20), site: 1 },
    ...{ number, time: timeOf(number), previous: null },
    sealed: parts.map(({ household, blocks }) => ({
      household: fromHex(household),
      content: blocks.map(({ cid }) => cid),
      commitment: fromHex(household),
    })),
  })
  return { root: root.cid, parts, blocks: [...parts.flatMap(({ blocks }) => blocks), root] as Block[] }
})
const erased = { household: anne, upTo: timeOf(2) }
const partOf = (household: Hex, number: number) =>
  batches[number - 1]!.parts.find((part) => part.household === household)!.blocks
const without = (household: Hex) =>
  batches.map(({ blocks, parts }) => {
    const gone = new Set<CID>(
      parts.flatMap((part) => (part.household === household ? part.blocks.map(({ cid }) => cid) : [])),
    )
    return { blocks: blocks.filter(({ cid }) => !gone.has(cid)) }
  })

t.test("who is erased up to a time is in no file any more, and everything else is as it was", async (t) => {
  const directory = t.testdir()
  const store = openEvidenceStore(directory)
  for (const { root } of batches) await store.take(root, sourceOf(batches))
  t.equal(newestOf(store.folder, anne), timeOf(3))
  t.match(wouldErase(store.folder, erased), { batches: 2, bytes: 2000 })
  t.ok(store.block(partOf(anne, 1)[0]!.cid), "to say what would go changes nothing")

  noteErased(directory, [erased])
  writeFileSync(join(directory, `${batches[0]!.root}.erasing`), "of a try that was cut short")
  t.same(store.erase(), { batches: 2, bytes: 2000, aside: [] })
  t.same(store.erase(), { batches: 0, bytes: 0, aside: [] }, "once is enough")
  for (const number of [1, 2, 3])
    for (const household of [anne, ben])
      for (const { cid, bytes } of partOf(household, number)) {
        const isGone = household === anne && number <= 2
        const file = readFileSync(join(directory, `${batches[number - 1]!.root}.car`))
        t.equal(file.includes(Buffer.from(bytes)), !isGone, `${household} ${number}`)
        t.equal(store.block(cid) === undefined, isGone)
      }
  t.same(
    batches.map(({ root }) => store.folder.faults(root)),
    [[], [], []],
    "nothing is missing that should be there",
  )
  t.same(store.checkNext(1)?.faults, [])
  store.close()
})

t.test("what is erased is not fetched again, and is taken from where it is gone already", async (t) => {
  const directory = t.testdir({ own: {}, stick: {} })
  const folder = evidenceFolder(join(directory, "own"))
  await t.rejects(folder.take(batches[0]!.root, sourceOf(without(anne))), /is missing/)
  noteErased(folder.directory, [erased])
  const asked: string[] = []
  const source = sourceOf(batches)
  for (const { root } of batches)
    await folder.take(root, async (cid) => {
      asked.push(cid.toString())
      return source(cid)
    })
  t.same(
    [1, 2, 3].map((number) => partOf(anne, number).map(({ cid }) => asked.includes(cid.toString()))),
    [
      [false, false],
      [false, false],
      [true, true],
    ],
  )
  const stick = evidenceFolder(join(directory, "stick"))
  noteErased(stick.directory, readErased(folder.directory))
  t.match(await carry(folder, stick, {}, () => {}), { batches: 3, failed: [] })
})

t.test("what something else in a batch names too is not erased with a part", async (t) => {
  const [shared, own] = [rawBlock(noise("shared", 50)), rawBlock(noise("own", 50))]
  const part = (household: Hex, content: Block[]) => ({
    household: fromHex(household),
    content: content.map(({ cid }) => cid),
  })
  const head = (sealed: object[], more = {}) =>
    cborBlock({ time: timeOf(1), previous: null, sealed, ...more })
  const gone = ({ cid, bytes }: Block) => erasedLinks(cid, bytes, [erased]).map(String)
  t.same(
    gone(head([part(anne, [own, shared])])),
    [own, shared].map(({ cid }) => String(cid)),
  )
  t.same(gone(head([part(anne, [own, shared]), part(ben, [shared])])), [String(own.cid)])
  t.same(gone(head([part(anne, [own, shared])], { factors: { table: shared.cid } })), [String(own.cid)])
})

t.test("a file that is damaged is set aside and named, and the others are gone through", async (t) => {
  const directory = t.testdir()
  const store = openEvidenceStore(directory)
  for (const { root } of batches) await store.take(root, sourceOf(batches))
  const file = join(directory, `${batches[0]!.root}.car`)
  const bytes = readFileSync(file)
  bytes[bytes.indexOf(partOf(ben, 1)[0]!.bytes) + 3]! ^= 1
  writeFileSync(file, bytes)
  noteErased(directory, [erased])
  t.match(store.erase(), { batches: 1, aside: [/\.damaged$/] })
  t.notOk(store.has(batches[0]!.root))
  store.close()
})

t.test("a record of who is erased is never passed over", async (t) => {
  const directory = t.testdir({ "erased.json": "{" })
  await t.rejects(evidenceFolder(directory).take(batches[0]!.root, sourceOf(batches)), /cannot be read/)
  const good = t.testdir()
  noteErased(good, [erased, { household: ben, upTo: 5 }])
  noteErased(good, [{ household: anne, upTo: 7 }])
  t.same(readErased(good), [erased, { household: ben, upTo: 5 }], "the latest time holds")
})
