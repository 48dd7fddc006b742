import { type LoadKind, type LoadPattern, loadKinds } from "./load-kinds.ts"
import { chance, hash, smoothNoise } from "./random.ts"

const minutesPerDay = 1440

/**
 * What a home draws in each minute of a local day, in whole W.
 * @param day local days since 1970.
 * @param home the home's own stream of chance.
 */
export function loadOfDay(kind: LoadKind, seed: number, home: number, day: number): Int32Array {
  const pattern: LoadPattern = loadKinds[kind]
  const weekend = isWeekend(day)
  const hours = weekend ? pattern.weekend : pattern.weekday
  const watts = new Int32Array(minutesPerDay)
  const first = day * minutesPerDay
  const fridgePhase = hash(seed, home, 0x667269) % pattern.fridge.cycleMinutes
  for (let i = 0; i < minutesPerDay; i++) {
    const minute = first + i
    const fridgeOn = (minute + fridgePhase) % pattern.fridge.cycleMinutes < pattern.fridge.cycleMinutes / 3
    const lively = 0.6 + 0.8 * smoothNoise(seed, home + 1, minute / 23)
    watts[i] =
      pattern.base +
      (fridgeOn ? pattern.fridge.watts : 0) +
      Math.round(between(hours, i) * lively) +
      (hash(seed, home + 2, minute) % 16)
  }
  addAppliances(watts, pattern, weekend, (index) => chance(seed, home + 3, day * 256 + index))
  return watts
}

/** Day 0, the first of January 1970, was a Thursday. */
export function isWeekend(day: number): boolean {
  const weekday = (((day + 3) % 7) + 7) % 7
  return weekday >= 5
}

function between(hours: readonly number[], minuteOfDay: number): number {
  const hour = Math.floor(minuteOfDay / 60)
  const from = hours[hour]!
  return from + ((hours[(hour + 1) % 24]! - from) * (minuteOfDay % 60)) / 60
}

function addAppliances(
  watts: Int32Array,
  pattern: LoadPattern,
  weekend: boolean,
  draw: (index: number) => number,
): void {
  let index = 0
  for (const { watts: power, minutes, from, to, ...often } of pattern.appliances) {
    const times = Math.ceil(Math.max(often.weekday, often.weekend))
    const chanceOfEach = (weekend ? often.weekend : often.weekday) / times
    for (let n = 0; n < times; n++) {
      const runs = draw(index++) < chanceOfEach
      const start = Math.floor((from + draw(index++) * (to - from)) * 60)
      if (runs) for (let i = start; i < Math.min(start + minutes, minutesPerDay); i++) watts[i]! += power
    }
  }
}
