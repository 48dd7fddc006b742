import fc from "fast-check"
import t from "tap"
import { isName, readEmissionFactors } from "./emission-factors.ts"

const head = "# grid: DE\n# source: made up\n# version: 7\nhour,grams_per_kwh\n"
const read = (text: string) => readEmissionFactors(new TextEncoder().encode(text))
const table = (rows: string) => read(head + rows)
const midnight = Date.parse("2026-06-01T00:00:00Z") / 1000

t.test("an hour is one moment, whatever offset it is written with", async (t) => {
  const factors = table("2026-06-01T00:00+02:00,10\n2026-06-01T00:00Z,20.125\n")
  t.equal(factors.milligramsPerKwh(midnight - 7200), 10_000n)
  t.equal(factors.milligramsPerKwh(midnight - 7201), undefined)
  t.equal(factors.milligramsPerKwh(midnight + 3599), 20_125n)
  t.match(factors, { grid: "DE", source: "made up", version: "7", hours: 2, sha256: /^0x[0-9a-f]{64}$/ })
})

t.test("a table that is not one is refused with its line", async (t) => {
  for (const [rows, says] of [
    ["2026-06-01T00:00,1\n", /Line 5 is not hour,grams/],
    ["2026-06-01T00:30Z,1\n", /Line 5 is not/],
    ["2026-06-01T00:00Z,1\n2026-06-01T00:00Z,1\n", /Line 6 is not later/],
    ["2026-06-01T00:00Z,-1\n", /no factor/],
    ["2026-06-01T00:00Z,1e3\n", /no factor/],
    ["2026-06-01T00:00Z,0.1234\n", /no factor/],
    ["2026-06-01T00:00Z,170700\n", /no factor from 0 to 3000/],
    ["2026-06-01T00:00Z,1,2\n", /Line 5 is not/],
    ["", /no hours/],
  ] as const)
    t.throws(() => table(rows), { message: says })
  const bare = new TextEncoder().encode("hour,grams_per_kwh\n2026-06-01T00:00Z,1\n")
  t.throws(() => readEmissionFactors(bare), { message: /# grid: … is missing|"# grid: …" is missing/ })
})

t.test("a day that there is not is no hour, and an offset is one that there is", async (t) => {
  for (const hour of [
    "2026-02-30T00:00Z",
    "2026-06-01T24:00Z",
    "2026-06-01T00:00+24:00",
    "2026-13-01T00:00Z",
  ])
    t.throws(() => table(`${hour},1\n`), { message: /Line 5 is not hour,grams/ }, hour)
  t.equal(table("2028-02-29T23:00-01:00,1\n").milligramsPerKwh(Date.parse("2028-03-01T00:59Z") / 1000), 1000n)
})

t.test("a table says once each, in letters that all can see, what it is", async (t) => {
  const row = "hour,grams_per_kwh\n2026-06-01T00:00Z,1\n"
  const named = (grid: string) => read(`# grid:${grid}\n# source: s\n# version: v\n${row}`).grid
  t.equal(named(" \t DE \r"), "DE")
  const unseen = ["", "  ", "a\u0000b", "a\u202eb", "a\u2028b", "x".repeat(201)]
  for (const [i, grid] of unseen.entries())
    t.throws(() => named(grid), { message: /Line 1 must say the grid in 1 to 200 letters/ }, `name ${i}`)
  t.throws(() => read(`# grid: DE\n${head}2026-06-01T00:00Z,1\n`), {
    message: /Line 2 says the grid a second/,
  })
  t.throws(() => readEmissionFactors(Uint8Array.of(0xff)), { message: /not text in UTF-8/ })
  t.throws(() => table("#".repeat(1024 * 1024)), { message: /it may have 1048576/ })
})

t.test("whatever is read as a name is one", async () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 12 }), (text) => {
      try {
        const { grid } = read(
          `# grid:${text}\n# source: s\n# version: v\nhour,grams_per_kwh\n2026-06-01T00:00Z,1\n`,
        )
        return isName(grid)
      } catch {
        return true
      }
    }),
  )
})
