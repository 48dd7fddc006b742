import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { blocksInMemory } from "../protocol/block.ts"
import { equalBytes } from "../protocol/hex.ts"
import { at, history, sourceOf } from "./batches.test.support.ts"
import { openEvidenceStore } from "./store.ts"

const batches = history(1, 4)

t.test("each block of each batch is found, and its place in the history", async (t) => {
  const store = openEvidenceStore(t.testdir())
  for (const { root } of batches) await store.take(root, sourceOf(batches))
  for (const { root, blocks } of batches) {
    t.ok(blocks.every(({ cid, bytes }) => equalBytes(store.block(cid)!, bytes)))
    const all = blocksInMemory(store.blocksOf(root)!)
    for (const { cid, bytes } of blocks)
      if (!equalBytes((await all(cid))!, bytes)) t.fail(`${cid} is another`)
  }
  t.match(store.batches({ ...at, site: 1 }), [
    { number: 1n, previous: undefined },
    { number: 2n },
    {},
    { number: 4n },
  ])
  t.same(store.batches({ ...at, site: 2 }), [])
  t.equal(store.get(batches[3]!.root)?.previous?.toString(), batches[2]!.root.toString())
  t.equal(store.block(history(9, 1)[0]!.root), undefined)
  store.close()
})

t.test(
  "the index is made again from the files: lost, damaged, or behind what another program put there",
  async (t) => {
    const directory = t.testdir()
    let store = openEvidenceStore(directory)
    for (const { root } of batches) await store.take(root, sourceOf(batches))
    store.close()
    const index = join(directory, "index.sqlite")
    const cid = batches[2]!.blocks[1]!.cid
    const again = () => {
      store = openEvidenceStore(directory)
      store.sync()
      t.equal(store.batches().length, 4)
      t.ok(store.block(cid))
      store.close()
    }
    rmSync(index)
    again()
    writeFileSync(index, "no database at all, and long enough to be looked at as if it were one".repeat(50))
    again()
    const bytes = readFileSync(index)
    bytes.fill(0xff, 5000, 9000)
    writeFileSync(index, bytes)
    again()
    rmSync(join(directory, `${batches[0]!.root}.car`))
    store = openEvidenceStore(directory)
    store.sync()
    t.equal(store.batches().length, 3, "what was taken away is not said to be there")
    store.close()
  },
)

t.test(
  "a block that rotted on the disk is not handed out, and its batch is found and set aside",
  async (t) => {
    const directory = t.testdir()
    const store = openEvidenceStore(directory)
    for (const { root } of batches) await store.take(root, sourceOf(batches))
    const { root, blocks } = batches[1]!
    const file = join(directory, `${root}.car`)
    const bytes = readFileSync(file)
    const place = bytes.indexOf(blocks[2]!.bytes)
    bytes[place + 7]! ^= 1
    writeFileSync(file, bytes)
    t.equal(store.block(blocks[2]!.cid), undefined)
    const looked = Array.from({ length: 4 }, (_, i) => store.checkNext(1000 + i))
    const found = looked.filter((look) => look!.faults.length > 0)
    t.match(found, [{ batch: { number: 2n }, faults: [/was changed/] }])
    t.notOk(store.has(root))
    await store.take(root, sourceOf(batches))
    t.ok(equalBytes(store.block(blocks[2]!.cid)!, blocks[2]!.bytes))
    store.close()
  },
)
