import { mostFullHours, type SunDay, sunDay } from "./clear-sky.ts"
import { elevation, type Place, sunPosition } from "./sun.ts"

/** What a meter of generation counted in hours that follow each other; undefined where that is not known. */
export interface Roof {
  name: string
  ratedW: number
  /** Of the last hours, the newest last. */
  hoursWh: readonly (bigint | undefined)[]
  /** Of the last days of 24 hours, the newest last. */
  daysWh: readonly (bigint | undefined)[]
}

/** Something that a person should look at. It changes no figure. */
export interface Anomaly {
  kind: "night-generation" | "twins" | "string-off" | "below-clear-sky" | "above-clear-sky"
  roofs: readonly string[]
  says: string
}

/** The end of nautical twilight: whatever a panel gives then is not the sun's. */
const nightDegrees = -12
/** Of what the rated power would give in that time, so much may be noise. */
const nightShare = 50n
/** So many hours that are not zero must be the same to the watt-hour. */
const twinHours = 12
/** The newest days against all before them. */
const newDays = 3
const oldDaysAtLeast = 7
const oldDaysAtMost = 11
const neighboursAtLeast = 3
/** Lost to two thirds of what it used to be beside its neighbours: a string of three, or shade that is new. */
const lostBelowPercent = 67n

/** Against a clear sky: the best of two weeks, which are seldom without one clear day, beside the month before. */
const clearDays = { new: 14, old: 30 }
/** As many of each must be known. */
const clearDaysAtLeast = { new: 12, old: 21 }
/** Of the days before, so many were better still than the one that is taken: a reading that was off says nothing. */
const betterDays = 4
/**
 * A year of 17 roofs in California and of one in Konstanz came no lower than 84 % by themselves while the sun came up to
 * this height; in the dark months of the north two weeks of fog are usual.
 */
const clearBelowPercent = 78n
const clearDegrees = 25

/** So many days `clearSkyAnomalies` wants to know. */
export const clearSkyDays = clearDays.new + clearDays.old

/** @param until the end of the newest hour, Unix seconds. */
export function anomalies(roofs: readonly Roof[], until: number, place: Place | undefined): Anomaly[] {
  return [...(place ? atNight(roofs, until, place) : []), ...twins(roofs), ...stringsOff(roofs)]
}

/**
 * What a roof makes against what a clear sky allows, so that a roof that has no neighbours, or whose neighbours all fell,
 * is seen too.
 * @param until the end of the newest day of 24 hours, Unix seconds.
 */
export function clearSkyAnomalies(roofs: readonly Roof[], until: number, place: Place): Anomaly[] {
  const days = Array.from({ length: clearSkyDays }, (_, i) =>
    sunDay(place, until - (clearSkyDays - 1 - i) * 86_400),
  )
  const fullHours = mostFullHours(days.at(-1)!)
  return roofs.flatMap((roof) => [...aboveClearSky(roof, fullHours), ...belowClearSky(roof, days)])
}

function aboveClearSky({ name, ratedW, daysWh }: Roof, fullHours: number): Anomaly[] {
  const wh = daysWh.at(-1)
  const most = BigInt(Math.ceil(fullHours * ratedW))
  if (wh === undefined || wh <= most) return []
  const says = `${name} counted ${wh} Wh as generated in 24 hours, and a clear sky allows ${most} Wh to a roof of ${ratedW} W`
  return [{ kind: "above-clear-sky", roofs: [name], says }]
}

