import fc from "fast-check"
import t from "tap"
import type { BlockRead } from "./device.ts"
import { type Limits, type PlannedRead, planReads } from "./plan.ts"

const at = (address: number, count = 1, code: 3 | 4 = 3): BlockRead => ({ function: code, address, count })
const blocks = (points: BlockRead[], limits: Limits) => planReads(points, limits).map(({ block }) => block)

t.test("a gap is read along where that costs no more than one more request", async (t) => {
  t.same(blocks([at(0, 2), at(12, 2)], { gap: 10 }), [at(0, 14)])
  t.same(blocks([at(0, 2), at(12, 2)], { gap: 9.9 }), [at(0, 2), at(12, 2)])
  t.same(blocks([at(6, 2), at(0, 2), at(2, 4)], { gap: 0 }), [at(0, 8)], "neighbours always go together")
})

t.test("no block asks for more than a reply or the device has room for", async (t) => {
  t.same(blocks([at(0), at(124), at(125)], { gap: 1000 }), [at(0), at(124, 2)])
  t.same(blocks([at(0, 125)], { gap: 0, most: 1000 }), [at(0, 125)])
  t.same(
    blocks(
      Array.from({ length: 10 }, (_, i) => at(i)),
      { gap: 5, most: 4 },
    ).map(({ count }) => count),
    [2, 4, 4],
  )
  t.throws(() => planReads([at(7, 126)], { gap: 0 }), /no single request may ask for the 126 registers at 7/)
})

t.test("no block goes across an address where the device wants a new one", async (t) => {
  t.same(blocks([at(10), at(11), at(12)], { gap: 50, boundaries: [11] }), [at(10), at(11, 2)])
  t.same(blocks([at(10), at(11)], { gap: 50, boundaries: [10, 12] }), [at(10, 2)])
  t.throws(() => planReads([at(10, 2)], { gap: 0, boundaries: [11] }), /the 2 registers at 10/)
})

t.test("holding and input registers are apart, and nothing wanted is nothing read", async (t) => {
  t.same(blocks([at(1, 1, 4), at(0), at(2, 1, 4)], { gap: 9 }), [at(0), at(1, 2, 4)])
  t.same(planReads([], { gap: 9 }), [])
})

const point = fc.record({
  function: fc.constantFrom(3 as const, 4 as const),
  address: fc.integer({ min: 0, max: 400 }),
  count: fc.integer({ min: 1, max: 10 }),
})
const limits = fc.record({
  gap: fc.double({ min: 0, max: 60, noNaN: true }),
  most: fc.integer({ min: 10, max: 125 }),
})
const cost = (reads: readonly Pick<PlannedRead<unknown>, "block">[], gap: number) =>
  reads.reduce((sum, { block }) => sum + gap + block.count, 0)

t.test(
  "every point comes exactly once, in a block that holds it and is within the limits; all of them cost no more " +
    "than a request for each, nor than one for all",
  async () => {
    fc.assert(
      fc.property(fc.array(point, { maxLength: 30 }), limits, (points, { gap, most }) => {
        const reads = planReads(points, { gap, most })
        const brought = reads.flatMap((read) => read.points)
        if (brought.length !== points.length || new Set(brought).size !== points.length) return false
        for (const { block, points: inside } of reads) {
          if (block.count > most) return false
          for (const { function: code, address, count } of inside)
            if (
              code !== block.function ||
              address < block.address ||
              address + count > block.address + block.count
            )
              return false
        }
        const eachAlone = cost(
          points.map((block) => ({ block })),
          gap,
        )
        const allInOne = planReads(points, { gap: 1e9 })
        const oneForAll =
          allInOne.length === 1 && allInOne[0]!.block.count <= most ? cost(allInOne, gap) : Infinity
        return cost(reads, gap) <= Math.min(eachAlone, oneForAll) + 1e-6
      }),
      { numRuns: 500 },
    )
  },
)
