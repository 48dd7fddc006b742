import { type Device, type Identity, type Polled, type Unit, WrongDevice } from "./device.ts"
import type { Limits } from "./plan.ts"
import { type DecodedPoint, noScale, type Point, widths } from "./point.ts"
import { PointReader } from "./point-reader.ts"
import type { Measures, OcmfProfile, RegistersProfile } from "./profile-shape.ts"
import { ofDecimal } from "./rational.ts"
import { rolesInOrder, shown, snapshotOf } from "./snapshot.ts"

/** A device that shows its values in registers of its own maker's choice. */
export function registersDevice(profile: RegistersProfile, measures: Measures, serial?: string): Device {
  const roles = profile.measures[measures] ?? {}
  const points = pointsOf(profile)
  const reader = new PointReader({ points, together: rolesInOrder(roles), limits: limitsOf(profile) })
  return {
    ...(profile.quirks?.pauseMs !== undefined && { pauseMs: profile.quirks.pauseMs }),
    identify(unit) {
      reader.askAgain()
      return identifyByPoints(profile, unit, serial)
    },
    async poll(unit, now): Promise<Polled> {
      const { time, points: read } = await reader.read(unit, now)
      const snapshot = snapshotOf(read, roles, (name) => profile.points[name]?.optional === true)
      return { time, points: [...read.values()].map(shown), snapshot }
    },
  }
}

/**
 * Who answers, by the points that the profile names for it. A device that does not say is taken at its word only
 * where nothing certain is expected of it.
 * @param serial the serial number that it must have.
 * @throws WrongDevice
 */
export async function identifyByPoints(
  profile: RegistersProfile | OcmfProfile,
  unit: Unit,
  serial?: string,
): Promise<Identity> {
  const { identity: names } = profile
  const wanted = [names.serial, names.firmware, names.model].filter((name) => name !== undefined)
  const points = pointsOf(profile).filter(({ name }) => wanted.includes(name))
  const reader = new PointReader({ points, together: [], limits: limitsOf(profile) })
  const { points: read } = await reader.read(unit, () => 0)
  const said = (name: string | undefined) => textOf(name === undefined ? undefined : read.get(name))
  const shownSerial = said(names.serial)
  checkSerial(serial, shownSerial)
  const code = said(names.model)
  // Firmware that does not know the register answers 0.
  const isSaid = code !== undefined && code !== "0"
  if (isSaid && names.codes && !Object.hasOwn(names.codes, code))
    throw new WrongDevice(
      `the device says that it is a model ${code}, which is no ${profile.maker} ${profile.model}`,
    )
  const firmware = said(names.firmware)
  return {
    maker: profile.maker,
    model: isSaid ? (names.codes?.[code] ?? code) : profile.model,
    ...(shownSerial !== undefined && { serial: shownSerial }),
    ...(firmware !== undefined && { firmware }),
  }
}

/** @throws WrongDevice unless the device has the serial number that is expected of it. */
export function checkSerial(expected: string | undefined, shown: string | undefined): void {
  if (expected === undefined || shown === expected) return
  throw new WrongDevice(
    `the device ${shown === undefined ? "shows no serial number" : `has the serial number ${shown}`}; ${expected} is expected`,
  )
}

const textOf = (point: DecodedPoint | undefined) =>
  point?.value === undefined ? undefined : String(point.value)

function limitsOf({ quirks = {}, addressesFrom }: RegistersProfile | OcmfProfile): Partial<Limits> {
  const { mostRegisters, mostGap, boundaries } = quirks
  return {
    ...(mostRegisters !== undefined && { most: mostRegisters }),
    ...(mostGap !== undefined && { gap: mostGap }),
    ...(boundaries && { boundaries: boundaries.map((begin) => begin - addressesFrom) }),
  }
}

/** A profile's points with all that it says for many at once filled in. */
export function pointsOf(profile: RegistersProfile | OcmfProfile): Point[] {
  return Object.entries(profile.points).map(([name, point]): Point => {
    const { type, unit, everySeconds } = point
    const factor = point.scaleFactor === undefined ? undefined : profile.points[point.scaleFactor]!
    return {
      name,
      function: point.function ?? profile.function,
      address: point.address - profile.addressesFrom,
      registers: type === "string" ? point.registers! : widths[type],
      type,
      order: point.order ?? profile.order,
      scale: point.scale === undefined ? noScale : ofDecimal(point.scale),
      notANumber: point.notANumber ?? (type === "string" ? [] : (profile.notANumber[type] ?? [])),
      ...(factor && { factorAddress: factor.address - profile.addressesFrom }),
      ...(unit !== undefined && { unit }),
      ...(everySeconds !== undefined && { everySeconds }),
    }
  })
}
