import fc from "fast-check"
import t from "tap"
import {
  ago,
  counted,
  dayAndTime,
  duration,
  fullDate,
  green,
  grouped,
  kWh,
  readableTimes,
  watts,
} from "./words.ts"

t.test("energy is written from whole Wh and never passes through a float", async (t) => {
  t.equal(kWh(0n), "0.00")
  t.equal(kWh(4n), "0.00")
  t.equal(kWh(5n), "0.01")
  t.equal(kWh(1_234_565n), "1,234.57")
  t.equal(kWh(-5n), "−0.01")
  t.equal(kWh(-4n), "0.00", "what rounds to nothing has no sign")
  t.equal(kWh(9_007_199_254_740_993_000n), "9,007,199,254,740,993.00")
  t.equal(green(0n), "0.000")
  t.equal(green(13_791n), "13.791")
})

t.test("GREEN loses nothing on its way to the screen", async () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 80n }),
      (wh) => BigInt(green(wh).replace(/[.,]/g, "")) === wh,
    ),
  )
})

t.test("power is in W below a kilowatt and in kW above", async (t) => {
  t.equal(watts(0), "0 W")
  t.equal(watts(-0), "0 W")
  t.equal(watts(850.4), "850 W")
  t.equal(watts(15_849), "15.8 kW")
  t.equal(watts(-1200), "−1.2 kW")
})

t.test("numbers and times are in words", async (t) => {
  t.equal(grouped(1234567n), "1,234,567")
  t.equal(counted(1, "interval"), "1 interval")
  t.equal(counted(2, "batch", "batches"), "2 batches")
  t.equal(duration(45 * 60), "45 min")
  t.equal(duration(3 * 3600), "3 h")
  t.equal(duration(3 * 3600 + 900), "3 h 15 min")
  t.equal(duration(50 * 3600), "2 days")
  t.equal(ago(59), "less than a minute ago")
  t.equal(ago(12 * 60), "12 min ago")
  t.equal(fullDate(1_782_000_000), "Sun 21 Jun 2026")
  t.equal(dayAndTime(1_782_000_000), "21 Jun, 00:00")
})

t.test("stamps in a sentence become times that people read, seconds where there are any", async (t) => {
  t.equal(
    readableTimes("from 2026-06-21T13:00:00Z to 2026-06-21T13:00:07Z on"),
    "from 21 Jun, 13:00 UTC to 21 Jun, 13:00:07 UTC on",
  )
  t.equal(
    readableTimes("at 2026-99-99T99:99:99Z"),
    "at 2026-99-99T99:99:99Z",
    "what is no time stays as it is",
  )
})
