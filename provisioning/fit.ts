import type { Identity, PointValue, Polled, Unit } from "../gateway/sources/modbus/device.ts"
import { isRefusal, UnusableRegister, WrongDevice } from "../gateway/sources/modbus/device.ts"
import { deviceFor } from "../gateway/sources/modbus/devices.ts"
import type { Profiles } from "../gateway/sources/modbus/profile.ts"
import type { Measures, Profile } from "../gateway/sources/modbus/profile-shape.ts"
import { identifyByPoints } from "../gateway/sources/modbus/registers.ts"
import { findBase, NoMap, walkChain } from "../gateway/sources/modbus/sunspec/chain.ts"

/** A profile by which a unit can be read, and what it shows so. */
export interface Fit {
  profile: string
  /** The device says itself what it is; otherwise what it shows is only as such a device would show it. */
  certain: boolean
  /** How many voltages and frequencies are as a grid has them, less those that show nothing. */
  score: number
  identity: Identity
  measures: Measures[]
  points: readonly PointValue[]
  /** Whole Wh, by what the meter may be installed to measure. */
  registers: { generatedWh?: bigint; importedWh?: bigint; exportedWh?: bigint }
  powerW?: number
}

/** The profiles that fit a unit, the likeliest first. Only reads. @throws where the unit is silent or the line is gone. */
export async function fitsOf(unit: Unit, profiles: Profiles, now: () => number): Promise<Fit[]> {
  const fits: Fit[] = []
  const map = await sunSpecModels(unit)
  for (const [name, profile] of profiles) {
    const fit = await fitOf(unit, name, profile, map, now).catch(unlessAnswered)
    if (fit) fits.push(fit)
  }
  fits.sort((a, b) => Number(b.certain) - Number(a.certain) || b.score - a.score)
  const [best, next] = fits
  // A meter that signs shows the same in a SunSpec map, which can be read without a signature.
  if (best && next?.certain && Object.keys(best.registers).length === 0)
    fits[0] = { ...best, identity: next.identity, registers: next.registers, points: next.points }
  return fits
}

/** A device that answers otherwise than the profile says is another device; one that does not answer is no answer. */
function unlessAnswered(error: unknown): undefined {
  if (error instanceof WrongDevice || error instanceof UnusableRegister || error instanceof NoMap) return
  if (!isRefusal(error)) throw error
}

async function sunSpecModels(unit: Unit): Promise<number[] | undefined> {
  try {
    return (await walkChain(unit, await findBase(unit, [40000, 0, 50000]))).map(({ id }) => id)
  } catch (error) {
    return unlessAnswered(error)
  }
}

async function fitOf(
  unit: Unit,
  name: string,
  profile: Profile,
  models: readonly number[] | undefined,
  now: () => number,
): Promise<Fit | undefined> {
  const found = { profile: name, points: [], registers: {}, score: 0 }
  switch (profile.kind) {
    case "bsm":
      // It signs when it is written to, and a scan writes nothing.
      if (!models?.includes(profile.models.signingMeter)) return undefined
      return {
        ...found,
        certain: true,
        score: Number.POSITIVE_INFINITY,
        identity: maker(profile),
        measures: ["generation", "grid"],
      }
    case "ocmf": {
      const identity = await identifyByPoints(profile, unit)
      return names(profile, identity) === true
        ? { ...found, certain: true, identity, measures: ["generation", "grid"] }
        : undefined
    }
    case "sunspec":
    case "registers":
      if (profile.kind === "sunspec" && !models) return undefined
      return read(unit, name, profile, now)
  }
}

const maker = ({ maker, model }: Profile): Identity => ({ maker, model })

async function read(
  unit: Unit,
  name: string,
  profile: Extract<Profile, { kind: "sunspec" | "registers" }>,
  now: () => number,
): Promise<Fit | undefined> {
  let identity: Identity | undefined
  let shown: Polled | undefined
  const registers: Fit["registers"] = {}
  const measures: Measures[] = []
  for (const measured of ["grid", "generation"] as const) {
    if (!profile.measures[measured]) continue
    const device = deviceFor(profile, { measures: measured })
    try {
      const said = await device.identify(unit)
      const polled = await device.poll(unit, now)
      identity ??= said
      shown ??= polled
      Object.assign(registers, polled.snapshot?.registers)
      measures.push(measured)
    } catch (error) {
      unlessAnswered(error)
    }
  }
  if (!identity || !shown) return undefined
  const said = profile.kind === "sunspec" ? true : names(profile, identity)
  // A SunSpec map says what it is; its volts may be those of panels.
  const score = profile.kind === "sunspec" ? 0 : plausibility(shown.points)
  if (said === false || score === undefined || (said === undefined && score <= 0)) return undefined
  const powerW = shown.snapshot?.powerW
  return {
    ...{ profile: name, certain: said === true, score, identity, measures, points: shown.points, registers },
    ...(powerW !== undefined && { powerW }),
  }
}

/** Whether a device says that it is what the profile describes; undefined where it says nothing. */
function names(
  profile: Extract<Profile, { kind: "registers" | "ocmf" }>,
  { model, serial }: Identity,
): boolean | undefined {
  const point = profile.identity.model === undefined ? undefined : profile.points[profile.identity.model]
  if (!point || model === undefined) return undefined
  // Where a device says nothing, its model stands in for the profile's own: only text beside it shows that it spoke.
  if (model === profile.model) return point.type === "string" && isText(serial) ? true : undefined
  if (!isText(model)) return false
  return (
    profile.identity.codes !== undefined || profile.model.includes(model) || model.includes(profile.model)
  )
}

/** Registers of another device, read as letters, are none. */
const isText = (said: string | undefined) => said !== undefined && /^[\x20-\x7e]{3,}$/.test(said)

/** EN 50160 has the grid within 10 % of 230 V and 1 % of 50 Hz; meters stand behind transformers, and at 60 Hz too. */
const volts = { least: 80, most: 500 }
const hertz = { least: 45, most: 65 }

/** @returns undefined where something is shown that no grid has. */
export function plausibility(points: readonly PointValue[]): number | undefined {
  let score = 0
  for (const { unit, value, quality } of points) {
    const range = unit === "V" ? volts : unit === "Hz" ? hertz : undefined
    if (!range || quality !== "good") continue
    const number = Number(value)
    // A phase that is not connected.
    if (number === 0) score--
    else if (number >= range.least && number <= range.most) score++
    else return undefined
  }
  return score
}
