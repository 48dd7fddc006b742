import { BusDown, type BusPlace, type BusTimes, openBus } from "../gateway/sources/modbus/bus.ts"
import { ModbusException, type Unit } from "../gateway/sources/modbus/device.ts"
import type { Profiles } from "../gateway/sources/modbus/profile.ts"
import { PersonError } from "../protocol/error.ts"
import { type Fit, fitsOf } from "./fit.ts"

/** Somebody answers there. */
export interface Found {
  place: string
  unit: number
  /** Empty where it answers, and no profile fits. */
  fits: Fit[]
}

/** Short, as most places are empty; a unit that is silent is not asked again. */
export function scanTimes(answerMs: number): BusTimes {
  return {
    firstMs: answerMs,
    leastMs: answerMs,
    mostMs: answerMs,
    connectTimeoutMs: 1000,
    restMs: 60_000,
    leastReopenMs: 1,
    mostReopenMs: 1,
    lateMs: 60_000,
  }
}

/**
 * Asks each unit of a bus who it is, one after the other. Reads and never writes.
 * @param found is told of each as soon as it is known.
 * @returns how many answered. @throws BusDown where the line cannot be opened.
 */
export async function scanBus(
  place: BusPlace,
  units: readonly number[],
  profiles: Profiles,
  times: BusTimes,
  now: () => number,
  found: (found: Found) => void,
): Promise<number> {
  const bus = openBus(place, times)
  let answered = 0
  const known = new Set<string>()
  try {
    for (const number of units) {
      const unit = bus.unit(number)
      if (!(await answers(unit))) continue
      answered++
      const fits = await fitsOf(unit, profiles, now).catch(unlessDown)
      // Many devices on the network answer to every unit id alike.
      const same = sameAs(fits[0])
      if ("tcp" in place && same !== undefined && known.has(same)) continue
      if (same !== undefined) known.add(same)
      found({ place: place.name, unit: number, fits })
    }
  } finally {
    await bus.close()
  }
  return answered
}

/** A device that falls silent in the middle is told of as one that no profile fits. */
function unlessDown(error: unknown): Fit[] {
  if (error instanceof BusDown) throw error
  return []
}

function sameAs(fit: Fit | undefined): string | undefined {
  if (!fit) return undefined
  const { profile, identity, registers } = fit
  return JSON.stringify([profile, identity, Object.values(registers).map(String)])
}

/** A refusal is an answer too. */
async function answers(unit: Unit): Promise<boolean> {
  try {
    await unit.read({ function: 3, address: 0, count: 1 })
    return true
  } catch (error) {
    if (error instanceof BusDown) throw error
    // Behind a serial server 10 and 11 say that nobody is there (Modbus Application Protocol 1.1b3, 7).
    return error instanceof ModbusException && error.code !== 10 && error.code !== 11
  }
}

/** A scan must end, and must not look like an attack on somebody else's network. */
const mostHosts = 256

/** Hosts as a person names them: names and addresses by commas, or a network as 192.168.1.0/24. @throws PersonError */
export function hostsFrom(text: string): string[] {
  const hosts = text.split(",").flatMap((part) => {
    const one = part.trim()
    const network = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(one)
    if (!network) {
      if (!/^[A-Za-z0-9.:_-]+$/.test(one)) throw new PersonError(`"${one}" is neither a host nor a network.`)
      return [one]
    }
    const numbers = network.slice(1).map(Number)
    const [a = 0, b = 0, c = 0, d = 0, bits = 0] = numbers
    if ([a, b, c, d].some((byte) => byte > 255) || bits > 32)
      throw new PersonError(`"${one}" is not a network.`, { next: "A network is written as 192.168.1.0/24." })
    if (bits < 24)
      throw new PersonError(`${one} is too large.`, { next: "Scan at most a /24 at once: 254 hosts." })
    const size = 2 ** (32 - bits)
    const first = d - (d % size)
    const all = Array.from({ length: size }, (_, i) => `${a}.${b}.${c}.${first + i}`)
    // The first names the network, the last everyone in it.
    return size > 2 ? all.slice(1, -1) : all
  })
  const distinct = [...new Set(hosts)]
  if (distinct.length > mostHosts)
    throw new PersonError(`These are ${distinct.length} hosts; ${mostHosts} can be scanned at once.`)
  return distinct
}

/** Unit ids as a person names them: 1-20,126. @throws PersonError */
export function unitsFrom(text: string, most: number): number[] {
  const units = text.split(",").flatMap((part) => {
    const [, from, to = from] = /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(part.trim()) ?? []
    const [first, last] = [Number(from), Number(to)]
    if (from === undefined || first > last || last > most)
      throw new PersonError(`"${part}" is no unit or range of units up to ${most}.`, {
        next: "Write them as 1-20,126.",
      })
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })
  return [...new Set(units)]
}
