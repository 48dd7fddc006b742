import t from "tap"
import { Clock, decodeReading } from "../../protocol/reading.ts"
import type { FaultSpec, MqttMeterSpec } from "../scenario.ts"
import { createSigningMeter } from "../signing-meter.ts"
import { home, noon, secret, start } from "../units.test.support.ts"

const spec: MqttMeterSpec = {
  name: "Roof",
  home: "Home",
  measures: "generation",
  kind: "mqtt",
  secret,
  every: 900,
}
const boot = { boots: 3, at: start }

function readings(fault: Omit<FaultSpec, "meter" | "at">, count = 6) {
  const meter = createSigningMeter(spec, home, [{ meter: "Roof", at: noon, ...fault }], start)
  return Array.from({ length: count }, (_, i) => {
    const [message] = meter.messagesAt(noon - 900 + 900 * i, boot)
    return message && decodeReading(message.payload).reading
  })
}
const first = (noon - 900 - start) / 900 + 1

t.test("clock-step: another time, one setting more there and one more back", async (t) => {
  const shown = readings({ fault: "clock-step", lasts: 1800 })
  t.same(
    shown.slice(0, 4).map((reading) => [reading!.time - noon, reading!.clockSets, reading!.sequence - first]),
    [
      [-900, 1, 0],
      [0 - 3600, 2, 1],
      [900 - 3600, 2, 2],
      [1800, 3, 3],
    ],
  )
  t.equal(readings({ fault: "clock-step", seconds: 50 })[1]!.time, noon + 50)
})

t.test("clock-unsynchronised: the right time, which the meter does not vouch for", async (t) => {
  const [before, during] = readings({ fault: "clock-unsynchronised" })
  t.equal(before!.clock, Clock.synchronised)
  t.match(during, { clock: Clock.informative, time: noon, clockSets: 1 })
})

t.test("reboot: silence, then one boot more for ever, and the sequence shows the gap", async (t) => {
  const [before, silent, after, later] = readings({ fault: "reboot", lasts: 600 })
  t.equal(before!.boots, 3)
  t.equal(silent, undefined)
  t.match(after, { boots: 4, sequence: first + 2 })
  t.equal(later!.boots, 4)
})

t.test("sequence-reuse: two readings of two times with one sequence", async (t) => {
  const [before, during, after] = readings({ fault: "sequence-reuse" })
  t.equal(during!.sequence, before!.sequence)
  t.not(during!.time, before!.time)
  t.equal(after!.sequence, first + 2)
})
