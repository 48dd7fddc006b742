import fc from "fast-check"
import t from "tap"
import { PersonError } from "./error.ts"
import { greenText, mostWh, readGreen } from "./green.ts"

const amount = fc.bigInt({ min: 1n, max: mostWh })
const sign = fc.constantFrom(".", ",", "٫")

t.test("an amount that was written is read as the same amount, to the Wh", async () => {
  fc.assert(fc.property(amount, sign, (wh, sign) => readGreen(greenText(wh, sign), sign) === wh))
})

t.test("an amount is read in the digits of each language", async (t) => {
  t.equal(readGreen("3.214"), 3214n)
  t.equal(readGreen("3,2", ","), 3200n)
  t.equal(readGreen("٣٫٢١٤", "٫"), 3214n)
  t.equal(readGreen("१२"), 12_000n)
  t.equal(readGreen(" 0.001 "), 1n)
})

t.test("three thousand is never taken for three, nor three for three thousand", async (t) => {
  for (const [text, sign] of [
    ["3,214", "."],
    ["3.214", ","],
    ["1,000.5", "."],
    ["1.000,5", ","],
    ["1 000", "."],
  ] as const)
    t.throws(() => readGreen(text, sign), PersonError, `${text} where ${sign} is the decimal sign`)
})

t.test("what is no amount is refused", async (t) => {
  const texts = [
    "",
    "0",
    "0.000",
    "-1",
    "+1",
    "1e3",
    "0x10",
    ".5",
    "1.",
    "1.2345",
    "NaN",
    "Infinity",
    "12a",
    "1..2",
    "9".repeat(19),
  ]
  for (const text of texts) t.throws(() => readGreen(text), PersonError, text)
  t.throws(() => readGreen(greenText(mostWh + 1n)), PersonError)
})

t.test("whatever is typed is an amount within bounds, or refused in words", async () => {
  fc.assert(
    fc.property(fc.string(), sign, (text, sign) => {
      try {
        const wh = readGreen(text, sign)
        return wh > 0n && wh <= mostWh
      } catch (error) {
        return error instanceof PersonError
      }
    }),
  )
})
