import { z } from "zod"
import { PersonError } from "../../../protocol/error.ts"
import sdm630 from "./profiles/sdm630.json" with { type: "json" }

/** How many registers a point takes, by type. */
const widths = { float32: 2 } as const

const pointShape = z.strictObject({
  address: z.int().min(0).max(65535),
  type: z.enum(["float32"]),
  unit: z.enum(["W", "kWh"]),
})
const roles = z.partialRecord(z.enum(["generatedWh", "importedWh", "exportedWh"]), z.string())
const profileShape = z
  .strictObject({
    model: z.string(),
    source: z.string(),
    /** Modbus function that reads the points: 3 holding registers, 4 input registers. */
    function: z.union([z.literal(3), z.literal(4)]),
    points: z.record(z.string(), pointShape),
    /** The point that shows power. */
    power: z.string(),
    /** Which point is which register of a reading, by what the meter is installed to measure. */
    measures: z.strictObject({ generation: roles, grid: roles }),
  })
  .superRefine((profile, context) => {
    const named = [profile.power, ...Object.values(profile.measures).flatMap((role) => Object.values(role))]
    for (const name of named)
      if (!(name in profile.points)) context.addIssue(`there is no point named ${name}`)
  })

/** A kind of meter as data: what stands where, and what it means. */
export type Profile = z.output<typeof profileShape>
export type Measures = keyof Profile["measures"]

const profiles = new Map(Object.entries({ sdm630 }).map(([name, file]) => [name, profileShape.parse(file)]))

/** @throws PersonError when there is no profile of that name. */
export function profileNamed(name: string): Profile {
  const profile = profiles.get(name)
  if (!profile)
    throw new PersonError(`There is no meter profile "${name}".`, {
      next: `Use one of: ${[...profiles.keys()].join(", ")}.`,
    })
  return profile
}

/** One read of neighbouring registers. A meter's registers and power come from one read: one moment. */
export interface BlockRead {
  function: 3 | 4
  address: number
  count: number
}

/** What a meter showed. Energy in whole Wh; `resolutionWh` is the step of its coarsest register, rounded up. */
export interface Snapshot {
  registers: { generatedWh?: bigint; importedWh?: bigint; exportedWh?: bigint }
  /** Absent where the meter shows none. */
  powerW?: number
  resolutionWh: number
}

/** The read that covers all points a meter needs. */
export function blockFor(profile: Profile, measures: Measures): BlockRead {
  const points = [profile.power, ...Object.values(profile.measures[measures])].map(
    (name) => profile.points[name]!,
  )
  const address = Math.min(...points.map((point) => point.address))
  const end = Math.max(...points.map((point) => point.address + widths[point.type]))
  return { function: profile.function, address, count: end - address }
}

/** The meter answered, but not with something that can be counted. */
export class UnusableRegister extends Error {
  override name = "UnusableRegister"
}

/** From here on a float32 in kWh steps by more than 1 MWh, the coarsest step that a reading can state. */
const mostKWh = 2 ** 33 - 2 ** 10
/** The largest power that a reading can state, W. */
const mostPowerW = 0x7fffffff

/** Reads the points out of a block's bytes. @throws UnusableRegister naming the point and what it showed. */
export function decodeBlock(profile: Profile, measures: Measures, block: BlockRead, bytes: Buffer): Snapshot {
  if (bytes.length !== 2 * block.count)
    throw new UnusableRegister(`${bytes.length} bytes came for ${block.count} registers`)
  const valueAt = (name: string) => {
    const point = profile.points[name]!
    return { value: bytes.readFloatBE(2 * (point.address - block.address)), unit: point.unit }
  }
  const registers: Snapshot["registers"] = {}
  let resolutionWh = 1
  for (const [register, name] of Object.entries(profile.measures[measures])) {
    const { value } = valueAt(name)
    if (!(value >= 0 && value <= mostKWh)) throw new UnusableRegister(`${name} shows ${value}`)
    registers[register as keyof Snapshot["registers"]] = BigInt(Math.round(value * 1000))
    resolutionWh = Math.max(resolutionWh, float32StepWh(value))
  }
  const { value: power } = valueAt(profile.power)
  // What is not a number is not 0: the reading says nothing of power then.
  return { registers, ...(Math.abs(power) <= mostPowerW && { powerW: Math.round(power) }), resolutionWh }
}

/** The distance in Wh between neighbouring float32 values at so many kWh, rounded up: 7.8 at 65,536 kWh. */
export function float32StepWh(kWh: number): number {
  if (kWh === 0) return 1
  return Math.max(1, Math.ceil(2 ** (Math.floor(Math.log2(kWh)) - 23) * 1000))
}
