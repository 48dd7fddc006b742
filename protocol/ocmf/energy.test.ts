import fc from "fast-check"
import t from "tap"
import { type Energy, energyFromDecimal, energyFromScaled, maxEnergyWh } from "./energy.ts"

t.test("decimal kWh and Wh become whole Wh, rounded down, with the step that was written", async (t) => {
  const cases: [string, string, bigint, number][] = [
    ["2935.6", "kWh", 2_935_600n, 100],
    ["62500.1270", "kWh", 62_500_127n, 1],
    ["62500.1279", "kWh", 62_500_127n, 1],
    ["0.2597", "kWh", 259n, 1],
    ["1833", "Wh", 1833n, 1],
    ["1833.9", "Wh", 1833n, 1],
    ["0.29", "kWh", 290n, 10],
    ["12", "kWh", 12_000n, 1000],
    ["00000012.340", "kWh", 12_340n, 1],
    ["       9.038", "kWh", 9038n, 1],
    ["1.5e3", "Wh", 1500n, 100],
    ["15E-1", "kWh", 1500n, 100],
    ["-0", "Wh", 0n, 1],
    ["9223372036854775807", "Wh", maxEnergyWh, 1],
    ["9223372036854775.807999", "kWh", maxEnergyWh, 1],
  ]
  for (const [text, unit, wh, stepWh] of cases) t.same(energyFromDecimal(text, unit), { wh, stepWh }, text)
})

t.test("what is no energy of a reading is refused in words", async (t) => {
  const cases: [string, string, RegExp][] = [
    ["9223372036854775808", "Wh", /beyond 2\^63 - 1/],
    ["9223372036854775.808", "kWh", /beyond 2\^63 - 1/],
    ["1e99", "Wh", /beyond 2\^63 - 1/],
    ["-1", "Wh", /negative/],
    ["-0.1", "Wh", /negative/],
    ["1e4", "kWh", /steps of more than/],
    ["0e7", "Wh", /steps of more than/],
    ["1,5", "kWh", /not a decimal number/],
    ["0x10", "Wh", /not a decimal number/],
    ["", "Wh", /not a decimal number/],
    [".5", "Wh", /not a decimal number/],
    ["1e100", "Wh", /not a decimal number/],
    ["NaN", "Wh", /not a decimal number/],
    ["1", "MWh", /neither Wh nor kWh/],
    ["1", "kwh", /neither Wh nor kWh/],
    ["1", "", /neither Wh nor kWh/],
  ]
  for (const [text, unit, why] of cases) t.match(energyFromDecimal(text, unit), why, `${text} ${unit}`)
})

t.test(
  "the conversion is that of exact fractions, for every number of digits and every exponent",
  async () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 10n ** 24n }),
        fc.integer({ min: 0, max: 30 }),
        fc.integer({ min: -40, max: 6 }),
        fc.constantFrom("Wh", "kWh"),
        (digits, places, exponent, unit) => {
          const padded = digits.toString().padStart(places + 1, "0")
          const whole = padded.slice(0, padded.length - places)
          const fraction = padded.slice(padded.length - places)
          const text = `${whole}${places ? `.${fraction}` : ""}${exponent ? `e${exponent}` : ""}`
          // The same value as one fraction of integers: digits × 10^(exponent + unit) / 10^places.
          const over = 10n ** BigInt(places + 40)
          const numerator = digits * 10n ** BigInt(exponent + 40) * (unit === "kWh" ? 1000n : 1n)
          const got = energyFromDecimal(text, unit)
          const power = exponent - places + (unit === "kWh" ? 3 : 0)
          if (numerator / over > maxEnergyWh || power > 6) return typeof got === "string"
          const { wh, stepWh } = got as Energy
          const step = power > 0 ? 10 ** power : 1
          return wh * over <= numerator && numerator < (wh + 1n) * over && stepWh === step
        },
      ),
      { numRuns: 1000 },
    )
  },
)

t.test("an integer with a power of ten is scaled exactly", async (t) => {
  t.same(energyFromScaled(10_000n, 1), { wh: 100_000n, stepWh: 10 })
  t.same(energyFromScaled(0xffff_ffffn, 0), { wh: 4_294_967_295n, stepWh: 1 })
  t.same(energyFromScaled(12_345n, -2), { wh: 123n, stepWh: 1 })
  t.match(energyFromScaled(1n, 7), /steps of more than/)
  t.match(energyFromScaled(0xffff_ffffn, 10), /beyond/)
})
