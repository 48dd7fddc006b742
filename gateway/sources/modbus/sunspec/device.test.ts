import fc from "fast-check"
import t from "tap"
import { type BlockRead, UnusableRegister, WrongDevice } from "../device.ts"
import { deviceFor } from "../devices.ts"
import { parseProfile, profileNamed } from "../profile.ts"
import { unitWith } from "../unit.test.support.ts"
import { findBase, walkChain } from "./chain.ts"
import { float, long, MapWriter, textWords } from "./map.test.support.ts"

const sunspec = profileNamed("sunspec")
const now = () => 1_700_000_000

/** 48,213,410 Wh and 3120 W, each with a scale factor of 1. */
const inverter: (readonly number[])[] = [
  [2, 135],
  [6, -1],
  [14, 312],
  [15, 1],
  [16, 5001],
  [17, -2],
  [24, ...long(4_821_341)],
  [26, 1],
  [38, 4],
]
/** 7,000,100 Wh out, 31,415,900 Wh in, -1500 W. */
const meter: (readonly number[])[] = [
  [18, -150],
  [22, 1],
  [38, ...long(70_001)],
  [40, ...long(0)],
  [46, ...long(314_159)],
  [54, 2],
]

t.test("a map is found where it may begin, and first where it is said to", async (t) => {
  for (const base of [40000, 0, 50000, 30000]) {
    const map = new MapWriter(base).common("Maker", "M1", "S1").model(103, 50, inverter).end()
    const unit = unitWith(map)
    const device = deviceFor(sunspec, { measures: "generation", ...(base === 30000 && { base }) })
    t.same(await device.identify(unit), { maker: "Maker", model: "M1", serial: "S1", firmware: "1.2.3" })
    const { time, snapshot } = await device.poll(unit, now)
    t.equal(time, now())
    t.same(snapshot, { registers: { generatedWh: 48_213_410n }, powerW: 3120, resolutionWh: 10 })
  }
  await t.rejects(deviceFor(sunspec, { measures: "generation" }).identify(unitWith({})), {
    name: WrongDevice.name,
    message: "the device has no SunSpec map at 40000, 0, 50000",
  })
})

t.test(
  "a map ends at its mark, where the device refuses, at an id of 0 and at the last address",
  async (t) => {
    const chain = async (writer: MapWriter, base = 40000) => walkChain(unitWith(writer), base)
    const map = () => new MapWriter(40000).common("Maker", "M1", "S1", 65).model(103, 50, inverter)
    const expected = [
      { id: 1, address: 40002, length: 65, occurrence: 1 },
      { id: 103, address: 40069, length: 50, occurrence: 1 },
    ]
    t.same(await chain(map().end()), expected)
    t.same(await chain(map()), expected)
    t.same(await chain(map().model(0, 0, [])), expected)
    t.same(await chain(map().model(900, 30000, [])), expected)
    const last = new MapWriter(65536 - 2 - 52).model(103, 50, inverter)
    t.same(await chain(last, 65536 - 2 - 52), [{ id: 103, address: 65484, length: 50, occurrence: 1 }])
  },
)

t.test("whatever a device shows, its chain comes to an end", async (t) => {
  const endless = unitWith({})
  endless.read = async (block) => {
    endless.reads.push(block)
    return Buffer.from("00650000", "hex")
  }
  t.equal((await walkChain(endless, 40000)).length, 100)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(0xffff), { minLength: 64, maxLength: 64 }), async (words) => {
      const unit = unitWith({})
      unit.read = async ({ address, count }) => {
        const bytes = Buffer.alloc(2 * count)
        for (let i = 0; i < count; i++) bytes.writeUInt16BE(words[(address + i) % 64]!, 2 * i)
        return bytes
      }
      const chain = await walkChain(unit, 0)
      let end = 2
      for (const { address, length } of chain) {
        if (address !== end) return false
        end = address + 2 + length
      }
      return chain.length <= 100 && end <= 65536
    }),
  )
})

