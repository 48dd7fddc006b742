import fc from "fast-check"
import t from "tap"
import { ceilingOf, ofDecimal, ofDouble, powerOfTen, rounded, times, toNumber, whole } from "./rational.ts"

const finite = fc.double({ noNaN: true, noDefaultInfinity: true })

t.test("a decimal is what was written, and not the double next to it", async (t) => {
  t.same(times(ofDecimal(0.1), whole(10n)), { numerator: 10n, denominator: 10n })
  t.same(ofDecimal(1e-7), { numerator: 1n, denominator: 10n ** 7n })
  t.same(ofDecimal(-2.5), { numerator: -25n, denominator: 10n })
  t.same(ofDecimal(1e21).numerator, 10n ** 21n)
  fc.assert(
    fc.property(
      fc.double({ min: 1e-12, max: 1e15, noNaN: true }),
      (value) => toNumber(ofDecimal(value)) === value,
    ),
  )
})

t.test("a double is taken exactly, and comes back", async () => {
  fc.assert(
    fc.property(finite, (value) => {
      const { numerator, denominator } = ofDouble(value)
      const isPowerOfTwo = (denominator & (denominator - 1n)) === 0n
      return isPowerOfTwo && toNumber({ numerator, denominator }) === value
    }),
  )
})

t.test(
  "rounding is to the nearest whole number, halves upwards, and the ceiling is never below",
  async (t) => {
    for (const [numerator, nearest, ceiling] of [
      [24n, 2n, 3n],
      [25n, 3n, 3n],
      [20n, 2n, 2n],
      [-25n, -2n, -2n],
      [-26n, -3n, -2n],
      [0n, 0n, 0n],
    ] as const) {
      t.equal(rounded({ numerator, denominator: 10n }), nearest, `${numerator} tenths`)
      t.equal(ceilingOf({ numerator, denominator: 10n }), ceiling, `${numerator} tenths`)
    }
  },
)

t.test("a number of any size is the nearest double", async (t) => {
  t.equal(toNumber({ numerator: 2301n, denominator: 10n }), 230.1)
  t.equal(toNumber(powerOfTen(-10)), 1e-10)
  t.equal(toNumber({ numerator: 10n ** 40n, denominator: 3n * 10n ** 39n }), 10 / 3)
  t.equal(toNumber({ numerator: 0n, denominator: 10n ** 40n }), 0)
})
