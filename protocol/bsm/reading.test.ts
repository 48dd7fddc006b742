import fc from "fast-check"
import t from "tap"
import { Clock } from "../reading.ts"
import { readingFromBsm } from "./reading.ts"
import { image, someSignature } from "./snapshot.test.support.ts"
import { parseBsm } from "./snapshot.ts"

function read(numbers: Record<string, number> = {}, register?: Parameters<typeof readingFromBsm>[1]) {
  return readingFromBsm(parseBsm(image({ numbers }, someSignature)), register)
}

t.test("a sound snapshot is a reading, and nothing speaks against it", async (t) => {
  t.same(read(), {
    reading: {
      sequence: 4278,
      time: 1_657_267_609,
      clock: Clock.synchronised,
      clockSets: 3139,
      boots: 0,
      importedWh: 100_000n,
      powerW: 2500,
      resolutionWh: 10,
    },
    doubts: [],
  })
})

t.test("energy is scaled exactly, with every scale factor", async (t) => {
  t.match(read({ TotWhImp: 52_620, Wh_SF: 0 }).reading, { importedWh: 52_620n, resolutionWh: undefined })
  t.match(read({ TotWhImp: 0xffff_ffff, Wh_SF: 3 }).reading, {
    importedWh: 4_294_967_295_000n,
    resolutionWh: 1000,
  })
  t.match(read({ TotWhImp: 12_399, Wh_SF: -2 }).reading, { importedWh: 123n, resolutionWh: undefined })
  t.match(read({ Wh_SF: 7 }), { reading: undefined, doubts: [/steps of more than/] })
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 0xffff_ffff }),
      fc.integer({ min: -10, max: 6 }),
      (TotWhImp, Wh_SF) => {
        const value = BigInt(TotWhImp)
        const expected = Wh_SF >= 0 ? value * 10n ** BigInt(Wh_SF) : value / 10n ** BigInt(-Wh_SF)
        return read({ TotWhImp, Wh_SF }).reading!.importedWh === expected
      },
    ),
  )
})

t.test("power has its sign and its scale, in whole W", async (t) => {
  t.match(read({ W: -7, W_SF: 1 }).reading, { powerW: -70 })
  t.match(read({ W: -199, W_SF: -2 }).reading, { powerW: -1 })
  t.ok(Object.is(read({ W: -1, W_SF: -2 }).reading!.powerW, 0), "and no negative zero")
  t.equal(read({ W: -0x8000 }).reading!.powerW, undefined, "not implemented")
  t.equal(read({ W: 32_767, W_SF: 10 }).reading!.powerW, undefined, "more than a reading holds")
})

t.test("the import register is what the meter is registered for", async (t) => {
  t.match(read({}, "generatedWh").reading, { generatedWh: 100_000n, importedWh: undefined })
})

t.test("what SunSpec calls not implemented is no reading", async (t) => {
  t.match(read({ TotWhImp: 0 }), { reading: undefined, doubts: [/TotWhImp.* is not counted/] })
  t.match(read({ Epoch: 0xffff_ffff }), { reading: undefined, doubts: [/no time/] })
  t.match(read({ Epoch: 0 }), { reading: undefined, doubts: [/no time/] })
  t.match(read({ RCnt: 0xffff_ffff }), { reading: undefined, doubts: [/no number/] })
})

t.test(
  "the clock is synchronised if it was set, for the meter drops a time that nobody renews",
  async (t) => {
    const set = 1000
    const at = (age: number) => read({ OS: set + age, EpochSetOS: set })
    t.match(at(0), { reading: { clock: Clock.synchronised }, doubts: [] })
    t.match(
      at(1e8),
      { reading: { clock: Clock.synchronised }, doubts: [] },
      "renewed within the drift, which is not counted",
    )
    t.match(at(-1), { reading: { clock: Clock.informative }, doubts: [/set later than the snapshot/] })
    t.match(read({ EpochSetCnt: 0 }), { reading: { clock: Clock.informative }, doubts: [/never set/] })
    for (const name of ["OS", "EpochSetOS", "EpochSetCnt"])
      t.match(read({ [name]: 0xffff_ffff }).doubts, ["the clock does not say when it was set"])
  },
)

t.test("events of the meter are doubts, and those of the grid are only kept", async (t) => {
  for (const bit of [2, 3, 4]) t.match(read({ Evt: 1 << bit }), { reading: { status: 1 << bit }, doubts: [] })
  for (const [bit, why] of [
    [5, /over-current/],
    [7, /a sensor is missing/],
    [16, /fatal error/],
    [17, /did not start properly/],
    [18, /not the certified one/],
    [19, /development mode/],
    [25, /not described/],
    [31, /not described/],
  ] as const)
    t.match(read({ Evt: 2 ** bit }), { reading: { status: 2 ** bit }, doubts: [why] }, `bit ${bit}`)
})
