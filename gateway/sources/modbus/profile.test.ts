import fc from "fast-check"
import t from "tap"
import { PersonError } from "../../../protocol/error.ts"
import { maxReadingBytes } from "../../../protocol/reading.ts"
import { testMeter } from "../../intake.test.support.ts"
import {
  blockFor,
  decodeBlock,
  float32StepWh,
  type Measures,
  profileNamed,
  UnusableRegister,
} from "./profile.ts"

const sdm630 = profileNamed("sdm630")

/** A block with these floats at their addresses. */
function image(measures: Measures, values: Record<string, number>): Buffer {
  const block = blockFor(sdm630, measures)
  const bytes = Buffer.alloc(2 * block.count)
  for (const [name, value] of Object.entries(values)) {
    const at = 2 * (sdm630.points[name]!.address - block.address)
    if (at + 4 <= bytes.length) bytes.writeFloatBE(value, at)
  }
  return bytes
}
const decode = (measures: Measures, values: Record<string, number>) =>
  decodeBlock(sdm630, measures, blockFor(sdm630, measures), image(measures, values))
const sound = { active_power_total: 1234.4, import_active_energy: 12.345, export_active_energy: 6.5 }

t.test("one block covers power and every register that a meter needs, and no more", async (t) => {
  // Eastron's manual: total power at 30053, import at 30073, export at 30075; each two registers.
  t.same(blockFor(sdm630, "generation"), { function: 4, address: 52, count: 22 })
  t.same(blockFor(sdm630, "grid"), { function: 4, address: 52, count: 24 })
  for (const measures of ["generation", "grid"] as const) {
    const block = blockFor(sdm630, measures)
    for (const name of [sdm630.power, ...Object.values(sdm630.measures[measures])]) {
      const { address } = sdm630.points[name]!
      t.ok(address >= block.address && address + 2 <= block.address + block.count, `${measures}: ${name}`)
    }
    t.ok(block.count <= 125, "the most that one request may ask for")
  }
})

t.test("what a meter shows becomes registers in whole Wh and power in whole W", async (t) => {
  t.same(decode("generation", sound), { registers: { generatedWh: 12_345n }, powerW: 1234, resolutionWh: 1 })
  t.same(decode("grid", sound), {
    registers: { importedWh: 12_345n, exportedWh: 6500n },
    powerW: 1234,
    resolutionWh: 1,
  })
  t.same(decode("generation", { ...sound, import_active_energy: 0 }).registers, { generatedWh: 0n })
  t.same(decode("generation", { ...sound, import_active_energy: -0 }).registers, { generatedWh: 0n })
  t.same(decode("grid", { ...sound, active_power_total: -3000.6 }).powerW, -3001)
})

t.test("a register that is no number, negative or beyond all measure is unusable, and never 0", async (t) => {
  for (const value of [
    Number.NaN,
    -Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    -1,
    -1e-9,
    3e38,
    2 ** 33,
  ])
    for (const name of ["import_active_energy", "export_active_energy"])
      t.throws(() => decode("grid", { ...sound, [name]: value }), {
        name: UnusableRegister.name,
        message: new RegExp(`^${name} shows `),
      })
})

t.test(
  "power that is no number, or more than a reading can say, is left out: the registers are sound",
  async (t) => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3e38, -(2 ** 31)])
      t.same(decode("generation", { ...sound, active_power_total: value }), {
        registers: { generatedWh: 12_345n },
        resolutionWh: 1,
      })
  },
)

t.test("a block of another length is unusable", async (t) => {
  const block = blockFor(sdm630, "grid")
  for (const length of [0, 2 * block.count - 2, 2 * block.count + 2])
    t.throws(() => decodeBlock(sdm630, "grid", block, Buffer.alloc(length)), UnusableRegister)
})

t.test("the step of a float32 is carried along: 7.8 Wh at 65,536 kWh", async (t) => {
  for (const [kWh, step] of [
    [0, 1],
    [1, 1],
    [8191, 1],
    [16_383, 1],
    [16_384, 2],
    [65_535, 4],
    [65_536, 8],
    [131_072, 16],
    [1_000_000, 63],
  ] as const)
    t.equal(float32StepWh(kWh), step, `${kWh} kWh`)
  t.equal(decode("generation", { ...sound, import_active_energy: 65_536 }).resolutionWh, 8)
  t.equal(
    decode("grid", { ...sound, export_active_energy: 20_000 }).resolutionWh,
    2,
    "the coarsest register's",
  )
})

/** The next float32 above, by its bits. */
function nextAbove(value: number): number {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatBE(value)
  bytes.writeUInt32BE(bytes.readUInt32BE() + 1)
  return bytes.readFloatBE()
}

t.test(
  "no register moves by more than the step that is stated, and every reading can be signed",
  async (t) => {
    const meter = testMeter("plain")
    const kWh = fc.float({ min: 0, max: Math.fround(2 ** 33 - 2 ** 11), noNaN: true })
    fc.assert(
      fc.property(kWh, kWh, fc.float(), (imported, exported, power) => {
        const values = {
          import_active_energy: imported,
          export_active_energy: exported,
          active_power_total: power,
        }
        const snapshot = decode("grid", values)
        const above = decode("grid", { ...values, import_active_energy: nextAbove(imported) })
        const rise = above.registers.importedWh! - snapshot.registers.importedWh!
        const { registers, powerW, resolutionWh } = snapshot
        const bytes = meter.says(1, {
          ...registers,
          ...(powerW !== undefined && { powerW }),
          ...(resolutionWh > 1 && { resolutionWh }),
        })
        return rise >= 0n && rise <= BigInt(snapshot.resolutionWh) && bytes.length <= maxReadingBytes
      }),
      { numRuns: 1000 },
    )
    t.throws(
      () => meter.says(1, { resolutionWh: 1_000_001 }),
      "a step that no reading can state would be refused here",
    )
  },
)

t.test("a profile that does not exist is refused with those that do", async (t) => {
  t.throws(() => profileNamed("sdm6300"), {
    name: PersonError.name,
    message: 'There is no meter profile "sdm6300".',
    next: "Use one of: sdm630.",
  })
  t.throws(() => profileNamed("constructor"), PersonError)
})
