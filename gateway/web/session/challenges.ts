import { randomBytes } from "node:crypto"

const validSeconds = 300
/** More are not remembered at once; the oldest goes. */
const most = 500

/** Challenges for passkeys, each good once. @param now seconds of a clock that never steps. */
export function createChallenges(now: () => number) {
  const open = new Map<string, { until: number; purpose: string }>()
  return {
    /** @param purpose whom it is for, and what: it serves nothing else. */
    make(purpose: string): string {
      const challenge = randomBytes(32).toString("base64url")
      open.set(challenge, { until: now() + validSeconds, purpose })
      if (open.size > most) open.delete(open.keys().next().value!)
      return challenge
    },
    take(challenge: string, purpose: string): boolean {
      const found = open.get(challenge)
      open.delete(challenge)
      return found !== undefined && found.purpose === purpose && now() < found.until
    },
  }
}
