import { readFileSync } from "node:fs"
import t from "tap"
import { sharedFile } from "../shared-file.ts"
import { meterOf, noon, simulate, start } from "../units.test.support.ts"
import { models } from "./models.ts"
import { encodePoint, sizeOf } from "./points.ts"

interface JsonPoint {
  name: string
  type: string
  size: number
  sf?: string | number
}

/** The standard calls some points otherwise in the model of one phase than in those of two and three. */
const otherNames: Readonly<Record<string, string>> = {
  PPVphAB: "PhVphAB",
  PPVphBC: "PhVphBC",
  PPVphCA: "PhVphCA",
}

for (const model of Object.keys(models).map(Number)) {
  const file = sharedFile(`data/sunspec-models/model_${model}.json`)
  t.test(
    `model ${model} has the standard's points, in its order`,
    "missing" in file ? { skip: file.missing } : {},
    async (t) => {
      if ("missing" in file) return
      const { group } = JSON.parse(readFileSync(file.file, "utf8"))
      const points: JsonPoint[] = group.points.slice(2) // behind the header
      const repeated: JsonPoint[] = (group.groups ?? []).flatMap(
        (port: { name: string; points: JsonPoint[] }) =>
          port.points.map((point) => ({ ...point, name: `${port.name}.${point.name}` })),
      )
      const standard = [...points, ...repeated].map(({ name, type, size, sf }) => ({
        name: model === 201 ? (otherNames[name] ?? name) : name,
        type: type === "string" ? `string${size}` : type,
        ...(sf !== undefined && { scale: sf }),
      }))
      t.same(
        models[model]!.map(({ offset: _, ...point }) => point),
        standard,
      )
      t.same(
        [...points, ...repeated].map(({ size }) => size),
        models[model]!.map(({ type }) => sizeOf(type)),
      )
    },
  )
}

const words = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString("hex")

t.test("what is not implemented has its type's value", async (t) => {
  for (const [type, bytes] of [
    ["int16", "8000"],
    ["sunssf", "8000"],
    ["uint16", "ffff"],
    ["enum16", "ffff"],
    ["acc32", "00000000"],
    ["uint32", "ffffffff"],
    ["bitfield32", "ffffffff"],
    ["uint64", "ffffffffffffffff"],
    ["float32", "7fc00000"],
    ["string2", "00000000"],
  ] as const)
    t.equal(words(encodePoint(type, undefined, 0)), bytes, type)
})

t.test("power's scale factor moves with its size, so that value and factor belong together", async (t) => {
  const inverter = meterOf("sunspec-inverter", 1)
  const { unit, clock } = simulate(inverter)
  t.equal(words(unit.read("holding", 40_085, 1)), "0000")
  clock.now = start
  t.equal(words(unit.read("holding", 40_084, 1)), "0000", "at night there is no power")
  t.equal(words(unit.read("holding", 40_108, 1)), "0002", "and the inverter sleeps")
  t.equal(unit.read("holding", 40_000, 200), undefined, "beyond the end is nothing")
  t.equal(unit.read("input", 40_000, 2), undefined)
})

t.test("a register that is no number is one that is not accumulated", async (t) => {
  const fault = { meter: "Meter 1", fault: "not-a-number", at: noon } as const
  t.equal(
    words(simulate(meterOf("sunspec-inverter", 1), [fault]).unit.read("holding", 40_094, 2)),
    "00000000",
  )
  t.equal(words(simulate(meterOf("sdm630", 1), [fault]).unit.read("input", 0x48, 2)), "7fc00000")
  t.equal(words(simulate(meterOf("sma", 1), [fault]).unit.read("input", 30_513, 4)), "ff".repeat(8))
  t.equal(words(simulate(meterOf("em24-rs485", 1), [fault]).unit.read("input", 0x42, 2)), "ffff7fff")
})