t.test("a map is found only by its mark", async (t) => {
  t.equal(await findBase(unitWith({ holding: { 40000: "5375 6e53" } }), [0, 40000]), 40000)
  await t.rejects(findBase(unitWith({ holding: { 40000: "6e53 5375", 0: "0000 0000" } }), [40000, 0]))
})

t.test("value and scale factor come in one request, and all that counts with them", async (t) => {
  const unit = unitWith(new MapWriter(40000).common("M", "M1", "S1").model(203, 105, meter).end())
  const device = deviceFor(sunspec, { measures: "grid" })
  await device.identify(unit)
  unit.reads.length = 0
  const { snapshot } = await device.poll(unit, now)
  t.same(snapshot, {
    registers: { importedWh: 31_415_900n, exportedWh: 7_000_100n },
    powerW: -1500,
    resolutionWh: 100,
  })
  t.same(unit.reads, [{ function: 3, address: 40072, count: 105 }], "the whole model at once")
})

t.test("a device that gives few registers at a time still gives a value with its scale factor", async (t) => {
  const unit = unitWith(new MapWriter(40000).common("M", "M1", "S1").model(203, 105, meter).end(), 40)
  const device = deviceFor(sunspec, { measures: "grid", serial: "S1" })
  await device.identify(unit)
  const { snapshot } = await device.poll(unit, now)
  t.same(snapshot?.registers, { importedWh: 31_415_900n, exportedWh: 7_000_100n })
  for (const { address, count } of unit.reads) {
    const begin = address - 40070
    if (count <= 40 && begin <= 38 && begin + count > 38) t.ok(begin + count > 54, `${begin} + ${count}`)
  }
})

t.test(
  "what is not implemented is absent, whatever its type, and a value without scale factor too",
  async (t) => {
    const cases: [string, (readonly number[])[]][] = [
      ["103.A", [[2, 0xffff]]],
      ["103.A", [[6, 0x8000]]],
      ["103.A", [[6, 11]]],
      ["103.W", [[14, 0x8000]]],
      ["103.St", [[38, 0xffff]]],
      ["103.Evt1", [[40, 0xffff, 0xffff]]],
    ]
    for (const [name, contents] of cases) {
      const map = new MapWriter(40000)
        .common("M", "M1", "S1")
        .model(103, 50, [...inverter, ...contents])
        .end()
      const { points } = await deviceFor(sunspec, { measures: "generation" }).poll(unitWith(map), now)
      const point = points.find((one) => one.name === name)
      t.not(point?.quality, "good", name)
      t.notOk(point && "value" in point, name)
    }
  },
)

t.test("an accumulator of 0 is not accumulated: nothing to count", async (t) => {
  const asleep = new MapWriter(40000)
    .common("M", "M1", "S1")
    .model(103, 50, [...inverter, [24, 0, 0]])
    .end()
  const error: UnusableRegister = await deviceFor(sunspec, { measures: "generation" })
    .poll(unitWith(asleep), now)
    .then(t.fail, (error) => error)
  t.match(error, { name: UnusableRegister.name, message: "103.WH shows no number" })
  t.match(
    error.points.find(({ name }) => name === "103.Hz"),
    { value: 50.01, unit: "Hz", resolution: 0.01 },
    "what it shows all the same",
  )
  const neverExported = new MapWriter(40000)
    .common("M", "M1", "S1")
    .model(203, 105, [...meter, [38, 0, 0]])
    .end()
  t.same(
    (await deviceFor(sunspec, { measures: "grid" }).poll(unitWith(neverExported), now)).snapshot?.registers,
    { importedWh: 31_415_900n },
    "the other register is sound",
  )
})

t.test("floating-point models count as the others do", async (t) => {
  const map = new MapWriter(40000)
    .common("Fronius", "Symo", "29301000987160033")
    .model(
      113,
      60,
      [
        [22, ...float(1234.5)],
        [32, ...float(16_777_218)],
      ],
      0x7fc0,
    )
    .model(
      213,
      124,
      [
        [28, ...float(-2.5)],
        [60, ...float(1000.5)],
        [68, ...float(0)],
      ],
      0x7fc0,
    )
    .end()
  t.same((await deviceFor(sunspec, { measures: "generation" }).poll(unitWith(map), now)).snapshot, {
    registers: { generatedWh: 16_777_218n },
    powerW: 1235,
    resolutionWh: 2,
  })
  t.same((await deviceFor(sunspec, { measures: "grid" }).poll(unitWith(map), now)).snapshot, {
    registers: { importedWh: 0n, exportedWh: 1001n },
    powerW: -2,
    resolutionWh: 1,
  })
})

