/** What stands still, and for how long already. */
export interface Stall {
  what: string
  seconds: number
}

/**
 * What must go on in a program that runs for years. A loop that waits for an answer for ever, or work that never ends,
 * looks alive from outside: the process is there and its timers fire. Whoever feeds a watchdog asks here first.
 */
export interface Progress {
  /**
   * A loop that must come round within so many milliseconds, from this call on.
   * @returns what the loop calls each time it has come round, with or without success.
   */
  loop(what: string, patienceMs: number): () => void
  /** Work that must end, well or badly, within so many milliseconds. @returns the work itself. */
  within<T>(what: string, patienceMs: number, work: Promise<T>): Promise<T>
  /** The longest first; each name once. Empty while everything goes on. */
  stalls(): Stall[]
}

interface Awaited {
  what: string
  since: number
  patienceMs: number
}

/** @param monotonic milliseconds of a clock that never steps. */
export function createProgress(monotonic: () => number): Progress {
  const awaited = new Set<Awaited>()

  function expect(what: string, patienceMs: number): Awaited {
    const entry = { what, since: monotonic(), patienceMs }
    awaited.add(entry)
    return entry
  }

  return {
    loop(what, patienceMs) {
      const entry = expect(what, patienceMs)
      return () => {
        entry.since = monotonic()
      }
    },
    within(what, patienceMs, work) {
      const entry = expect(what, patienceMs)
      const end = () => void awaited.delete(entry)
      work.then(end, end)
      return work
    },
    stalls() {
      const now = monotonic()
      const longest = new Map<string, number>()
      for (const { what, since, patienceMs } of awaited) {
        const stood = now - since
        if (stood > patienceMs && stood > (longest.get(what) ?? 0)) longest.set(what, stood)
      }
      return [...longest]
        .sort(([, a], [, b]) => b - a)
        .map(([what, stood]) => ({ what, seconds: Math.floor(stood / 1000) }))
    },
  }
}
