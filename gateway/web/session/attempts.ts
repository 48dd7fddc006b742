/** How many wrong attempts an address has at once, and after how many seconds it gets one back. */
const most = 10
const refillSeconds = 60
/** The same for all addresses together: an attacker may have many. */
const mostOfAll = 200
const refillOfAllSeconds = 2
/** Addresses that are remembered; beyond them the oldest is forgotten, and the limit for all holds. */
const mostAddresses = 2_000

/** Limits wrong attempts to log in. @param now seconds of a clock that never steps. */
export function createAttempts(now: () => number) {
  const wrong = new Map<string, { count: number; at: number }>()
  let all = { count: 0, at: 0 }
  const left = ({ count, at }: { count: number; at: number }, seconds: number) =>
    Math.max(0, count - (now() - at) / seconds)

  return {
    allowed(address: string): boolean {
      const own = wrong.get(address)
      return (!own || left(own, refillSeconds) <= most - 1) && left(all, refillOfAllSeconds) <= mostOfAll - 1
    },
    failed(address: string): void {
      const own = wrong.get(address)
      wrong.delete(address)
      wrong.set(address, { count: (own ? left(own, refillSeconds) : 0) + 1, at: now() })
      all = { count: left(all, refillOfAllSeconds) + 1, at: now() }
      if (wrong.size > mostAddresses) wrong.delete(wrong.keys().next().value!)
    },
  }
}

export type Attempts = ReturnType<typeof createAttempts>
