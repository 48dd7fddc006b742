import { type Snapshot, UnusableRegister } from "./device.ts"
import { type DecodedPoint, isEnergy } from "./point.ts"
import { ceilingOf, rounded } from "./rational.ts"

/** Which point is which register of a reading, by what the meter is installed to measure. */
export interface Roles {
  generatedWh?: string
  importedWh?: string
  exportedWh?: string
  powerW?: string
}

const registerNames = ["generatedWh", "importedWh", "exportedWh"] as const
export const rolesInOrder = (roles: Roles): string[] =>
  [...registerNames, "powerW" as const].flatMap((role) => roles[role] ?? [])

/** The largest numbers that a reading can state: SPEC.md, 3.2. */
const mostWh = 2n ** 63n - 1n
const mostStepWh = 1_000_000n
const mostPowerW = 0x7fffffffn

/**
 * What a plain meter's points say, ready to be signed.
 * @param mayLack whether the reading does without this point where the device does not have it, as long as there is
 * another: a SunSpec device need not have all that the standard knows.
 * @throws UnusableRegister naming the point and what it showed.
 */
export function snapshotOf(
  points: ReadonlyMap<string, DecodedPoint>,
  roles: Roles,
  mayLack: (name: string) => boolean,
): Snapshot {
  const registers: Snapshot["registers"] = {}
  let resolutionWh = 1n
  const lacking: string[] = []
  const all = [...points.values()].map(shown)
  for (const role of registerNames) {
    const name = roles[role]
    if (name === undefined) continue
    const point = points.get(name)
    if (!point?.exact || !isEnergy(point.unit)) {
      lacking.push(`${name} shows no number`)
      if (mayLack(name) && point?.quality !== "out-of-range") continue
      throw new UnusableRegister(lacking.at(-1)!, all)
    }
    const { value, step } = point.exact
    const wh = rounded(value)
    const stepWh = ceilingOf(step)
    if (value.numerator < 0n || wh > mostWh || stepWh > mostStepWh)
      throw new UnusableRegister(
        `${name} shows ${point.value} ${point.unit}`,
        all.map((other) => (other.name === name ? outOfRange(other) : other)),
      )
    registers[role] = wh
    if (stepWh > resolutionWh) resolutionWh = stepWh
  }
  if (Object.keys(registers).length === 0) throw new UnusableRegister(lacking.join(", "), all)
  const power = powerOf(points, roles)
  return { registers, ...(power !== undefined && { powerW: power }), resolutionWh: Number(resolutionWh) }
}

/** What is not a number is not 0: the reading says nothing of power then. */
function powerOf(points: ReadonlyMap<string, DecodedPoint>, { powerW: name }: Roles): number | undefined {
  const point = name === undefined ? undefined : points.get(name)
  if (!point?.exact) return
  const watts = rounded(point.exact.value)
  return watts <= mostPowerW && watts >= -mostPowerW ? Number(watts) : undefined
}

/** A point as others see it, without the exact value behind it. */
export function shown({ exact: _, ...point }: DecodedPoint): Omit<DecodedPoint, "exact"> {
  return point
}

const outOfRange = ({ value: _, resolution: __, ...point }: Omit<DecodedPoint, "exact">) => ({
  ...point,
  quality: "out-of-range" as const,
})
