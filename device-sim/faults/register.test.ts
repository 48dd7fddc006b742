import t from "tap"
import { displayAt } from "../meter.ts"
import type { FaultSpec } from "../scenario.ts"
import { home, meterOf, noon, start } from "../units.test.support.ts"
import type { RegisterFaultName } from "./register.ts"

const meter = meterOf("sdm630", 1)
const day = 86_400

function shown(time: number, fault: RegisterFaultName, more: Partial<FaultSpec> = {}): bigint {
  return displayAt(meter, home, [{ meter: meter.name, fault, at: start, ...more }], time).registers
    .generatedWh
}
const truth = (time: number) => displayAt(meter, home, [], time).registers.generatedWh

/** Seconds of the first day from `from` on at which the panels begin or cease to yield. */
function firstTime(from: number, when: (watts: number) => boolean): number {
  let time = from
  while (!when(home.powerAt(time).generatedW)) time += 60
  return time
}
const wakes = firstTime(start, (watts) => watts > 0)
const sleeps = firstTime(noon, (watts) => watts === 0)

t.test("zero-at-wake: 0 for ten minutes after dawn, and never else", async (t) => {
  t.equal(shown(wakes - 60, "zero-at-wake"), truth(wakes - 60))
  t.equal(shown(wakes, "zero-at-wake"), 0n)
  t.equal(shown(wakes + 540, "zero-at-wake"), 0n)
  t.equal(shown(wakes + 1200, "zero-at-wake"), truth(wakes + 1200))
  t.equal(shown(noon, "zero-at-wake"), truth(noon))
})

t.test("midnight-reset: what a day has yielded since its midnight", async (t) => {
  const during = { lasts: 3 * day, at: start + 100 }
  t.equal(shown(noon, "midnight-reset", during), truth(noon), "until the first midnight nothing is wrong")
  t.equal(shown(start + day, "midnight-reset", during), 0n)
  t.equal(shown(noon + day, "midnight-reset", during), truth(noon + day) - truth(start + day))
  t.equal(shown(start + 3 * day + 100, "midnight-reset", during), truth(start + 3 * day + 100), "healed")
})

t.test("frozen-at-night: from dusk on the register of the last full hour of light", async (t) => {
  const hour = Math.floor((sleeps - 1) / 3600) * 3600
  t.equal(shown(sleeps - 60, "frozen-at-night"), truth(sleeps - 60))
  t.equal(shown(sleeps, "frozen-at-night"), truth(hour))
  t.ok(truth(hour) < truth(sleeps), "so that something is missing until the morning")
  t.equal(shown(sleeps + 7200, "frozen-at-night", { lasts: day }), truth(hour))
})

t.test("rollover, dip and glitch have their size, or the one that they are given", async (t) => {
  t.equal(shown(noon, "rollover", { wh: 1_000_000 }), truth(noon) % 1_000_000n)
  t.equal(shown(noon, "rollover"), truth(noon), "below 100,000 kWh there is nothing to roll over")
  t.equal(shown(noon, "dip", { at: noon }), truth(noon) - 100n)
  t.equal(shown(noon, "dip", { at: noon, wh: 1 }), truth(noon) - 1n)
  t.equal(shown(noon, "dip", { at: noon, wh: 10 ** 12 }), 0n, "never below 0")
  t.equal(shown(noon, "glitch", { at: noon }), truth(noon) + 2n ** 30n)
  t.equal(shown(noon + 900, "glitch", { at: noon }), truth(noon + 900))
})

t.test("not-a-number: the registers are not readable, power is", async (t) => {
  const display = displayAt(meter, home, [{ meter: meter.name, fault: "not-a-number", at: noon }], noon)
  t.notOk(display.readable)
  t.ok(display.powerW > 0)
})
