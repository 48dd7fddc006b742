/** How many wrong attempts one address has at once and all together, and after how many seconds each gets one back. */
export interface Limits {
  most: number
  refillSeconds: number
  mostOfAll: number
  refillOfAllSeconds: number
}

const usual: Limits = { most: 10, refillSeconds: 60, mostOfAll: 200, refillOfAllSeconds: 2 }
/** Addresses that are remembered; beyond them the oldest is forgotten, and the limit for all holds. */
const mostAddresses = 2_000

/**
 * Limits wrong attempts to log in: of an address, and of all together, for an attacker may have many.
 * @param now seconds of a clock that never steps.
 */
export function createAttempts(now: () => number, limits: Limits = usual) {
  const { most, refillSeconds, mostOfAll, refillOfAllSeconds } = limits
  const wrong = new Map<string, { count: number; at: number }>()
  let all = { count: 0, at: 0 }
  const left = ({ count, at }: { count: number; at: number }, seconds: number) =>
    Math.max(0, count - (now() - at) / seconds)

  function count(address: string, more: number): void {
    const own = wrong.get(address)
    wrong.delete(address)
    wrong.set(address, { count: Math.max(0, (own ? left(own, refillSeconds) : 0) + more), at: now() })
    all = { count: Math.max(0, left(all, refillOfAllSeconds) + more), at: now() }
    if (wrong.size > mostAddresses) wrong.delete(wrong.keys().next().value!)
  }

  return {
    allowed(address: string): boolean {
      const own = wrong.get(networkOf(address))
      return (!own || left(own, refillSeconds) <= most - 1) && left(all, refillOfAllSeconds) <= mostOfAll - 1
    },
    failed: (address: string) => count(networkOf(address), 1),
    /** What was counted as wrong before it was looked at was right. */
    forgiven: (address: string) => count(networkOf(address), -1),
  }
}

/** Who has one address of IPv6 has 2^64 of them (RFC 4291, 2.5.4): all of a network are one. */
function networkOf(address: string): string {
  if (!address.includes(":") || address.includes(".")) return address
  const [head = "", tail] = address.split("%")[0]!.split("::")
  const groups = head === "" ? [] : head.split(":")
  const after = tail === undefined || tail === "" ? [] : tail.split(":")
  const zeros = tail === undefined ? [] : Array(Math.max(0, 8 - groups.length - after.length)).fill("0")
  return [...groups, ...zeros, ...after].slice(0, 4).join(":")
}

export type Attempts = ReturnType<typeof createAttempts>
