import t from "tap"
import { PersonError } from "../../../protocol/error.ts"
import { ModbusException, UnusableRegister, WrongDevice } from "./device.ts"
import { deviceFor } from "./devices.ts"
import { parseProfile, profileNamed } from "./profile.ts"
import em24Ethernet from "./profiles/em24-ethernet.test.json" with { type: "json" }
import em24Rs485 from "./profiles/em24-rs485.test.json" with { type: "json" }
import iem3000 from "./profiles/iem3000.test.json" with { type: "json" }
import sdm120 from "./profiles/sdm120.test.json" with { type: "json" }
import sdm630 from "./profiles/sdm630.test.json" with { type: "json" }
import sma from "./profiles/sma.test.json" with { type: "json" }
import { type Contents, unitWith } from "./unit.test.support.ts"

/** A device's registers, and what they mean by the maker's document. */
interface Image {
  about: string
  input?: Contents
  holding?: Contents
  identity: Record<string, string>
  /** Value, unit and resolution. */
  points: Record<string, (number | string | null)[]>
  absent?: string[]
  generation?: Record<string, number | string>
  grid?: Record<string, number | string>
}

const images: Record<string, Image> = {
  sdm120,
  sdm630,
  "em24-rs485": em24Rs485,
  "em24-ethernet": em24Ethernet,
  iem3000,
  sma,
}
const now = () => 1_700_000_000

for (const [name, image] of Object.entries(images)) {
  for (const measures of ["generation", "grid"] as const) {
    const expected = image[measures]
    if (!expected) continue
    t.test(`${name} shows what its image says, installed for ${measures}`, async (t) => {
      const device = deviceFor(profileNamed(name), { measures })
      const unit = unitWith(image)
      t.same(await device.identify(unit), image.identity)
      const { time, points, snapshot } = await device.poll(unit, now)
      t.equal(time, now())
      for (const [point, [value, unitName, resolution]] of Object.entries(image.points)) {
        const shown = points.find((one) => one.name === point)
        t.match(shown, { quality: "good", resolution }, point)
        t.equal(String(shown?.value), String(value), point)
        t.equal(shown?.unit ?? null, unitName, point)
      }
      for (const point of image.absent ?? []) {
        const shown = points.find((one) => one.name === point)
        t.equal(shown?.quality, "not-implemented", point)
        t.notOk(shown && "value" in shown, `${point} has no value`)
      }
      const { powerW, resolutionWh, ...registers } = expected
      t.same(snapshot, {
        registers: Object.fromEntries(
          Object.entries(registers).map(([register, wh]) => [register, BigInt(wh)]),
        ),
        ...(powerW !== undefined && { powerW }),
        resolutionWh,
      })
    })
  }
}

t.test("the registers and the power of an SDM630 come from one request", async (t) => {
  const holes = Object.fromEntries(Array.from({ length: 80 }, (_, i) => [i, "0000"]))
  const unit = unitWith({ input: { ...holes, ...sdm630.input }, holding: sdm630.holding })
  const device = deviceFor(profileNamed("sdm630"), { measures: "grid" })
  await device.poll(unit, now)
  t.ok(unit.reads.some(({ address, count }) => address <= 52 && address + count >= 76))
})

t.test("a device that refuses holes is asked around them from then on", async (t) => {
  const unit = unitWith(sdm630)
  const device = deviceFor(profileNamed("sdm630"), { measures: "grid" })
  await device.poll(unit, now)
  unit.reads.length = 0
  const { snapshot } = await device.poll(unit, now)
  t.same(snapshot?.registers, { importedWh: 65_536_000n, exportedWh: 16_384_500n })
  t.same(
    unit.reads,
    [
      { function: 4, address: 72, count: 4 },
      { function: 4, address: 12, count: 6 },
      { function: 4, address: 52, count: 2 },
    ].sort((a, b) => a.address - b.address),
    "what does not change so fast is not asked for each time",
  )
})

t.test("a device that gives few registers at a time is asked for few", async (t) => {
  const device = deviceFor(profileNamed("iem3000"), { measures: "grid" })
  const { snapshot } = await device.poll(unitWith(iem3000, 20), now)
  t.same(snapshot?.registers, { importedWh: 9_007_199_254_740_993n, exportedWh: 4711n })
})

t.test("slow points come at their own rate, and after a clock that was set back", async (t) => {
  const unit = unitWith(sdm120)
  const device = deviceFor(profileNamed("sdm120"), { measures: "grid" })
  const namesAt = async (time: number) => (await device.poll(unit, () => time)).points.map(({ name }) => name)
  t.ok((await namesAt(1000)).includes("frequency"))
  t.same((await namesAt(1010)).sort(), ["active_power", "export_active_energy", "import_active_energy"])
  t.ok((await namesAt(1060)).includes("frequency"))
  t.notOk((await namesAt(1061)).includes("frequency"))
  t.ok((await namesAt(500)).includes("frequency"))
})

