import { type Anchor, type Registers, registerNames } from "./judge.ts"

/** Energy that went through one meter in one interval; undefined where it is not known (a gap, not a zero). */
export interface MeterInterval {
  /** The interval is [start, start + length), Unix seconds. */
  start: number
  energy: Registers | undefined
}

/** The last interval boundary at or before `time`; boundaries are aligned to UTC. */
export function boundaryAt(time: number, intervalSeconds: number): number {
  return Math.floor(time / intervalSeconds) * intervalSeconds
}

/**
 * Splits a meter's registers into intervals. The register at a boundary is that of the last reading at or before
 * it, provided it is younger than one interval; so each boundary quotes one signed reading, and what is counted
 * in one interval is never counted in another.
 * @param accepted readings that count, in order of time, beginning with the last one before `from` if there is one.
 * @param from first boundary, included. @param to last boundary.
 */
export function meterIntervals(
  accepted: readonly Anchor[],
  from: number,
  to: number,
  intervalSeconds: number,
): MeterInterval[] {
  const intervals: MeterInterval[] = []
  let next = 0
  let last: Anchor | undefined
  const at = (boundary: number): Anchor | undefined => {
    while (next < accepted.length && accepted[next]!.time <= boundary) last = accepted[next++]
    return last && last.time > boundary - intervalSeconds ? last : undefined
  }
  let opening = at(from)
  for (let start = from; start < to; start += intervalSeconds) {
    const closing = at(start + intervalSeconds)
    intervals.push({ start, energy: opening && closing ? difference(opening, closing) : undefined })
    opening = closing
  }
  return intervals
}

function difference(opening: Anchor, closing: Anchor): Registers {
  const energy: Registers = {}
  for (const name of registerNames) {
    const before = opening.registers[name]
    const after = closing.registers[name]
    if (before !== undefined && after !== undefined) energy[name] = after - before
  }
  return energy
}
