import { type Device, type Identity, type Polled, type Unit, WrongDevice } from "../device.ts"
import { mostRegisters } from "../plan.ts"
import type { Point } from "../point.ts"
import { PointReader, type PointsRead } from "../point-reader.ts"
import type { Measures, SunSpecProfile } from "../profile-shape.ts"
import { checkSerial } from "../registers.ts"
import { type Roles, rolesInOrder, shown, snapshotOf } from "../snapshot.ts"
import { findBase, NoMap, walkChain } from "./chain.ts"
import { type ModelAt, pointName, pointsOf } from "./models.ts"

export interface SunSpecOptions {
  measures: Measures
  /** Where the map begins, if not where it usually does. */
  base?: number
  /** Of the device that counts: with an inverter and its meters in one map, this says which of them it is. */
  serial?: string
}

/** What a device shows beside what counts is read this often. */
const slowSeconds = 60

/** A device with a SunSpec map: it says itself what stands where. */
export function sunSpecDevice(profile: SunSpecProfile, options: SunSpecOptions): Device {
  const { base, measures, serial } = options
  let bases = [...new Set([...(base === undefined ? [] : [base]), ...profile.bases])]
  const most = profile.quirks?.mostRegisters ?? mostRegisters
  let found: Found | undefined

  async function look(unit: Unit): Promise<Found> {
    const start = await baseOf(unit)
    const chain = await walkChain(unit, start)
    const parts = await partsOf(unit, chain, most)
    const { part, counted, roles } = choose(parts, profile.measures[measures], serial)
    checkIdentity(profile, part.identity)
    const named = namedIn(counted, roles)
    const layout = JSON.stringify([start, chain, part.identity])
    if (found && JSON.stringify(found.roles) !== JSON.stringify(named))
      throw new WrongDevice(
        `the device's map has changed: it counted ${rolesInOrder(found.roles)[0]}, and now ${rolesInOrder(named)[0]}`,
      )
    if (found?.layout === layout) {
      found.reader.askAgain()
      return found
    }
    const shownModels = chain.filter(({ id }) => !naming.includes(id))
    const points = shownModels.flatMap((model) =>
      pointsOf(model, most).map(
        (point): Point => (model === counted ? point : { ...point, everySeconds: slowSeconds }),
      ),
    )
    const reader = new PointReader({
      points,
      together: rolesInOrder(named),
      // Each model is a block of its own: a device may compose it for each request.
      limits: {
        most,
        boundaries: chain.flatMap(({ address, length }) => [address, address + 2 + length]),
        ...(profile.quirks?.mostGap !== undefined && { gap: profile.quirks.mostGap }),
      },
    })
    return { identity: part.identity, layout, reader, roles: named }
  }

  async function baseOf(unit: Unit): Promise<number> {
    try {
      const start = await findBase(unit, bases)
      bases = [start, ...bases.filter((other) => other !== start)]
      return start
    } catch (error) {
      if (error instanceof NoMap) throw new WrongDevice(`the device has ${error.message}`, { cause: error })
      // Some devices do not answer at all where they have nothing: next time another place is the first.
      if (!found) bases = [...bases.slice(1), ...bases.slice(0, 1)]
      throw error
    }
  }

  return {
    ...(profile.quirks?.pauseMs !== undefined && { pauseMs: profile.quirks.pauseMs }),
    async identify(unit) {
      found = await look(unit)
      return found.identity
    },
    async poll(unit, now): Promise<Polled> {
      found ??= await look(unit)
      const { time, points } = await found.reader.read(unit, now)
      const snapshot = snapshotOf(points, found.roles, () => true)
      return { time, points: [...points.values()].map(shown), snapshot }
    },
  }
}

interface Found {
  identity: Identity
  /** What the map looked like. */
  layout: string
  reader: PointReader
  roles: Roles
}

/** A device of its own within a map: a common model and the models that follow it. */
interface Part {
  identity: Identity
  models: ModelAt[]
}

/** The models that say who a device is: Common and Nameplate. */
const naming: readonly number[] = [1, 120]

async function partsOf(unit: Unit, chain: readonly ModelAt[], most: number): Promise<Part[]> {
  const points = chain.filter(({ id }) => naming.includes(id)).flatMap((model) => pointsOf(model, most))
  const limits = { most, boundaries: chain.map(({ address }) => address) }
  const read = await new PointReader({ points, together: [], limits }).read(unit, () => 0)
  const parts: Part[] = []
  for (const model of chain) {
    if (model.id === 1 || parts.length === 0) parts.push({ identity: {}, models: [] })
    const part = parts.at(-1)!
    part.models.push(model)
    Object.assign(part.identity, identityFrom(model, read.points))
  }
  return parts
}

function identityFrom(model: ModelAt, points: PointsRead["points"]): Identity {
  const shownAs = (name: string) => points.get(pointName(model, name))?.value
  const texts = { maker: "Mn", model: "Md", firmware: "Vr", serial: "SN" } as const
  if (model.id === 1)
    return Object.fromEntries(
      Object.entries(texts).flatMap(([field, name]) => {
        const value = shownAs(name)
        return value === undefined ? [] : [[field, value]]
      }),
    )
  const rated = model.id === 120 ? shownAs("WRtg") : undefined
  return typeof rated === "number" ? { ratedW: rated } : {}
}

type Choice = Roles & { models: number[] }

/**
 * Which model counts. Only by what is in the map, never by what a register shows at the moment: a device that is
 * asleep must not be counted by another register than by day.
 */
function choose(parts: readonly Part[], choices: readonly Choice[], serial: string | undefined) {
  const asked = serial === undefined ? parts : parts.filter((part) => part.identity.serial === serial)
  if (serial !== undefined && asked.length === 0) checkSerial(serial, parts[0]?.identity.serial)
  for (const { models, ...roles } of choices)
    for (const part of asked) {
      const counted = part.models.find(({ id }) => models.includes(id))
      if (counted) return { part, counted, roles }
    }
  const ids = asked.flatMap((part) => part.models.map(({ id }) => id))
  throw new WrongDevice(
    `the device has no model that counts what is to be measured; it has ${ids.join(", ") || "none"}`,
  )
}

function namedIn(model: ModelAt, roles: Roles): Roles {
  return Object.fromEntries(
    Object.entries(roles).flatMap(([role, name]) =>
      name === undefined ? [] : [[role, pointName(model, name)]],
    ),
  )
}

function checkIdentity({ identity: expected }: SunSpecProfile, identity: Identity): void {
  for (const field of ["maker", "model"] as const)
    if (expected[field] !== undefined && identity[field] !== expected[field])
      throw new WrongDevice(
        `the device says ${field} ${identity[field] ?? "nothing"}; ${expected[field]} is expected`,
      )
}
