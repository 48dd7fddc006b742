import fc from "fast-check"
import t from "tap"
import { ModbusException } from "./device.ts"
import { noScale, type Point } from "./point.ts"
import { PointReader } from "./point-reader.ts"
import { unitWith } from "./unit.test.support.ts"

const point = (name: string, address: number, over: Partial<Point> = {}): Point => ({
  name,
  function: 3,
  address,
  registers: 2,
  type: "uint32",
  order: "big",
  scale: noScale,
  notANumber: [],
  ...over,
})

t.test(
  "whatever a device refuses, every point that it has is read, and the reading comes to an end",
  async () => {
    const place = fc.record({
      address: fc.nat(120),
      factor: fc.option(fc.integer({ min: -8, max: 8 }), { nil: undefined }),
      together: fc.boolean(),
    })
    const device = fc.record({
      places: fc.uniqueArray(place, { selector: ({ address }) => address, minLength: 1, maxLength: 25 }),
      missing: fc.uniqueArray(fc.nat(130), { maxLength: 40 }),
      most: fc.integer({ min: 2, max: 125 }),
      gap: fc.nat(30),
    })
    await fc.assert(
      fc.asyncProperty(device, async ({ places, missing, most, gap }) => {
        const holding = Object.fromEntries(
          Array.from({ length: 140 }, (_, i) => [i, "0001"] as const).filter(([i]) => !missing.includes(i)),
        )
        const unit = unitWith({ holding }, most)
        const points = places.map(({ address, factor }, i) =>
          point(
            `p${i}`,
            address,
            factor === undefined ? {} : { factorAddress: Math.max(0, address + factor) },
          ),
        )
        const together = points.filter((_, i) => places[i]!.together).map(({ name }) => name)
        const reader = new PointReader({ points, together, limits: { gap } })
        // What a poll learns makes the next one ask otherwise, and perhaps learn more: it ends with a request for each.
        for (let poll = 0; poll <= points.length + 1; poll++) {
          unit.reads.length = 0
          const { points: read } = await reader.read(unit, () => 7)
          for (const { name, address, factorAddress = address } of points) {
            const begin = Math.min(address, factorAddress)
            const end = Math.max(address + 2, factorAddress + 1)
            const isThere = end - begin <= most && !missing.some((hole) => hole >= begin && hole < end)
            if ((read.get(name)?.quality === "good") !== isThere) return false
          }
          // Each refusal divides a block: a binary tree over the points at the most.
          if (unit.reads.length > 8 * points.length) return false
          if (poll > 0 && unit.reads.length <= points.length) return true
        }
        return false
      }),
      {
        numRuns: 500,
        examples: [
          [
            {
              places: [
                { address: 0, factor: undefined, together: true },
                { address: 100, factor: undefined, together: true },
                { address: 118, factor: 7, together: false },
              ],
              missing: [],
              most: 8,
              gap: 16,
            },
          ],
        ],
      },
    )
  },
)

t.test("a point that is refused alone is not asked for again until it may be another device", async (t) => {
  const unit = unitWith({ holding: { 0: "0000 0007" } })
  const reader = new PointReader({ points: [point("a", 0), point("b", 10)], together: [] })
  await reader.read(unit, () => 1)
  unit.reads.length = 0
  t.match((await reader.read(unit, () => 2)).points.get("b"), { quality: "not-implemented" })
  t.same(unit.reads, [{ function: 3, address: 0, count: 2 }])
  unit.put(3, 10, "0000 0008")
  reader.askAgain()
  t.match((await reader.read(unit, () => 3)).points.get("b"), { value: 8 })
})

t.test(
  "what is to be one moment is asked for in one request, and its time is that of its turn",
  async (t) => {
    const unit = unitWith({ holding: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [i, "0001"])) })
    const points = [point("power", 0), point("energy", 90), point("other", 50, { everySeconds: 60 })]
    const reader = new PointReader({ points, together: ["energy", "power"], limits: { gap: 0 } })
    let clock = 100
    const { time } = await reader.read(
      {
        ...unit,
        read: (block, onTurn) => {
          clock = 105
          return unit.read(block, onTurn)
        },
      },
      () => clock,
    )
    t.equal(time, 105)
    t.same(unit.reads[0], { function: 3, address: 0, count: 92 })
  },
)

t.test("a device that knows no such function is not asked in pieces", async (t) => {
  let asked = 0
  const unit = {
    ...unitWith({}),
    read: async () => {
      asked++
      throw new ModbusException("illegal function", 1)
    },
  }
  const points = Array.from({ length: 10 }, (_, i) => point(`p${i}`, 2 * i))
  const { points: read } = await new PointReader({ points, together: [] }).read(unit, () => 1)
  t.equal(asked, 1)
  t.ok([...read.values()].every(({ quality }) => quality === "not-implemented"))
})
