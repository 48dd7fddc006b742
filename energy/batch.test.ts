import { isDeepStrictEqual } from "node:util"
import fc from "fast-check"
import t from "tap"
import type { Rules } from "../protocol/evidence.ts"
import type { Hex } from "../protocol/hex.ts"
import {
  type CountedReading,
  computeBatch,
  essentialReadings,
  firstBoundary,
  isPublic,
  type MeterPart,
} from "./batch.ts"
import type { Registers } from "./judge.ts"

const rules: Rules = {
  version: 1,
  intervalSeconds: 900,
  sharingKey: { name: "proportional", version: 1 },
  headroomBasisPoints: 1000,
  clockToleranceSeconds: 120,
}
const [anna, bert, carl] = ["0xaa", "0xbb", "0xcc"] as const
const meterId = (n: number): Hex => `0x${String(n).repeat(64)}`

const counted = (time: number, registers: Registers): CountedReading => ({
  time,
  registers,
  digest: `0x${time.toString(16).padStart(64, "0")}`,
})
const roof = (time: number, wh: number) => counted(time, { generatedWh: BigInt(wh) })
const grid = (time: number, imported: number, exported: number) =>
  counted(time, { importedWh: BigInt(imported), exportedWh: BigInt(exported) })

const part = (
  n: number,
  household: Hex,
  readings: CountedReading[],
  over: Partial<MeterPart> = {},
): MeterPart => ({
  meterId: meterId(n),
  household,
  startTime: 0,
  startWh: 0n,
  ratedW: 5000,
  restarts: [],
  before: undefined,
  stated: undefined,
  counted: readings,
  ...over,
})

/** Anna has a roof and feeds in, Bert and Carl use what she gives. */
const village = () => [
  part(1, anna, [roof(900, 500), roof(1800, 1100)]),
  part(2, anna, [grid(0, 10, 0), grid(900, 10, 300), grid(1800, 15, 700)]),
  part(3, bert, [grid(0, 0, 0), grid(900, 100, 0), grid(1800, 300, 0)]),
  part(4, carl, [grid(0, 50, 5), grid(900, 350, 5), grid(1800, 350, 5)]),
]

const energy = (
  generatedWh: number,
  importedWh: number,
  exportedWh: number,
  givenWh: number,
  receivedWh: number,
) => ({
  generatedWh: BigInt(generatedWh),
  importedWh: BigInt(importedWh),
  exportedWh: BigInt(exportedWh),
  givenWh: BigInt(givenWh),
  receivedWh: BigInt(receivedWh),
})

t.test("a batch of a small village, by hand", async (t) => {
  t.same(computeBatch(village(), 0, 1800, rules), {
    // The roof stood at its start register when it was commissioned.
    generation: [
      { meterId: meterId(1), start: 0, generatedWh: 500n },
      { meterId: meterId(1), start: 900, generatedWh: 600n },
    ],
    households: [
      {
        household: anna,
        records: [
          { start: 0, energy: energy(500, 0, 300, 300, 0) },
          { start: 900, energy: energy(600, 5, 400, 200, 0) },
        ],
      },
      {
        household: bert,
        records: [
          { start: 0, energy: energy(0, 100, 0, 0, 75) },
          { start: 900, energy: energy(0, 200, 0, 0, 200) },
        ],
      },
      {
        household: carl,
        records: [
          { start: 0, energy: energy(0, 300, 0, 0, 225) },
          { start: 900, energy: energy(0, 0, 0, 0, 0) },
        ],
      },
    ],
    statements: [
      { kind: 1, meterId: meterId(1), generatedWh: 1100n, time: 1800, reading: roof(1800, 0).digest },
    ],
  })
})

t.test("a batch does not depend on the order of its meters", async (t) => {
  const secondRoof = part(5, bert, [roof(900, 70), roof(1800, 80)])
  const parts = [...village(), secondRoof]
  const expected = computeBatch(parts, 0, 1800, rules)
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.shuffledSubarray(parts, { minLength: 5 }), (shuffled) =>
        isDeepStrictEqual(computeBatch(shuffled, 0, 1800, rules), expected),
      ),
    ),
  )
  t.same(parts, [...village(), secondRoof], "and changes none of them")
})

