/**
 * How long a unit thinks before it answers, learnt from its answers as TCP learns it (RFC 6298). What the bytes take
 * on the wire is not in it: it is known, and differs from request to request. Milliseconds.
 */
export interface Patience {
  /** Absent until a first answer. */
  smoothedMs?: number
  deviationMs: number
  /** How often the time-out has doubled since the last answer. */
  doublings: number
}

/** The bounds of a time-out, ms. */
export interface Bounds {
  /** Before a first answer. */
  firstMs: number
  /** Never less, whatever was learnt: the system is not of real time. */
  leastMs: number
  mostMs: number
}

export const unknownPatience: Patience = { deviationMs: 0, doublings: 0 }

/** After an answer that took so long. RFC 6298, 2.2 and 2.3: alpha 1/8, beta 1/4. */
export function answeredAfter(ms: number, { smoothedMs, deviationMs }: Patience): Patience {
  if (smoothedMs === undefined) return { smoothedMs: ms, deviationMs: ms / 2, doublings: 0 }
  return {
    deviationMs: (3 / 4) * deviationMs + (1 / 4) * Math.abs(smoothedMs - ms),
    smoothedMs: (7 / 8) * smoothedMs + (1 / 8) * ms,
    doublings: 0,
  }
}

/** After a time-out. RFC 6298, 5.5. */
export function waitedInVain(patience: Patience): Patience {
  return { ...patience, doublings: Math.min(patience.doublings + 1, 16) }
}

/** How long to wait for the next answer, ms. RFC 6298, 2.2 to 2.5. */
export function timeoutAfter(
  { smoothedMs, deviationMs, doublings }: Patience,
  { firstMs, leastMs, mostMs }: Bounds,
): number {
  const learnt = smoothedMs === undefined ? firstMs : smoothedMs + 4 * deviationMs
  return Math.min(Math.max(learnt, leastMs) * 2 ** doublings, Math.max(mostMs, leastMs))
}
