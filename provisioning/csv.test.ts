import fc from "fast-check"
import t from "tap"
import { readCsv } from "./csv.ts"

t.test("a table is read as spreadsheets write it", async (t) => {
  const rows = [
    { line: 2, fields: { name: "roof", note: "above, the barn" } },
    { line: 3, fields: { name: 'the "old" one', note: "" } },
  ]
  t.same(readCsv('name,note\nroof,"above, the barn"\n"the ""old"" one",\n'), rows)
  t.same(
    readCsv('\ufeffname;note\r\nroof;above, the barn\r\nthe "old" one\r\n\r\n'),
    rows,
    "semicolons, and a mark in front",
  )
  t.same(readCsv('a\n"two\nlines"\nthree'), [
    { line: 2, fields: { a: "two\nlines" } },
    { line: 4, fields: { a: "three" } },
  ])
  t.same(readCsv(""), [])
  t.same(readCsv("a,b\n"), [])
})

t.test("what cannot be meant is refused with its line", async (t) => {
  for (const [text, told] of [
    ["a,b\n1,2,3\n", /line 2: there are more fields/],
    ['a\n1\n"2\n', /line 3: a quotation mark is not closed/],
    ['a\n"1"2\n', /line 2: something stands behind/],
  ] as const)
    t.throws(() => readCsv(text), { message: told })
})

t.test("whatever is written quoted is read back", async () => {
  const field = fc.string({ unit: fc.constantFrom("a", " ", ",", ";", '"', "\n", "ä"), maxLength: 6 })
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
  fc.assert(
    fc.property(fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 5 }), (rows) => {
      const text = `x,y\n${rows.map((row) => row.map(quoted).join(",")).join("\n")}\n`
      const wanted = rows.filter((row) => row.some((cell) => cell.trim() !== ""))
      const read = readCsv(text).map(({ fields }) => [fields.x, fields.y])
      return JSON.stringify(read) === JSON.stringify(wanted.map((row) => row.map((cell) => cell.trim())))
    }),
  )
})
