import fc from "fast-check"
import t from "tap"
import { isWithinBudget, median, notMeasured, type Row, ratioOf } from "./row.ts"
import { asMarkdown, asText, differences, figure, withTable } from "./table.ts"

const fast: Row = {
  what: "verify",
  ours: 800,
  unit: "a second",
  against: { what: "limit", value: 1000 },
  better: "higher",
  budget: { of: "ratio", bound: 0.8 },
}
const small: Row = {
  what: "memory",
  ours: 90,
  unit: "MB",
  better: "lower",
  budget: { of: "ours", bound: 100 },
}

t.test("the median has as many values above it as below", async (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
      const middle = median(values)
      const below = values.filter((value) => value < middle).length
      const above = values.filter((value) => value > middle).length
      return below <= values.length / 2 && above <= values.length / 2
    }),
  )
  t.throws(() => median([]), /no median/)
})

t.test("a budget bounds the ratio or our own figure, from below or from above", async (t) => {
  t.equal(ratioOf(fast), 0.8)
  t.ok(isWithinBudget(fast))
  t.notOk(isWithinBudget({ ...fast, ours: 799 }))
  t.ok(isWithinBudget(small))
  t.notOk(isWithinBudget({ ...small, ours: 101 }))
  const { against: _, ...alone } = fast
  t.equal(isWithinBudget(alone), undefined, "a ratio to nothing")
})

t.test("a ratio that is worse by more than a tenth is marked, whichever way is good", async (t) => {
  const at = (row: Row, ours: number) => ({ ...row, ours })
  t.same(differences([fast], [fast]), [])
  t.match(differences([fast], [at(fast, 721)]), [/^verify: ratio 0\.8 -> 0\.721$/])
  t.match(differences([fast], [at(fast, 719)]), [/WORSE/])
  t.match(differences([fast], [at(fast, 2000)]), [/ratio 0\.8 -> 2$/])
  const cost: Row = { ...fast, better: "lower" }
  t.match(differences([cost], [at(cost, 900)]), [/WORSE/])
  t.match(differences([cost], [at(cost, 100)]), [/-> 0\.1$/])
  t.same(differences([small], [at(small, 95)]), ["memory: 90 -> 95 MB"])
  t.match(differences([small], [at(small, 100)]), [/90 -> 100 MB {2}WORSE/])
  const { budget: _, ...timed } = small
  t.same(differences([timed], [at(timed, 100)]), ["memory: 90 -> 100 MB"], "a figure against nothing")
  t.same(differences([small], [fast]), [
    "verify: was not measured before",
    "memory: is not measured any more",
  ])
  const gone: Row = { ...small, ours: 0, unit: notMeasured }
  t.same(differences([small], [gone]), ["memory: is not measured any more"])
  t.same(differences([gone], [small]), ["memory: was not measured before"])
  t.match(asText([gone]), /^memory +not measured +<= 100$/m)
})

t.test("figures have three digits and no more", async (t) => {
  t.same([0, 0.01234, 1.2345, 12.345, 1234.5, 1234567].map(figure), [
    "0",
    "0.0123",
    "1.23",
    "12.3",
    "1,235",
    "1,234,567",
  ])
})

t.test("the table says what was missed, in text and in a document", async (t) => {
  const rows: Row[] = [{ ...fast, ours: 500, note: "one | core" }, small]
  t.match(asText(rows), /verify +500 a second +limit: 1,000 +0\.5 +>= 0\.8 × MISSED\n {4}one \| core\nmemory/)
  const table = asMarkdown({ machine: "a machine", node: "20", quick: false, rows })
  t.match(table, "| verify | 500 a second | limit: 1,000 | 0.5 | >= 0.8 × MISSED |")
  const document =
    "before\n<!-- the table: npm run bench writes it -->\nold\n<!-- end of the table -->\nafter\n"
  const written = withTable(document, table)
  t.match(written, /^before\n.*MISSED.*after\n$/s)
  t.notMatch(written, /old/)
  t.equal(withTable(written, table), written)
  t.throws(() => withTable("no marks", table), /no marks/)
})
