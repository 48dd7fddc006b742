/**
 * Repeatable chance: every number is a hash of what it is for, so that a restarted simulator, a test and an
 * auditor find the same world without a stored state.
 */

/** The finaliser of MurmurHash3 (Austin Appleby, public domain): each input bit flips each output bit by half. */
function mix(h: number): number {
  let x = h | 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) | 0
}

/** An integer from 0 to 2^32 - 1 that stands for (seed, stream, index). */
export function hash(seed: number, stream: number, index: number): number {
  let h = mix((seed | 0) + 0x9e3779b9)
  h = mix(h ^ (stream | 0))
  h = mix(h + Math.imul(index | 0, 0x9e3779b1))
  return h >>> 0
}

/** A number from 0 (included) to 1 (excluded) that stands for (seed, stream, index). */
export function chance(seed: number, stream: number, index: number): number {
  return hash(seed, stream, index) / 2 ** 32
}

/** The number that a name gives a stream: FNV-1a with 32 bits (Fowler, Noll, Vo). */
export function streamOf(name: string): number {
  let h = 0x811c9dc5
  for (const byte of new TextEncoder().encode(name)) h = Math.imul(h ^ byte, 0x01000193)
  return h >>> 0
}

/** Value noise from 0 to 1 that changes smoothly and is drawn anew at every whole `x`. */
export function smoothNoise(seed: number, stream: number, x: number): number {
  const index = Math.floor(x)
  const f = x - index
  const from = chance(seed, stream, index)
  return from + (chance(seed, stream, index + 1) - from) * f * f * (3 - 2 * f)
}
