import { elevation, type SunPosition } from "./sun.ts"

/** Light without clouds in W/m²: `beam` across the ray, `diffuse` from the sky on level ground. */
export interface ClearSky {
  beam: number
  diffuse: number
}

/** A panel's orientation in degrees: tilt from level, azimuth clockwise from north (180 faces south). */
export interface Orientation {
  tilt: number
  azimuth: number
}

const radians = Math.PI / 180

/**
 * Beam 1353 · 0.7^(AM^0.678) W/m² (A. B. Meinel, M. P. Meinel, "Applied Solar Energy", 1976) with the air mass
 * of F. Kasten, A. T. Young (Applied Optics 28, 1989); the sky adds a tenth of the beam (pveducation.org, "Air
 * Mass").
 */
export function clearSky(sun: SunPosition): ClearSky {
  if (sun.up <= 0) return { beam: 0, diffuse: 0 }
  const airMass = 1 / (sun.up + 0.50572 * (elevation(sun) + 6.07995) ** -1.6364)
  const beam = 1353 * 0.7 ** (airMass ** 0.678)
  return { beam, diffuse: beam / 10 }
}

/**
 * The light on a tilted panel in W/m² under clouds. What reaches level ground is 1 - 0.75 n^3.4 of the clear sky
 * (F. Kasten, G. Czeplak, Solar Energy 24, 1980; `cover` n from 0 to 1); the beam passes as 1 - n^3.4, so that
 * under a closed cover all light is diffuse. The sky is equally bright everywhere (Liu, Jordan 1963).
 */
export function lightOnPanel(sun: SunPosition, cover: number, normal: SunPosition): number {
  if (sun.up <= 0) return 0
  const clear = clearSky(sun)
  const covered = cover ** 3.4
  const beam = clear.beam * (1 - covered)
  const level = (clear.beam * sun.up + clear.diffuse) * (1 - 0.75 * covered)
  const diffuse = level - beam * sun.up
  const incidence = Math.max(0, sun.east * normal.east + sun.north * normal.north + sun.up * normal.up)
  return beam * incidence + (diffuse * (1 + normal.up)) / 2
}

/** The unit vector that stands upright on a panel. */
export function panelNormal({ tilt, azimuth }: Orientation): SunPosition {
  const level = Math.sin(tilt * radians)
  return {
    east: level * Math.sin(azimuth * radians),
    north: level * Math.cos(azimuth * radians),
    up: Math.cos(tilt * radians),
  }
}