function belowClearSky({ name, daysWh }: Roof, days: readonly SunDay[]): Anomaly[] {
  if (days.at(-1)!.highest < clearDegrees) return []
  const shares = days.flatMap(({ roofWh }, i) => {
    const wh = daysWh.at(i - days.length)
    return wh === undefined || wh < 0n || roofWh === 0n ? [] : [{ wh, roofWh, isNew: i >= clearDays.old }]
  })
  // Each by what it made for a Wh that a clear sky sends, the best first.
  const inOrder = shares.sort((a, b) => Number(b.wh * a.roofWh - a.wh * b.roofWh))
  const now = inOrder.filter(({ isNew }) => isNew)
  const before = inOrder.filter(({ isNew }) => !isNew)
  if (now.length < clearDaysAtLeast.new || before.length < clearDaysAtLeast.old) return []
  const [best, usual] = [now[0]!, before[betterDays]!]
  const expected = (usual.wh * best.roofWh) / usual.roofWh
  if (expected === 0n || best.wh * 100n >= clearBelowPercent * expected) return []
  const percent = (best.wh * 100n) / expected
  const says = `${name} gave ${best.wh} Wh on the best of ${clearDays.new} days, ${percent} % of the ${expected} Wh that a clear sky would have given by its best days before`
  return [{ kind: "below-clear-sky", roofs: [name], says }]
}

function atNight(roofs: readonly Roof[], until: number, place: Place): Anomaly[] {
  const isNight = (time: number) => elevation(sunPosition(place, time)) < nightDegrees
  return roofs.flatMap(({ name, ratedW, hoursWh }) => {
    let hours = 0n
    let wh = 0n
    for (const [i, hour] of hoursWh.entries()) {
      const end = until - (hoursWh.length - 1 - i) * 3600
      if (hour === undefined || !isNight(end - 3600) || !isNight(end)) continue
      hours++
      wh += hour
    }
    if (wh * nightShare <= hours * BigInt(ratedW)) return []
    const says = `${name} counted ${wh} Wh as generated while the sun was down`
    return [{ kind: "night-generation", roofs: [name], says }]
  })
}

function twins(roofs: readonly Roof[]): Anomaly[] {
  const found: Anomaly[] = []
  for (const [i, a] of roofs.entries())
    for (const b of roofs.slice(i + 1)) {
      let same = 0
      let other = 0
      for (const [n, wh] of a.hoursWh.entries()) {
        const beside = b.hoursWh[n]
        if (wh === undefined || beside === undefined || (wh === 0n && beside === 0n)) continue
        if (wh === beside) same++
        else other++
      }
      if (same < twinHours || other > 0) continue
      const says = `${a.name} and ${b.name} counted the same to the watt-hour in each of ${same} hours`
      found.push({ kind: "twins", roofs: [a.name, b.name], says })
    }
  return found
}

/** A cloud comes over all roofs: each is held against what the others in the middle gave, then and before. */
function stringsOff(roofs: readonly Roof[]): Anomaly[] {
  const sums = roofs.map((roof) => ({
    roof,
    now: sumOf(roof.daysWh.slice(-newDays)),
    before: sumOf(roof.daysWh.slice(-newDays - oldDaysAtMost, -newDays)),
  }))
  const known = sums.filter(
    ({ now, before, roof }) => now !== undefined && before && roof.daysWh.length >= newDays + oldDaysAtLeast,
  )
  if (known.length <= neighboursAtLeast) return []
  return known.flatMap(({ roof, now, before }, i) => {
    const others = known.filter((_, n) => n !== i)
    const middle = medianChange(others.map((other) => [other.now!, other.before!]))
    if (middle === undefined || middle[0] === 0n) return []
    // now / before against the same of the neighbour in the middle, multiplied out.
    if (now! * middle[1] * 100n >= lostBelowPercent * before! * middle[0]) return []
    const percent = (now! * middle[1] * 100n) / (before! * middle[0])
    const says = `${roof.name} gave ${percent} % of what it used to give beside its neighbours, for ${newDays} days`
    return [{ kind: "string-off", roofs: [roof.name], says }]
  })
}

function sumOf(days: readonly (bigint | undefined)[]): bigint | undefined {
  let sum = 0n
  for (const day of days) {
    if (day === undefined) return undefined
    sum += day
  }
  return sum
}

/** Of fractions [now, before], the one in the middle. */
function medianChange(changes: readonly [bigint, bigint][]): [bigint, bigint] | undefined {
  const sorted = [...changes].sort(([a, b], [c, d]) => (a * d < c * b ? -1 : a * d > c * b ? 1 : 0))
  return sorted[Math.floor(sorted.length / 2)]
}
