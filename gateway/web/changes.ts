import type { Part, Parts } from "./screen.ts"
import { partNames } from "./screen.ts"

/** Somebody who wants to know which parts of the page changed. */
export interface Listener {
  /** Waits for changes since the last call; resolves with none of them when `ms` have passed, or on leaving. */
  next(ms: number): Promise<ReadonlySet<Part>>
  leave(): void
  readonly left: boolean
}

export interface ChangesOptions {
  everyMs: number
  mostListeners: number
}

/**
 * Tells listeners which parts changed, at most once in `everyMs`. The parts are looked at only while somebody listens;
 * what a slow listener has not taken yet is a set of names and grows no further.
 */
export function createChanges(screen: () => Promise<Parts>, { everyMs, mostListeners }: ChangesOptions) {
  const listeners = new Set<(parts: readonly Part[]) => void>()
  let looking = false

  async function look(): Promise<void> {
    let before = await screen().catch(() => undefined)
    while (listeners.size > 0) {
      await new Promise((resolve) => setTimeout(resolve, everyMs))
      // What cannot be rendered is reported where the page itself is asked for.
      const after = await screen().catch(() => undefined)
      if (!after) continue
      const changed = partNames.filter((name) => before?.get(name) !== after.get(name))
      before = after
      if (changed.length > 0) for (const tell of listeners) tell(changed)
    }
    looking = false
  }

  return {
    /** @returns undefined when there are as many listeners as there may be. */
    listen(): Listener | undefined {
      if (listeners.size >= mostListeners) return undefined
      let pending = new Set<Part>()
      let left = false
      let wake = () => {}
      const tell = (parts: readonly Part[]) => {
        for (const part of parts) pending.add(part)
        wake()
      }
      listeners.add(tell)
      if (!looking) {
        looking = true
        void look()
      }
      return {
        async next(ms) {
          if (pending.size === 0 && !left) {
            let timer: NodeJS.Timeout | undefined
            await new Promise<void>((resolve) => {
              wake = resolve
              timer = setTimeout(resolve, ms)
            })
            clearTimeout(timer)
          }
          const parts = pending
          pending = new Set()
          return parts
        },
        leave() {
          left = true
          listeners.delete(tell)
          wake()
        },
        get left() {
          return left
        },
      }
    },
  }
}
