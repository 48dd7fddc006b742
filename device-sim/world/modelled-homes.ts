import type { HomeSpec } from "./home.ts"
import { loadKindNames } from "./load-kinds.ts"
import { chance, hash } from "./random.ts"

const stream = 0x686f6d65

/** `n` varied homes, "Home 1" and on. From two homes up the last one has no panels. */
export function modelledHomes(n: number, seed: number): HomeSpec[] {
  return Array.from({ length: n }, (_, i) => {
    const load = loadKindNames[(i + hash(seed, stream, 0)) % loadKindNames.length]!
    const name = `Home ${i + 1}`
    if (n > 1 && i === n - 1) return { name, load }
    const draw = (what: number) => chance(seed, stream + what, i)
    return {
      name,
      load,
      panelsW: 3000 + 500 * Math.floor(draw(1) * 11),
      tilt: 20 + 5 * Math.floor(draw(2) * 6),
      azimuth: 120 + 15 * Math.floor(draw(3) * 9),
    }
  })
}