t.test("models 701 and 714 count where there is no older one", async (t) => {
  const ac: (readonly number[])[] = [
    [10, 4000],
    [19, 0, 0, 0x00ff, 0xffff],
    [23, 0, 0, 0, 42],
    [116, 0],
    [120, 1],
  ]
  const map = new MapWriter(0).common("M", "M1", "S1").model(701, 153, ac).end()
  const unit = unitWith(map)
  t.same((await deviceFor(sunspec, { measures: "generation" }).poll(unit, now)).snapshot, {
    registers: { generatedWh: 167_772_150n },
    powerW: 4000,
    resolutionWh: 10,
  })
  t.same((await deviceFor(sunspec, { measures: "grid" }).poll(unit, now)).snapshot?.registers, {
    importedWh: 420n,
    exportedWh: 167_772_150n,
  })
  t.ok(unit.reads.every(({ count }) => count <= 125))
  const dc: (readonly number[])[] = [
    [4, 2],
    [7, 0, 0, 0, 5000],
    [18, 0],
    [17, 0],
    [20 + 12, 700],
    [45 + 2, ...textWords("Roof", 8)],
  ]
  const { points, snapshot } = await deviceFor(sunspec, { measures: "generation" }).poll(
    unitWith(new MapWriter(0).common("M", "M1", "S1").model(714, 68, dc).end()),
    now,
  )
  t.same(snapshot?.registers, { generatedWh: 5000n })
  t.match(
    points.find(({ name }) => name === "714.Prt1.DCW"),
    { value: 700, unit: "W" },
  )
  t.match(
    points.find(({ name }) => name === "714.Prt2.IDStr"),
    { value: "Roof" },
  )
})

t.test("a map of several devices: the serial number says which one counts", async (t) => {
  const other = meter.map(([offset, ...words]) => (offset === 46 ? [46, ...long(99)] : [offset!, ...words]))
  const map = new MapWriter(40000)
    .common("SolarEdge", "SE10K", "7E1234AB", 65)
    .model(103, 50, inverter)
    .common("WattNode", "WNC", "606001", 65)
    .model(203, 105, meter)
    .common("WattNode", "WNC", "606002", 65)
    .model(203, 105, other)
    .end()
  const unit = unitWith(map)
  const imported = async (serial?: string) => {
    const device = deviceFor(sunspec, { measures: "grid", ...(serial && { serial }) })
    const identity = await device.identify(unit)
    const { snapshot } = await device.poll(unit, now)
    return [identity.serial, snapshot?.registers.importedWh]
  }
  t.same(await imported(), ["606001", 31_415_900n])
  t.same(await imported("606001"), ["606001", 31_415_900n])
  t.same(await imported("606002"), ["606002", 9900n])
  await t.rejects(imported("606003"), {
    name: WrongDevice.name,
    message: "the device has the serial number 7E1234AB; 606003 is expected",
  })
  await t.rejects(imported("7E1234AB"), {
    name: WrongDevice.name,
    message: "the device has no model that counts what is to be measured; it has 1, 103",
  })
  const both = await deviceFor(sunspec, { measures: "generation" }).poll(unit, now)
  t.same(both.snapshot?.registers, { generatedWh: 48_213_410n })
  t.match(
    both.points.find(({ name }) => name === "203#2.TotWhImp"),
    { value: 9900n, unit: "Wh" },
  )
})

