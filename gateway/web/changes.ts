/** Somebody who wants to know what is new. */
export interface Listener {
  /** Waits for a value other than the last one; undefined when `ms` have passed, or on leaving. */
  next(ms: number): Promise<string | undefined>
  leave(): void
  readonly left: boolean
}

export interface ChangesOptions {
  everyMs: number
  mostListeners: number
}

/**
 * Tells listeners when a value changed, at most once in `everyMs`. It is looked at only while somebody listens; of what
 * a slow listener has not taken yet the newest stays, and nothing grows.
 */
export function createChanges(look: () => string, { everyMs, mostListeners }: ChangesOptions) {
  const listeners = new Set<(value: string) => void>()
  let timer: NodeJS.Timeout | undefined
  let before: string | undefined

  function lookAgain(): void {
    let value: string
    try {
      value = look()
    } catch {
      // What cannot be made is reported where it is asked for.
      return
    }
    if (value === before) return
    before = value
    for (const tell of listeners) tell(value)
  }

  return {
    /** @returns undefined when there are as many listeners as there may be. */
    listen(): Listener | undefined {
      if (listeners.size >= mostListeners) return undefined
      let pending: string | undefined
      let left = false
      let wake = () => {}
      const tell = (value: string) => {
        pending = value
        wake()
      }
      if (listeners.size === 0) {
        before = undefined
        lookAgain()
        timer = setInterval(lookAgain, everyMs)
      }
      pending = before
      listeners.add(tell)
      return {
        async next(ms) {
          if (pending === undefined && !left) {
            let patience: NodeJS.Timeout | undefined
            await new Promise<void>((resolve) => {
              wake = resolve
              patience = setTimeout(resolve, ms)
            })
            clearTimeout(patience)
          }
          const value = pending
          pending = undefined
          return value
        },
        leave() {
          left = true
          listeners.delete(tell)
          if (listeners.size === 0) clearInterval(timer)
          wake()
        },
        get left() {
          return left
        },
      }
    },
    get listeners() {
      return listeners.size
    },
  }
}
