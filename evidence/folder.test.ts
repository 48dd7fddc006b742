import { createReadStream, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import t from "tap"
import { rawBlock } from "../protocol/block.ts"
import { readCar } from "../protocol/car.ts"
import { counting, history, sourceOf } from "./batches.test.support.ts"
import { evidenceFolder } from "./folder.ts"

const [batch] = history(1, 1)
const { root, blocks } = batch!

t.test("a batch becomes one CAR file that a library of others reads", async (t) => {
  const folder = evidenceFolder(t.testdir())
  const came = await folder.take(root, sourceOf([batch!]))
  t.same(came, { blocks: blocks.length, bytes: blocks.reduce((sum, { bytes }) => sum + bytes.length, 0) })
  const car = await readCar(createReadStream(join(folder.directory, `${root}.car`)))
  t.same(car.roots.map(String), [String(root)])
  t.same(car.blocks.map(({ cid }) => String(cid)).sort(), blocks.map(({ cid }) => String(cid)).sort())
  t.same(folder.faults(root), [])
  t.same(folder.roots().map(String), [String(root)])
  t.same(await folder.take(root, sourceOf([])), { blocks: 0, bytes: 0 }, "and is taken once")
})

t.test("wherever a transfer ends, the next brings only what is missing", async (t) => {
  const all = new Set(blocks.map(({ cid }) => String(cid)))
  for (let n = 0; n < blocks.length; n++) {
    const folder = evidenceFolder(t.testdir())
    let left = n
    const failing = counting(async (cid) => {
      if (left-- === 0) throw new Error("the line went down")
      return sourceOf([batch!])(cid)
    })
    await t.rejects(folder.take(root, failing.source), /the line went down/)
    t.notOk(folder.has(root), "half a batch is none")
    t.same(folder.roots(), [])
    const rest = counting(sourceOf([batch!]))
    await folder.take(root, rest.source)
    const first = new Set(failing.asked.slice(0, n))
    t.same(new Set(rest.asked), new Set([...all].filter((cid) => !first.has(cid))))
    const sent = blocks
      .filter(({ cid }) => !first.has(String(cid)))
      .reduce((sum, b) => sum + b.bytes.length, 0)
    t.equal(rest.bytes(), sent, `${sent} bytes after ${n} blocks`)
    t.same(folder.faults(root), [])
  }
})

t.test(
  "a torn or damaged beginning costs what is behind the damage, and never makes a wrong batch",
  async (t) => {
    const made = evidenceFolder(t.testdir())
    await made.take(root, sourceOf([batch!]))
    const bytes = readFileSync(join(made.directory, `${root}.car`))
    let n = 0
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: bytes.length }),
        fc.option(fc.tuple(fc.integer({ min: 0, max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }))),
        async (length, flip) => {
          const directory = join(t.testdirName, String(n++))
          const folder = evidenceFolder(directory)
          await folder.take(history(2, 1)[0]!.root, sourceOf(history(2, 1)))
          const torn = Buffer.from(bytes.subarray(0, length))
          if (flip && flip[0] < length) torn[flip[0]]! ^= flip[1]
          writeFileSync(join(directory, `${root}.part`), torn)
          await folder.take(root, sourceOf([batch!]))
          return folder.faults(root).length === 0 && !existsSync(join(directory, `${root}.part`))
        },
      ),
      { numRuns: 60 },
    )
  },
)

t.test("a file whose bytes were changed or cut is said to be so, whichever byte it was", async (t) => {
  const folder = evidenceFolder(t.testdir())
  await folder.take(root, sourceOf([batch!]))
  const file = join(folder.directory, `${root}.car`)
  const bytes = readFileSync(file)
  for (let i = 0; i < bytes.length; i += 61) {
    const changed = Buffer.from(bytes)
    changed[i]! ^= 0x40
    writeFileSync(file, changed)
    if (folder.faults(root).length === 0) t.fail(`byte ${i} was changed, and nobody noticed`)
  }
  for (let length = 0; length < bytes.length; length += 997) {
    writeFileSync(file, bytes)
    truncateSync(file, length)
    if (folder.faults(root).length === 0) t.fail(`it was cut at ${length}, and nobody noticed`)
  }
  writeFileSync(file, Buffer.concat([bytes, Buffer.from([0])]))
  t.match(folder.faults(root), [/cannot be read behind byte/])
})

t.test("what a source makes up is refused and leaves nothing behind", async (t) => {
  const folder = evidenceFolder(t.testdir())
  const other = rawBlock(Uint8Array.of(1, 2, 3))
  await t.rejects(
    folder.take(root, async () => other.bytes),
    { name: "BrokenBlock", message: /was changed/ },
  )
  await t.rejects(
    folder.take(other.cid, async () => other.bytes),
    /is not valid DAG-CBOR|is not the root/,
  )
  await t.rejects(
    folder.take(root, async () => undefined),
    /is missing/,
  )
  t.same(folder.roots(), [])
  t.same(
    readdirSync(folder.directory).filter((name) => name.endsWith(".car")),
    [],
  )
})