t.test("a register that is no number, negative or beyond all measure is unusable, and never 0", async (t) => {
  const shows = async (contents: string) => {
    const unit = unitWith(sdm630)
    unit.put(4, 74, contents)
    return deviceFor(profileNamed("sdm630"), { measures: "grid" }).poll(unit, now)
  }
  // NaN, NaN, infinity, minus infinity, -1, the smallest below 0, 3e38, 2^33 kWh: a step of more than 1 MWh.
  for (const contents of [
    "7fc0 0000",
    "ffc0 0001",
    "7f80 0000",
    "ff80 0000",
    "bf80 0000",
    "8000 0001",
    "7f61 b1e6",
    "5000 0000",
  ]) {
    const error: UnusableRegister = await shows(contents).then(t.fail, (error) => error)
    t.match(error, { name: UnusableRegister.name, message: /^export_active_energy shows / }, contents)
    const shown = error.points.find(({ name }) => name === "export_active_energy")
    t.not(shown?.quality, "good", `${contents} is shown as what it is`)
    t.equal(shown?.value, undefined)
    t.match(
      error.points.find(({ name }) => name === "import_active_energy"),
      { value: 65_536_000n },
    )
  }
  t.same((await shows("8000 0000")).snapshot?.registers.exportedWh, 0n, "minus 0 is 0")
})

t.test(
  "power that is no number, or more than a reading can say, is left out: the registers are sound",
  async (t) => {
    for (const contents of ["7fc0 0000", "7f80 0000", "7f61 b1e6", "cf00 0000"]) {
      const unit = unitWith(sdm630)
      unit.put(4, 52, contents)
      const { snapshot } = await deviceFor(profileNamed("sdm630"), { measures: "generation" }).poll(unit, now)
      t.same(snapshot, { registers: { generatedWh: 65_536_000n }, resolutionWh: 8 })
    }
  },
)

t.test("a register that the device does not have is unusable", async (t) => {
  const { "74": _, ...input } = sdm120.input
  const poll = deviceFor(profileNamed("sdm120"), { measures: "grid" }).poll(unitWith({ input }), now)
  await t.rejects(poll, {
    name: UnusableRegister.name,
    message: "export_active_energy shows no number",
  })
})

t.test("a reading does without a register that not every variant has, but not without any", async (t) => {
  const { "92": _, ...noExport } = em24Rs485.input
  const { "66": __, ...nothing } = noExport
  const grid = (input: Contents) =>
    deviceFor(profileNamed("em24-rs485"), { measures: "grid" }).poll(unitWith({ input }), now)
  t.same((await grid(noExport)).snapshot?.registers, { importedWh: 482_134_000n })
  await t.rejects(grid(nothing), UnusableRegister)
})

t.test("a device that cannot answer at the moment is not taken for one without registers", async (t) => {
  const unit = unitWith(sdm120)
  const busy = { ...unit, read: () => Promise.reject(new ModbusException("busy", 6)) }
  const device = deviceFor(profileNamed("sdm120"), { measures: "grid" })
  await t.rejects(device.poll(busy, now), { name: ModbusException.name, code: 6 })
  t.ok((await device.poll(unit, now)).snapshot)
})

t.test("another device than the one that is configured is found out", async (t) => {
  const wrong = (name: string, image: Image, serial?: string) =>
    t.rejects(
      deviceFor(profileNamed(name), { measures: "grid", ...(serial && { serial }) }).identify(
        unitWith(image),
      ),
      { name: WrongDevice.name },
    )
  await wrong("sdm630", sdm630, "17031143")
  await wrong("sdm630", { ...sdm630, holding: {} }, "17031142")
  await wrong("em24-ethernet", { ...em24Ethernet, holding: { ...em24Ethernet.holding, 11: "0047" } })
  const mute = unitWith({ ...em24Ethernet, holding: {} })
  t.same(await deviceFor(profileNamed("em24-ethernet"), { measures: "grid" }).identify(mute), {
    maker: "Carlo Gavazzi",
    model: "EM24 E1 (Ethernet)",
  })
})

t.test("a profile is not used for what it does not measure", async (t) => {
  t.throws(() => deviceFor(profileNamed("sma"), { measures: "grid" }), {
    name: PersonError.name,
    next: "It measures generation.",
  })
})

t.test("a scale factor comes with its value in one request", async (t) => {
  const profile = parseProfile(
    JSON.stringify({
      kind: "registers",
      maker: "Nobody",
      model: "Scaled",
      source: "this test",
      function: 3,
      points: {
        energy: { address: 10, type: "uint32", scaleFactor: "energy_sf", unit: "Wh" },
        energy_sf: { address: 40, type: "int16", everySeconds: 60 },
      },
      measures: { generation: { generatedWh: "energy" } },
      quirks: { mostGap: 0 },
    }),
    "scaled.json",
  )
  const holding = Object.fromEntries(Array.from({ length: 31 }, (_, i) => [10 + i, "0000"]))
  const unit = unitWith({ holding: { ...holding, 11: "04d2", 40: "0002" } })
  const { snapshot } = await deviceFor(profile, { measures: "generation" }).poll(unit, now)
  t.same(snapshot, { registers: { generatedWh: 123_400n }, resolutionWh: 100 })
  t.same(unit.reads, [{ function: 3, address: 10, count: 31 }])
  unit.put(3, 40, "8000")
  await t.rejects(deviceFor(profile, { measures: "generation" }).poll(unit, now), UnusableRegister)
})
