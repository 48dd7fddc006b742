/** A place on Earth in degrees; north and east are positive. */
export interface Place {
  latitude: number
  longitude: number
}

/** Where the sun stands, as a unit vector. `up` is the sine of its elevation. */
export interface SunPosition {
  east: number
  north: number
  up: number
}

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
const secondsPerDay = 86_400

/**
 * The sun's position by the Fourier series of J. W. Spencer, "Fourier series representation of the position of
 * the sun", Search 2 (1971), in the form of NOAA's "General Solar Position Calculations". Good to about half a
 * degree; refraction is left out.
 * @param time Unix seconds.
 */
export function sunPosition({ latitude, longitude }: Place, time: number): SunPosition {
  const year = new Date(time * 1000).getUTCFullYear()
  const yearStart = Date.UTC(year, 0, 1) / 1000
  const yearDays = (Date.UTC(year + 1, 0, 1) / 1000 - yearStart) / secondsPerDay
  const g = (2 * Math.PI * ((time - yearStart) / secondsPerDay - 0.5)) / yearDays
  const equationOfTime =
    229.18 *
    (0.000075 +
      0.001868 * Math.cos(g) -
      0.032077 * Math.sin(g) -
      0.014615 * Math.cos(2 * g) -
      0.040849 * Math.sin(2 * g))
  const declination =
    0.006918 -
    0.399912 * Math.cos(g) +
    0.070257 * Math.sin(g) -
    0.006758 * Math.cos(2 * g) +
    0.000907 * Math.sin(2 * g) -
    0.002697 * Math.cos(3 * g) +
    0.00148 * Math.sin(3 * g)
  const minuteOfDay = (time - Math.floor(time / secondsPerDay) * secondsPerDay) / 60
  const hourAngle = ((minuteOfDay + equationOfTime + 4 * longitude) / 4 - 180) * radians
  const sinLatitude = Math.sin(latitude * radians)
  const cosLatitude = Math.cos(latitude * radians)
  const sinDeclination = Math.sin(declination)
  const cosDeclination = Math.cos(declination)
  return {
    east: -cosDeclination * Math.sin(hourAngle),
    north: cosLatitude * sinDeclination - sinLatitude * cosDeclination * Math.cos(hourAngle),
    up: sinLatitude * sinDeclination + cosLatitude * cosDeclination * Math.cos(hourAngle),
  }
}

/** The sun's height above the horizon in degrees. */
export function elevation(sun: SunPosition): number {
  return Math.asin(Math.max(-1, Math.min(1, sun.up))) / radians
}

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
