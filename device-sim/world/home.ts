import { lightOnPanel, type Orientation, panelNormal } from "../../energy/light.ts"
import { type Place, type SunPosition, sunPosition } from "../../energy/sun.ts"
import { PersonError } from "../../protocol/error.ts"
import { cloudCover } from "./clouds.ts"
import type { HomesFile } from "./homes-file.ts"
import type { LoadKind } from "./load-kinds.ts"
import { loadOfDay } from "./loads.ts"
import { chance, streamOf } from "./random.ts"
import { type DayOfPower, type Energy, Timeline } from "./timeline.ts"

/** A home: modelled with a `load`, or replayed from a `column` of the world's data. */
export interface HomeSpec {
  name: string
  /** Rated power of the panels in W; 0 or absent is a home without. A replayed home takes its file's word. */
  panelsW?: number
  /** Degrees from level; 35 if absent. */
  tilt?: number
  /** Degrees clockwise from north; 180 if absent. */
  azimuth?: number
  load?: LoadKind
  column?: string
}

/** What all homes share. */
export interface World {
  seed: number
  /** Needed by modelled homes. */
  place?: Place
  /** Unix seconds; all registers are 0 here. */
  start: number
  /** Needed by replayed homes. */
  data?: HomesFile
}

/** Cumulative energies in whole Wh. */
export interface Registers {
  generatedWh: bigint
  importedWh: bigint
  exportedWh: bigint
}

/** Powers in whole W, none of them negative. */
export interface Powers {
  generatedW: number
  usedW: number
  importedW: number
  exportedW: number
}

export interface Home {
  readonly name: string
  /** Registers since the world's start, rounded down to whole Wh. Time in Unix seconds. */
  registersAt(time: number): Registers
  /** The same and the load, in whole joules: there used = generated + imported - exported, exactly. */
  energyAt(time: number): Energy
  powerAt(time: number): Powers
}

const minutesPerDay = 1440
const hourSeconds = 3600

/** What reaches the meter of the light's power: 14 % are lost (NREL, PVWatts version 5, 2014, table 6). */
const performance = 0.86

/** @throws PersonError when the world lacks what the home needs. */
export function createHome(spec: HomeSpec, world: World): Home {
  const timeline = spec.column === undefined ? modelled(spec, world) : replayed(spec.column, world)
  return {
    name: spec.name,
    energyAt: (time) => timeline.energyAt(time),
    registersAt(time) {
      const { generated, imported, exported } = timeline.energyAt(time)
      return { generatedWh: wholeWh(generated), importedWh: wholeWh(imported), exportedWh: wholeWh(exported) }
    },
    powerAt(time) {
      const { generation, load } = timeline.powerAt(time)
      return {
        generatedW: generation,
        usedW: load,
        importedW: Math.max(0, load - generation),
        exportedW: Math.max(0, generation - load),
      }
    },
  }
}

function wholeWh(joules: number): bigint {
  return BigInt((joules - (joules % hourSeconds)) / hourSeconds)
}

function modelled(spec: HomeSpec, { seed, place, start }: World): Timeline {
  const { name, load, panelsW = 0, tilt = 35, azimuth = 180 } = spec
  if (load === undefined) throw new PersonError(`Home "${name}" has neither a load nor a column.`)
  if (!place) throw new PersonError(`Home "${name}" is modelled, and the world has no place for its sun.`)
  const home = streamOf(name)
  const shift = Math.round(place.longitude / 15) * hourSeconds
  return new Timeline(start, shift, (day) => ({
    stepSeconds: 60,
    load: loadOfDay(load, seed, home, day),
    generation: generationOfDay(seed, home, place, day * minutesPerDay - shift / 60, panelsW, {
      tilt,
      azimuth,
    }),
  }))
}

function generationOfDay(
  seed: number,
  home: number,
  place: Place,
  firstMinute: number,
  panelsW: number,
  orientation: Orientation,
): Int32Array {
  const watts = new Int32Array(minutesPerDay)
  if (panelsW === 0) return watts
  const normal = panelNormal(orientation)
  // Dust and shadow: neighbours with equal panels differ by up to 6 %.
  const yieldOfHome = performance * (0.97 + 0.06 * chance(seed, home, 0x64757374))
  const suns = sunsOfDay(place, firstMinute)
  for (let i = 0; i < minutesPerDay; i++) {
    const sun = suns[i]!
    if (sun.up <= 0) continue
    const light = lightOnPanel(sun, cloudCover(seed, firstMinute + i, home), normal)
    watts[i] = Math.min(panelsW, Math.floor((panelsW * light * yieldOfHome) / 1000))
  }
  return watts
}

const sunDays = new Map<string, SunPosition[]>()

/** All homes of a place see the same sun: its last few days are remembered. */
function sunsOfDay(place: Place, firstMinute: number): SunPosition[] {
  const key = `${place.latitude} ${place.longitude} ${firstMinute}`
  let suns = sunDays.get(key)
  if (!suns) {
    suns = Array.from({ length: minutesPerDay }, (_, i) => sunPosition(place, (firstMinute + i) * 60 + 30))
    sunDays.set(key, suns)
    if (sunDays.size > 4) sunDays.delete(sunDays.keys().next().value!)
  }
  return suns
}

/** Outside of its data a replayed home uses and generates nothing. */
function replayed(column: string, { data, start }: World): Timeline {
  if (!data) throw new PersonError(`There is no data file to replay "${column}" from.`)
  const home = data.homes.find(({ name }) => name === column)
  if (!home) {
    const names = data.homes.map(({ name }) => name).join(", ")
    throw new PersonError(`The data has no home "${column}".`, { next: `It has: ${names}.` })
  }
  return new Timeline(start, 0, (day): DayOfPower => {
    const first = day * 24 - data.firstHour / hourSeconds
    const hours = (wh: number[]) => Int32Array.from({ length: 24 }, (_, i) => wh[first + i] ?? 0)
    return { stepSeconds: hourSeconds, load: hours(home.loadWh), generation: hours(home.generatedWh) }
  })
}
