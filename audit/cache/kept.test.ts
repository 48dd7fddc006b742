import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import t from "tap"
import { cborBlock } from "../../protocol/block.ts"
import { keep, kept, read, write } from "./kept.ts"

t.test("what is kept comes back as it was, whatever it is made of", async (t) => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: "small" },
      fc.bigInt(),
      fc.integer(),
      fc.string(),
      fc.boolean(),
      fc.constant(null),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Uint8Array.from(bytes)),
      fc.array(tie("any"), { maxLength: 4 }),
      fc.array(fc.tuple(fc.string(), tie("any")), { maxLength: 4 }).map((entries) => new Map(entries)),
      fc.array(fc.string(), { maxLength: 4 }).map((items) => new Set(items)),
      fc
        .array(fc.tuple(fc.stringMatching(/^[a-z]{1,5}$/), tie("any")), { maxLength: 4 })
        .map((entries) => Object.fromEntries(entries)),
    ),
  })).any
  fc.assert(
    fc.property(value, (original) => {
      const back = read(write(original))
      t.equal(write(back), write(original))
      if (original instanceof Map) return back instanceof Map && back.size === original.size
      return typeof back === typeof original
    }),
    { numRuns: 200 },
  )
  const { cid } = cborBlock({ a: 1 })
  t.same(read(write({ cid, gone: undefined, deep: new Map([["a", { wh: 1n, cid }]]) })), {
    cid,
    deep: new Map([["a", { wh: 1n, cid }]]),
  })
})

t.test("two values that differ are never written alike", async (t) => {
  const values = [1, 1n, "1", "1n", [1], new Set([1]), new Map([[1, 1]]), { 1: 1 }, null, Uint8Array.of(1)]
  t.equal(new Set(values.map(write)).size, values.length)
  t.throws(() => write({ $: "int", of: "1" }), "nobody can smuggle in a type")
})

t.test("a file that was changed, cut or is not one is as if it were not there", async (t) => {
  const file = join(t.testdir(), "kept.json")
  t.equal(kept(file), undefined)
  keep(file, { wh: 5n })
  t.same(kept(file), { wh: 5n })
  const whole = readFileSync(file, "utf8")
  for (const damaged of [whole.replace('"5"', '"6"'), whole.slice(0, -3), whole.slice(66), "", "x\ny\n"]) {
    writeFileSync(file, damaged)
    t.equal(kept(file), undefined)
    t.throws(() => readFileSync(file), { code: "ENOENT" }, "and it is gone")
  }
})