t.test("a statement quotes the last reading that counted, at any time in the batch", async (t) => {
  const { statements } = computeBatch([part(1, anna, [roof(900, 500), roof(1111, 600)])], 0, 1800, rules)
  t.same(statements, [
    { kind: 1, meterId: meterId(1), generatedWh: 600n, time: 1111, reading: roof(1111, 0).digest },
  ])
})

t.test(
  "a meter with nothing new repeats its statement, and one that never spoke states nothing",
  async (t) => {
    const before = roof(850, 500)
    const silent = part(1, anna, [], { before })
    const { statements, generation } = computeBatch([silent, part(2, anna, [])], 900, 1800, rules)
    t.same(statements, [
      { kind: 1, meterId: meterId(1), generatedWh: 500n, time: 850, reading: before.digest },
    ])
    t.same(generation, [{ meterId: meterId(1), start: 900, generatedWh: undefined }])
  },
)

t.test("generation is public; what shows how a household lives is not", async (t) => {
  t.ok(isPublic({} satisfies Registers))
  t.notOk(isPublic({ importedWh: 0n }))
  t.notOk(isPublic({ exportedWh: 0n }))
  const { generation, households, statements } = computeBatch(
    [
      part(1, anna, [roof(900, 500)]),
      part(2, bert, [
        counted(0, { generatedWh: 5n, importedWh: 7n }),
        counted(900, { generatedWh: 9n, importedWh: 8n }),
      ]),
    ],
    0,
    900,
    rules,
  )
  t.same(new Set(generation.map((record) => record.meterId)), new Set([meterId(1)]))
  t.same(
    households.map(({ household }) => household),
    [bert],
    "a household whose meters are all public has no records",
  )
  t.match(households[0]!.records, [{ start: 0, energy: { generatedWh: 4n, importedWh: 1n, exportedWh: 0n } }])
  t.same(
    statements.map((statement) => statement.meterId),
    [meterId(1), meterId(2)],
    "what either generated is stated",
  )
})

t.test("a household with a gap in one of its meters has a gap, and the others still share", async (t) => {
  const [roofA, gridA, gridB, gridC] = village()
  const secondB = part(5, bert, [grid(0, 0, 0), grid(900, 0, 0)])
  const { households } = computeBatch([roofA!, gridA!, gridB!, gridC!, secondB], 0, 1800, rules)
  t.same(
    households.map(({ household, records }) => [household, records[1]]),
    [
      [anna, { start: 900, energy: energy(600, 5, 400, 0, 0) }],
      [bert, { start: 900, energy: undefined }],
      [carl, { start: 900, energy: energy(0, 0, 0, 0, 0) }],
    ],
    "Carl needs nothing then, so that nothing of Anna's is shared",
  )
  t.same(
    households.map(({ records }) => records[0]!.energy?.receivedWh),
    [0n, 75n, 225n],
    "before the gap Bert had his share",
  )
  const never = computeBatch([gridA!, gridB!, gridC!, part(5, bert, [])], 0, 900, rules)
  t.same(
    never.households.map(({ records }) => records[0]!.energy?.receivedWh),
    [0n, undefined, 300n],
    "a meter that never spoke is a gap too: Carl alone is left to receive",
  )
})

t.test("what a household's meters show is added up before it is netted", async (t) => {
  const { households } = computeBatch(
    [
      part(1, anna, [grid(0, 0, 0), grid(900, 100, 0)]),
      part(2, anna, [grid(0, 0, 0), grid(900, 0, 250)]),
      part(3, bert, [grid(0, 0, 0), grid(900, 1000, 0)]),
    ],
    0,
    900,
    rules,
  )
  t.same(
    households.map(({ records }) => records[0]!.energy),
    [energy(0, 100, 250, 150, 0), energy(0, 1000, 0, 0, 150)],
  )
})

