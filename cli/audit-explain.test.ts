import t from "tap"
import { PersonError } from "../protocol/error.ts"
import { dayOf, questionOf } from "./audit-explain.ts"

const household = `0x${"ab".repeat(20)}`

t.test("a day, a batch or a mint can be asked for", async (t) => {
  t.same(questionOf({ household, day: "2026-06-01" }), {
    about: "household",
    household,
    from: 1_780_272_000,
    to: 1_780_272_000 + 86_400,
  })
  t.same(questionOf({ batch: "3", site: "2" }), { about: "batch", site: 2, number: 3n })
  const transaction = `0x${"cd".repeat(32)}`
  t.same(questionOf({ mint: transaction.toUpperCase().replace("0X", "0x") }), { about: "mint", transaction })
})

t.test("a question that is none, or two at once, is answered with what to give", async (t) => {
  for (const [values, says] of [
    [{}, /What is to be explained/],
    [{ household, batch: "1", day: "2026-06-01" }, /one thing/],
    [{ household }, /--day is missing/],
    [{ household, day: "yesterday" }, /not a day/],
    [{ household: "home 1", day: "2026-06-01" }, /not an address/],
    [{ batch: "0" }, /whole number/],
    [{ batch: "1.5" }, /whole number/],
    [{ mint: "0x12" }, /not a transaction/],
  ] as const)
    t.throws(() => questionOf(values), { name: PersonError.name, message: says })
})

t.test("there is no 30th of February", async (t) => {
  t.throws(() => dayOf("2026-02-30"), { message: /not a day/ })
  t.equal(dayOf("2028-02-29"), Date.parse("2028-02-29T00:00:00Z") / 1000)
})
