import type { Hex } from "../../protocol/hex.ts"
import type { Db } from "./database.ts"

/** A message that is not an authentic reading. */
export interface QuarantinedMessage {
  received: number
  source: string
  meterId: Hex | undefined
  reason: string
  detail: string
  /** The first bytes of what came; `size` is how much there was. */
  bytes: Uint8Array
  size: number
}

/** Proofs of fraud are kept for ever, each once; of everything else the newest rows of each reason. */
const keptForEver = "equivocation"
const keptPerReason = 1000
const keptBytes = 512

export type QuarantineStore = ReturnType<typeof quarantineStore>

/** What was refused. Bounded, for anyone on the network can send rubbish; the counts are exact. */
export function quarantineStore(db: Db) {
  const insert = db.prepare(
    `INSERT INTO quarantine (received, source, meter_id, reason, detail, bytes, size) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
  )
  const count = db.prepare(
    "INSERT INTO counts (name, n) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET n = n + 1 RETURNING n",
  )
  const trim = db.prepare(
    `DELETE FROM quarantine WHERE reason = ? AND id <= (
       SELECT id FROM quarantine WHERE reason = ? ORDER BY id DESC LIMIT 1 OFFSET ${keptPerReason})`,
  )
  const newest = db.prepare("SELECT * FROM quarantine ORDER BY id DESC LIMIT ?")
  const counts = db.prepare("SELECT name, n FROM counts WHERE name LIKE 'refused.%'")

  return {
    /** Within a transaction of the caller's. */
    add(message: QuarantinedMessage): void {
      const { reason } = message
      const kept = reason === keptForEver ? message.bytes : message.bytes.subarray(0, keptBytes)
      insert.run(
        message.received,
        message.source,
        message.meterId ?? null,
        reason,
        message.detail,
        kept,
        message.size,
      )
      const { n } = count.get(`refused.${reason}`) as { n: bigint }
      if (reason !== keptForEver && Number(n) % 100 === 0) trim.run(reason, reason)
    },

    newest(limit: number): QuarantinedMessage[] {
      return (newest.all(limit) as Record<string, unknown>[]).map((row) => ({
        received: Number(row.received),
        source: row.source as string,
        meterId: (row.meter_id as Hex | null) ?? undefined,
        reason: row.reason as string,
        detail: row.detail as string,
        bytes: Uint8Array.from(row.bytes as Buffer),
        size: Number(row.size),
      }))
    },

    counts(): Map<string, number> {
      const rows = counts.all() as { name: string; n: bigint }[]
      return new Map(rows.map(({ name, n }) => [name.slice("refused.".length), Number(n)]))
    },
  }
}
