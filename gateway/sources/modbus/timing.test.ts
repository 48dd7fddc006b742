import fc from "fast-check"
import t from "tap"
import { planReads } from "./plan.ts"
import { gapLimit, networkWire, serialWire, transmissionMs } from "./timing.ts"

const line = (baudRate: number) => serialWire({ baudRate, parity: "none", stopBits: 1 })

t.test("characters and silence are those of the line's settings", async (t) => {
  t.equal(line(9600).byteMs.toFixed(4), "1.0417")
  t.equal(serialWire({ baudRate: 9600, parity: "even", stopBits: 1 }).byteMs.toFixed(4), "1.1458")
  t.equal(line(9600).silenceMs.toFixed(2), "3.65", "3.5 characters")
  t.equal(line(115_200).silenceMs, 1.75, "and never less than 1.75 ms")
  // The longest reply: 8 bytes there, 255 back.
  t.equal(Math.round(transmissionMs(line(9600), { count: 125 })), 278)
})

t.test(
  "one more request costs as much as 14 registers at 9600 baud, and as any gap on a network",
  async (t) => {
    t.equal(gapLimit(line(9600), 0), 14)
    t.ok(gapLimit(line(9600), 100) > 50, "a rest before each request makes requests dear")
    t.ok(gapLimit(line(115_200), 0) > gapLimit(line(9600), 0), "and so does thinking, where bytes are quick")
    t.ok(gapLimit(networkWire("tcp"), 0) > 125)
    t.equal(gapLimit(networkWire("rtu"), 0), gapLimit(line(9600), 0), "there is a serial line behind it")
  },
)

t.test(
  "the time on the wire with the gap limit of a line is never more than that of single reads",
  async () => {
    const baud = fc.constantFrom(1200, 2400, 9600, 19_200, 38_400, 115_200)
    const points = fc.array(
      fc.record({ address: fc.integer({ min: 0, max: 300 }), count: fc.constantFrom(1, 2, 4) }),
      {
        minLength: 1,
        maxLength: 20,
      },
    )
    fc.assert(
      fc.property(baud, points, (baudRate, wanted) => {
        const wire = line(baudRate)
        const timeOf = (blocks: readonly { count: number }[]) =>
          blocks.reduce(
            (sum, block) => sum + transmissionMs(wire, block) + wire.silenceMs + wire.turnaroundMs,
            0,
          )
        const reads = planReads(
          wanted.map((point) => ({ function: 3 as const, ...point })),
          { gap: gapLimit(wire, 0) },
        )
        return timeOf(reads.map(({ block }) => block)) <= timeOf(wanted) + 1e-6
      }),
    )
  },
)
