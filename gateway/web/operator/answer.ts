import type { Facts } from "../../supervise/facts.ts"
import type { Finding } from "../../supervise/finding.ts"

/** What `commonwatt doctor --json` prints, too. */
export interface HealthAnswer {
  site: number
  /** Whether a gateway runs. */
  running: boolean
  /** Unix seconds. */
  time: number
  healthy: boolean
  findings: readonly Finding[]
}

export function healthAnswer(
  { site }: { site: number },
  { facts, findings }: { facts: Facts; findings: readonly Finding[] },
): HealthAnswer {
  return { site, running: true, time: facts.now, healthy: findings.length === 0, findings }
}
