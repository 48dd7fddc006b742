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
