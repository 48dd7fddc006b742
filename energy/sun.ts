/** A place on earth, degrees; north and east are positive. */
export interface Place {
  latitude: number
  longitude: number
}

const radians = Math.PI / 180

/**
 * How high the sun stands above the horizon, degrees; good to about half a degree, without refraction.
 * After Spencer (1971) as in NOAA's "General Solar Position Calculations".
 * @param time Unix seconds.
 */
export function sunHeight(time: number, { latitude, longitude }: Place): number {
  const date = new Date(time * 1000)
  const yearStart = Date.UTC(date.getUTCFullYear(), 0, 1) / 1000
  const days = (time - yearStart) / 86_400
  const g = (2 * Math.PI * (days - 0.5)) / 365
  const equationMinutes =
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
  const minutesOfDay = (days % 1) * 1440
  const hourAngle = ((minutesOfDay + equationMinutes + 4 * longitude) / 4 - 180) * radians
  const sine =
    Math.sin(latitude * radians) * Math.sin(declination) +
    Math.cos(latitude * radians) * Math.cos(declination) * Math.cos(hourAngle)
  return Math.asin(Math.max(-1, Math.min(1, sine))) / radians
}
