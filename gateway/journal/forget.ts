import { CID } from "../../protocol/block.ts"
import type { Db } from "./database.ts"

/** Readings of a meter that stay whatever the budget: a client may send again what it had no answer to. */
const keptPerMeter = 64n

export type Forgetting = ReturnType<typeof forgetting>

/**
 * Lets what is settled leave the journal, a batch at a time and the oldest first: blocks of evidence, and the readings
 * that it was made of. Their evidence is in files, here and elsewhere. What the rules remember, the readings that the
 * newest batch quotes or begins with, and everything after it stay.
 */
export function forgetting(db: Db) {
  const oldest = db.prepare(
    `SELECT number, time, evidence FROM batches
     WHERE state = 'settled' AND forgotten = 0 AND number < (SELECT max(number) FROM batches WHERE state = 'settled')
       AND NOT EXISTS (SELECT 1 FROM batches b WHERE b.number < batches.number AND b.state NOT IN ('settled', 'superseded'))
     ORDER BY number LIMIT 1`,
  )
  const dropBlocks = db.prepare("DELETE FROM blocks WHERE number = ?")
  const cuts = db.prepare(
    `SELECT m.meter, m.last_reading AS upTo, meters.anchor,
       (SELECT max(last_reading) FROM batch_meters l JOIN batches b USING (number)
          WHERE l.meter = m.meter AND b.state <> 'superseded') AS newest
     FROM batch_meters m JOIN meters ON meters.id = m.meter WHERE m.number = ?`,
  )
  const lastCounted = db
    .prepare("SELECT max(id) FROM readings WHERE meter = ? AND id <= ? AND reason IS NULL")
    .pluck()
  const newestRows = db
    .prepare("SELECT min(id, ?) FROM readings WHERE meter = ? ORDER BY id DESC LIMIT 1 OFFSET ?")
    .pluck()
  const quotedTimes = db.prepare(
    `SELECT DISTINCT s.time FROM statements s JOIN batches b USING (number) JOIN meters m ON m.meter_id = s.meter_id
     WHERE m.id = ? AND (b.state <> 'settled' OR b.number = (SELECT max(number) FROM batches WHERE state = 'settled'))`,
  )
  const highest = db.prepare("SELECT max(sequence) FROM readings WHERE meter = ? AND id <= ?").pluck()
  const dropReadings = db.prepare(
    `DELETE FROM readings WHERE id IN (
       SELECT id FROM readings WHERE meter = @meter AND id <= @upTo AND id <> @anchor AND id <> @before
         AND time NOT IN (SELECT value FROM json_each(@quoted)) ORDER BY id LIMIT @most)`,
  )
  const setForgotten = db.prepare("UPDATE meters SET forgotten = max(forgotten, ?) WHERE id = ?")
  const markBatch = db.prepare("UPDATE batches SET forgotten = 1 WHERE number = ?")

  return {
    /** The oldest settled batch of which something is still here; the newest settled one stays. */
    next(): { number: bigint; time: number; root: CID } | undefined {
      const row = oldest.get() as { number: bigint; time: bigint; evidence: string } | undefined
      return row && { number: row.number, time: Number(row.time), root: CID.parse(row.evidence) }
    },

    /**
     * Forgets up to `most` of a batch's rows in one commit.
     * @returns whether the batch is done.
     */
    forget: db.transaction((number: bigint, most: number): boolean => {
      if (dropBlocks.run(number).changes > 0) return false
      let left = most
      for (const { meter, upTo, anchor, newest } of cuts.all(number) as Cut[]) {
        const last = newestRows.get(upTo, meter, keptPerMeter) as bigint | undefined
        if (last === undefined) continue
        const quoted = (quotedTimes.all(meter) as { time: bigint }[]).map(({ time }) => Number(time))
        const sequence = highest.get(meter, last) as bigint | null
        const { changes } = dropReadings.run({
          meter,
          upTo: last,
          anchor: anchor ?? 0n,
          before: (lastCounted.get(meter, newest) as bigint | null) ?? 0n,
          quoted: JSON.stringify(quoted),
          most: left,
        })
        if (sequence !== null && changes > 0) setForgotten.run(sequence, meter)
        left -= changes
        if (left <= 0) return false
      }
      markBatch.run(number)
      return true
    }),
  }
}

interface Cut {
  meter: bigint
  upTo: bigint
  anchor: bigint | null
  newest: bigint
}
