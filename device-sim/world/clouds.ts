import { chance, smoothNoise } from "./random.ts"

const weather = 0x77656174
const fields = 0x6669656c
const puffs = 0x70756666

/**
 * Cloud cover from 0 (clear) to 1 (closed) over one home: weather that lasts days, cloud fields of some hours,
 * and single clouds of a quarter of an hour. All homes of a place share all three; the single clouds reach each
 * home up to four minutes apart.
 * @param minute minutes since 1970.
 * @param home the home's own stream of chance.
 */
export function cloudCover(seed: number, minute: number, home: number): number {
  const days = smoothNoise(seed, weather, minute / 2160)
  const hours = smoothNoise(seed, fields, minute / 170)
  const lag = chance(seed, puffs, home) * 4
  const minutes = smoothNoise(seed, puffs, (minute - lag) / 13)
  // A settled sky is quiet, a changing one is not: single clouds count most at half cover.
  const settled = 1.5 * days - 0.18 + 0.5 * (hours - 0.5)
  const restless = 1 - Math.min(1, Math.abs(2 * settled - 1))
  return Math.max(0, Math.min(1, settled + 0.9 * restless * (minutes - 0.5)))
}