t.test("two batches say of each interval what one over both would say", async (t) => {
  const parts = village()
  const later = parts.map((meter): MeterPart => {
    const before = meter.counted.findLast(({ time }) => time <= 900)
    return { ...meter, before, counted: meter.counted.filter(({ time }) => time > 900) }
  })
  const earlier = parts.map((meter) => ({
    ...meter,
    counted: meter.counted.filter(({ time }) => time <= 900),
  }))
  const both = [computeBatch(earlier, 0, 900, rules), computeBatch(later, 900, 1800, rules)]
  const whole = computeBatch(parts, 0, 1800, rules)
  t.same(
    both.flatMap(({ generation }) => generation),
    whole.generation,
  )
  t.same(
    whole.households.map(({ records }) => records),
    whole.households.map((_, i) => both.flatMap(({ households }) => households[i]!.records)),
  )
  t.same(both[1]!.statements, whole.statements)
})

t.test("a site's first batch begins at or before its first meter's commissioning", async (t) => {
  t.equal(firstBoundary([5000, 1799, 9000], 900), 900)
  t.equal(firstBoundary([1800], 900), 1800)
})

t.test(
  "a roof's first interval is counted from its commissioning, unless that is too long ago",
  async (t) => {
    const first = (startTime: number, time: number) =>
      computeBatch([part(1, anna, [roof(time, 500)], { startTime, startWh: 100n })], 0, 900, rules)
        .generation[0]!.generatedWh
    t.equal(first(0, 900), 400n)
    t.equal(first(-899, 900), 400n)
    t.equal(first(-900, 900), undefined)
    t.equal(first(1, 900), undefined, "commissioned in the middle of an interval: that one is not whole")
  },
)

t.test("a batch of the essential readings alone is the batch of all, and they are few", async () => {
  const [from, to] = [1800, 5400]
  const said = fc.record({
    after: fc.integer({ min: 1, max: 400 }),
    wh: fc.nat(3000),
    restarts: fc.constantFrom(0, 0, 0, 1),
  })
  const meter = fc.record({
    readings: fc.array(said, { maxLength: 40 }),
    before: fc.option(fc.nat(3000), { nil: undefined }),
    stated: fc.option(fc.record({ wh: fc.nat(2000), time: fc.constantFrom(600, 2500) }), { nil: undefined }),
    isGrid: fc.boolean(),
    restarts: fc.constantFrom([], [{ time: 3000, finalWh: 900n, firstWh: 0n }]),
    startTime: fc.constantFrom(0, 1500, 1800),
  })
  fc.assert(
    fc.property(fc.array(meter, { minLength: 1, maxLength: 3 }), (meters) => {
      const all = meters.map(({ readings, before, stated, isGrid, ...over }, n) => {
        let time = 500
        const show = (wh: number) => (isGrid ? grid(time, wh, 2 * wh) : roof(time, wh))
        return part(n + 1, ([anna, bert, carl] as const)[n]!, [], {
          ...over,
          before: before === undefined ? undefined : show(before),
          stated: stated && {
            kind: 1,
            meterId: meterId(n + 1),
            generatedWh: BigInt(stated.wh),
            time: stated.time,
            reading: "0x00",
          },
          counted: readings.flatMap(({ after, wh, restarts }) => {
            time += after
            if (time > to) return []
            const counters = { generatedWh: { offsetWh: 900n, restarts, unseenWh: 0n } }
            return [{ ...show(wh), ...(restarts > 0 && { counters }) }]
          }),
        })
      })
      const few = all.map((meter) => {
        const essential = essentialReadings<CountedReading>(meter, from, rules)
        for (const reading of meter.counted) essential.add(reading)
        return { ...meter, counted: essential.kept() }
      })
      const isFew = few.every(({ counted }) => counted.length <= (to - from) / 900 + 3)
      return (
        isFew && isDeepStrictEqual(computeBatch(few, from, to, rules), computeBatch(all, from, to, rules))
      )
    }),
    { numRuns: 500 },
  )
})
