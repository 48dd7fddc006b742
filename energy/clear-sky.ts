import { lightOnPanel, panelNormal } from "./light.ts"
import { elevation, type Place, type SunPosition, sunPosition } from "./sun.ts"

/** A day as the sun makes it: positions in the middle of each hour. */
export interface SunDay {
  positions: readonly SunPosition[]
  /** Under a clear sky, Wh on a square metre of a roof as many are: 25° steep, and towards the equator. */
  roofWh: bigint
  /** How high the sun comes, degrees. */
  highest: number
}

const hour = 3600
const hours = 24
/** Light at which panels give their peak power, W/m² (IEC 60904-3, standard test conditions). */
const peakLight = 1000
/** More panels than their inverter carries are usual; half as many more are the most that is sold. */
const panelsOverRated = 1.5
/** What snow, white clouds beside the sun and cold panels add over a day at most. */
const headroom = 1.1
const orientations = [0, 15, 30, 45, 60, 75, 90].flatMap((tilt) =>
  Array.from({ length: tilt === 0 ? 1 : 12 }, (_, i) => panelNormal({ tilt, azimuth: 30 * i })),
)
/** Between flat and steep roofs: either's share of it drifts least over six weeks. */
const usualTilt = 25

/** @param until the end of the day of 24 hours, Unix seconds. */
export function sunDay(place: Place, until: number): SunDay {
  const positions = Array.from({ length: hours }, (_, i) =>
    sunPosition(place, until - (hours - i) * hour + hour / 2),
  )
  const roof = panelNormal({ tilt: usualTilt, azimuth: place.latitude < 0 ? 0 : 180 })
  const light = positions.reduce((sum, sun) => sum + lightOnPanel(sun, 0, roof), 0)
  return { positions, roofWh: BigInt(Math.round(light)), highest: Math.max(...positions.map(elevation)) }
}

/**
 * For how many hours of its rated power a roof can at most make energy in such a day, whichever way it faces: never more
 * than its rated power, nor than its panels can under a clear sky.
 */
export function mostFullHours({ positions }: SunDay): number {
  const full = (sun: SunPosition, normal: SunPosition) =>
    Math.min(1, (panelsOverRated * lightOnPanel(sun, 0, normal)) / peakLight)
  const byOrientation = orientations.map((normal) =>
    positions.reduce((sum, sun) => sum + full(sun, normal), 0),
  )
  return Math.max(...byOrientation) * headroom
}