t.test("a model that is a little longer or shorter than the standard is read by its own word", async (t) => {
  const map = new MapWriter(40000)
    .common("M", "M1", "S1", 65)
    .model(103, 45, inverter)
    .model(160, 8 + 2 * 20 + 3, [
      [5, 0],
      [8, 2],
      [10 + 12, ...long(700)],
      [30 + 12, ...long(800)],
    ])
    .end()
  const { points, snapshot } = await deviceFor(sunspec, { measures: "generation" }).poll(unitWith(map), now)
  t.same(snapshot?.registers, { generatedWh: 48_213_410n })
  t.notOk(points.some(({ name }) => name === "103.EvtVnd4"))
  t.match(
    points.find(({ name }) => name === "160.module2.DCWH"),
    { value: 800n, unit: "Wh" },
  )
})

t.test("a device is counted by the same register when it is asleep", async (t) => {
  const map = new MapWriter(40000)
    .common("M", "M1", "S1")
    .model(103, 50, [...inverter, [24, 0, 0]])
    .model(701, 153, [
      [19, 0, 0, 0, 7],
      [120, 0],
    ])
    .end()
  await t.rejects(deviceFor(sunspec, { measures: "generation" }).poll(unitWith(map), now), UnusableRegister)
})

t.test("the rated power of model 120 is part of who it is", async (t) => {
  const map = new MapWriter(40000)
    .common("M", "M1", "S1")
    .model(103, 50, inverter)
    .model(120, 26, [
      [3, 820],
      [4, 1],
    ])
    .end()
  t.match(await deviceFor(sunspec, { measures: "generation" }).identify(unitWith(map)), { ratedW: 8200 })
})

t.test(
  "a device that does not answer where it has nothing is found at another place the next time",
  async (t) => {
    const unit = unitWith(new MapWriter(50000).common("M", "M1", "S1").model(103, 50, inverter).end())
    const mute = {
      ...unit,
      read: async (block: BlockRead) => {
        if (block.address < 50000) throw new Error("silent")
        return unit.read(block)
      },
    }
    const device = deviceFor(sunspec, { measures: "generation" })
    for (const _ of [40000, 0]) await t.rejects(device.identify(mute), { message: "silent" })
    t.match(await device.identify(mute), { serial: "S1" })
    t.match(await device.identify(mute), { serial: "S1" }, "and stays found")
  },
)

t.test("a map that has changed is not counted by another register", async (t) => {
  const device = deviceFor(sunspec, { measures: "generation" })
  await device.identify(unitWith(new MapWriter(0).common("M", "M1", "S1").model(103, 50, inverter)))
  const other = unitWith(new MapWriter(0).common("M", "M1", "S1").model(701, 153, []))
  await t.rejects(device.identify(other), {
    name: WrongDevice.name,
    message: "the device's map has changed: it counted 103.WH, and now 701.TotWhInj",
  })
})

t.test("a meter whose model ends before a register shows the others", async (t) => {
  const map = new MapWriter(0).common("M", "M1", "S1").model(213, 66, [[60, ...float(1000)]], 0x7fc0)
  const { snapshot } = await deviceFor(sunspec, { measures: "grid" }).poll(unitWith(map), now)
  t.same(snapshot?.registers, { exportedWh: 1000n })
})

t.test("a profile may say whose map it is", async (t) => {
  const map = new MapWriter(0).common("Maker", "M1", "S1").model(103, 50, inverter)
  const profile = (identity: object) =>
    parseProfile(JSON.stringify({ ...sunspec, identity }), "a profile of this test")
  const identify = (identity: object) =>
    deviceFor(profile(identity), { measures: "generation" }).identify(unitWith(map))
  t.match(await identify({ maker: "Maker", model: "M1" }), { serial: "S1" })
  await t.rejects(identify({ maker: "Maker", model: "M2" }), {
    name: WrongDevice.name,
    message: "the device says model M1; M2 is expected",
  })
})

t.test("a device that is the same after a lost line is asked as before", async (t) => {
  const unit = unitWith(
    new MapWriter(0).common("M", "M1", "S1").model(103, 50, inverter).model(203, 105, meter),
  )
  const device = deviceFor(sunspec, { measures: "generation" })
  await device.poll(unit, now)
  await device.identify(unit)
  unit.reads.length = 0
  await device.poll(unit, now)
  t.same(unit.reads, [{ function: 3, address: 72, count: 50 }], "what is slow is not due yet")
})
