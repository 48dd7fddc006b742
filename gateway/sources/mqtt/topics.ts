import type { Hex } from "../../../protocol/hex.ts"

/** Where meters publish and listen; protocol/SPEC.md, section 4. */
export const receiptsTopic = (meterId: Hex) => `meters/${meterId}/receipts`

/** What an own broker is asked for. */
export const incomingTopics = ["meters/+/readings", "meters/+/records"]

const incoming = /^meters\/(0x[0-9a-f]{64})\/(readings|records)$/

/** The meter that a publish says it is from, and whether it is a reading or a meter's native record. */
export function incomingFrom(topic: string): { meterId: Hex; kind: "readings" | "records" } | undefined {
  const match = incoming.exec(topic)
  return match ? { meterId: match[1] as Hex, kind: match[2] as "readings" | "records" } : undefined
}
