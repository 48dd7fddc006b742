import { type Hex, toHex } from "../../protocol/hex.ts"
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
const trimEvery = 100
/** What comes faster is only counted: nothing that is not verified needs to wear out a disk. */
const keptPerMinute = { ofOneSource: 60, ofAll: 600 }

export type QuarantineStore = ReturnType<typeof quarantineStore>

/**
 * What was refused. Bounded in size and in rate, for anyone on the network can send rubbish. What is only counted is
 * written with the next row that is kept: a power cut may lose the last of those counts.
 */
export function quarantineStore(db: Db) {
  const insert = db.prepare(
    `INSERT INTO quarantine (received, source, meter_id, reason, detail, bytes, size) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
  )
  const count = db.prepare(
    "INSERT INTO counts (name, n) VALUES (@name, @by) ON CONFLICT (name) DO UPDATE SET n = n + @by RETURNING n",
  )
  const trim = db.prepare(
    `DELETE FROM quarantine WHERE reason = ? AND id <= (
       SELECT id FROM quarantine WHERE reason = ? ORDER BY id DESC LIMIT 1 OFFSET ${keptPerReason})`,
  )
  const newest = db.prepare("SELECT * FROM quarantine ORDER BY id DESC LIMIT ?")
  const ofUnknown = db.prepare(
    "SELECT source, bytes FROM quarantine WHERE reason = 'unknown-meter' ORDER BY id",
  )
  const counts = db.prepare("SELECT name, n FROM counts WHERE name LIKE 'refused.%'")

  const untrimmed = new Map<string, number>()
  const minute = createMinute()
  let uncounted = new Map<string, number>()
  let uncountedBefore = uncounted

  function flush(): void {
    for (const [reason, by] of uncounted) count.get({ name: `refused.${reason}`, by })
    uncounted = new Map()
  }

  return {
    /** Within a transaction of the caller's. */
    add(message: QuarantinedMessage): void {
      const { reason } = message
      if (reason !== keptForEver && !minute.hasRoom(message)) {
        uncounted = new Map(uncounted).set(reason, (uncounted.get(reason) ?? 0) + 1)
        return
      }
      flush()
      const bytes = reason === keptForEver ? message.bytes : message.bytes.subarray(0, keptBytes)
      insert.run(
        message.received,
        message.source,
        message.meterId ?? null,
        reason,
        message.detail,
        bytes,
        message.size,
      )
      count.get({ name: `refused.${reason}`, by: 1 })
      if (reason === keptForEver) return
      minute.keep(message)
      const rows = (untrimmed.get(reason) ?? 0) + 1
      untrimmed.set(reason, rows % trimEvery)
      if (rows === trimEvery) trim.run(reason, reason)
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

    /** What was refused because its key was not known, and carries one of these: in order of arrival. */
    ofKeys(keys: readonly { kid: Uint8Array }[]): { source: string; bytes: Uint8Array }[] {
      const kids = new Set(keys.map(({ kid }) => toHex(kid)))
      return (ofUnknown.all() as { source: string; bytes: Buffer }[])
        .map(({ source, bytes }) => ({ source, bytes: Uint8Array.from(bytes) }))
        .filter(({ bytes }) => kids.has(kidIn(bytes)))
    },

    counts(): Map<string, number> {
      const rows = counts.all() as { name: string; n: bigint }[]
      const all = new Map(rows.map(({ name, n }) => [name.slice("refused.".length), Number(n)]))
      for (const [reason, n] of uncounted) all.set(reason, (all.get(reason) ?? 0) + n)
      return all
    },

    /** Writes what was only counted. */
    flush,

    /** Before a transaction, and after one that failed: what it would have counted is not counted. */
    begin(): void {
      uncountedBefore = uncounted
    },
    undo(): void {
      uncounted = uncountedBefore
    },
  }
}

/** The key id in the bytes of a reading in Commonwatt's own form (SPEC.md, 3.1). */
function kidIn(bytes: Uint8Array): Hex {
  return toHex(bytes.subarray(8, 16))
}

/** How many rows were kept in the minute that is. */
function createMinute() {
  let minute = -1
  let bySource = new Map<string, number>()
  let all = 0
  return {
    hasRoom({ received, source }: QuarantinedMessage): boolean {
      const now = Math.floor(received / 60)
      if (now !== minute) {
        minute = now
        bySource = new Map()
        all = 0
      }
      return all < keptPerMinute.ofAll && (bySource.get(source) ?? 0) < keptPerMinute.ofOneSource
    },
    keep({ source }: QuarantinedMessage): void {
      bySource.set(source, (bySource.get(source) ?? 0) + 1)
      all++
    },
  }
}
