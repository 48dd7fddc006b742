/** So many lines of one kind are written an hour; of the rest, how many there were. */
const linesPerHour = 5
const hourMs = 3_600_000
/** Kinds that are told apart; what comes beyond them is one kind. */
const mostKinds = 64

export interface RareLog {
  /** Writes a line, or counts it. */
  line(kind: string, details: Record<string, unknown>): void
  /** Writes what was only counted in hours that are over; all of it where the gateway ends. */
  sum(ending?: boolean): void
}

/**
 * A log that a neighbour cannot fill: the first lines of each kind in an hour, and then how many more there were.
 * @param monotonic milliseconds of a clock that never steps.
 */
export function createRareLog(
  write: (details: Record<string, unknown>) => void,
  monotonic: () => number,
): RareLog {
  const kinds = new Map<string, { sinceMs: number; written: number; more: number }>()

  function sum(ending = false): void {
    const now = monotonic()
    for (const [kind, hour] of kinds) {
      const over = now - hour.sinceMs >= hourMs
      if (!over && !ending) continue
      if (hour.more > 0) write({ reason: kind, more: hour.more })
      kinds.delete(kind)
    }
  }

  return {
    line(kind, details) {
      sum()
      const known = kinds.has(kind) || kinds.size < mostKinds ? kind : "other"
      const hour = kinds.get(known) ?? { sinceMs: monotonic(), written: 0, more: 0 }
      kinds.set(known, hour)
      if (hour.written >= linesPerHour) {
        hour.more++
        return
      }
      hour.written++
      write(details)
    },
    sum,
  }
}
