import t from "tap"
import { reasonInWords, reasons } from "./reasons.ts"

t.test("each reason has a short phrase of its own and one sentence of meaning", async (t) => {
  const all = Object.values(reasons)
  t.equal(all.length, 20)
  t.equal(new Set(all.map(({ phrase }) => phrase)).size, all.length)
  for (const { phrase, meaning } of all) {
    t.match(phrase, /^[A-Z][^.]{5,45}$/)
    t.match(meaning, /^[A-Z][^.]+\.$/)
  }
})

t.test("a reason that this version does not know is shown as it is", async (t) => {
  t.equal(reasonInWords("solar-eclipse").phrase, "solar-eclipse")
  t.equal(reasonInWords("toString").phrase, "toString", "nothing is inherited")
})
