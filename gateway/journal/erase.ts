import type { Worth } from "../../energy/accounts.ts"
import { erasedLinks } from "../../evidence/batch-links.ts"
import { CID } from "../../protocol/block.ts"
import { PersonError } from "../../protocol/error.ts"
import type { Hex } from "../../protocol/hex.ts"
import { accountingAsText, accountingFromText } from "./accounts.ts"
import type { Db } from "./database.ts"

/** What of a household goes from the journal, or would go. */
export interface JournalErasure {
  /** The time of the newest batch that is settled with all before it: up to there it is erased, Unix seconds. */
  upTo: number
  readings: number
  /** Readings that stay: where each meter's registers stood at the end, and what is not settled yet. */
  readingsLeft: number
  days: number
  blocks: number
  refused: number
  /** Batches whose accounting named what it gave and received. */
  accountings: number
}

/**
 * Takes a household's consumption out of the journal, as far as it is settled: the readings of its sealed meters, its
 * days, its sealed parts, and what it gave and received from batch to batch. Each meter's last reading stays, for the
 * rules go on from there.
 */
export function erasing(db: Db) {
  const settledUpTo = db
    .prepare(
      `SELECT max(time) FROM batches WHERE state = 'settled' AND number < coalesce(
         (SELECT min(number) FROM batches WHERE state NOT IN ('settled', 'superseded')), 9223372036854775807)`,
    )
    .pluck()
  const meterRow = db.prepare("SELECT id, coalesce(anchor, 0) AS anchor FROM meters WHERE meter_id = ?")
  const isSealed = db
    .prepare(
      "SELECT 1 FROM readings WHERE meter = ? AND (imported IS NOT NULL OR exported IS NOT NULL) LIMIT 1",
    )
    .pluck()
  const lastSettled = db
    .prepare(
      `SELECT coalesce(max(last_reading), 0) FROM batch_meters JOIN batches USING (number)
       WHERE meter = ? AND state = 'settled' AND time <= ?`,
    )
    .pluck()
  const wanted = `meter = @meter AND id <= @upTo AND id <> @anchor
    AND id <> coalesce((SELECT max(id) FROM readings WHERE meter = @meter AND id <= @upTo AND reason IS NULL), 0)
    AND time NOT IN (SELECT s.time FROM statements s JOIN batches b USING (number) JOIN meters m ON m.meter_id = s.meter_id
      WHERE m.id = @meter AND b.state NOT IN ('settled', 'superseded'))`
  const countReadings = db.prepare(`SELECT count(*) FROM readings WHERE ${wanted}`).pluck()
  const countAll = db.prepare("SELECT count(*) FROM readings WHERE meter = ?").pluck()
  const highest = db.prepare(`SELECT max(sequence) FROM readings WHERE ${wanted}`).pluck()
  const dropReadings = db.prepare(`DELETE FROM readings WHERE ${wanted}`)
  const setForgotten = db.prepare("UPDATE meters SET forgotten = max(forgotten, ?) WHERE id = ?")
  const refusedOf = "quarantine WHERE meter_id = ? AND reason <> 'equivocation'"
  const countRefused = db.prepare(`SELECT count(*) FROM ${refusedOf}`).pluck()
  const dropRefused = db.prepare(`DELETE FROM ${refusedOf}`)
  const countDays = db.prepare("SELECT count(*) FROM home_days WHERE household = ?").pluck()
  const dropDays = db.prepare("DELETE FROM home_days WHERE household = ?")
  // Worked out anew they would lack what this household gave and received of the others.
  const closeDays = db.prepare("UPDATE days SET final = 1 WHERE to_time <= ?")
  const batchesUpTo = db.prepare(
    "SELECT number, evidence FROM batches WHERE time <= ? AND state IN ('settled', 'superseded')",
  )
  const block = db.prepare("SELECT bytes FROM blocks WHERE number = ? AND cid = ?").pluck()
  const hasBlock = db.prepare("SELECT count(*) FROM blocks WHERE number = ? AND cid = ?").pluck()
  const dropBlock = db.prepare("DELETE FROM blocks WHERE number = ? AND cid = ?")
  const accountings = db.prepare(
    `SELECT number, accounting.state FROM accounting JOIN batches USING (number) WHERE time <= ? AND number <
       (SELECT max(number) FROM batches WHERE batches.state <> 'superseded')`,
  )
  const putAccounting = db.prepare("UPDATE accounting SET state = ? WHERE number = ?")

  /** @returns undefined where nothing is settled. */
  function erase(household: Hex, meterIds: readonly Hex[], dryRun: boolean): JournalErasure | undefined {
    const time = settledUpTo.get() as bigint | null
    if (time === null) return undefined
    const out: JournalErasure = {
      ...{ upTo: Number(time), readings: 0, readingsLeft: 0 },
      ...{ days: 0, blocks: 0, refused: 0, accountings: 0 },
    }
    for (const meterId of meterIds) {
      const row = meterRow.get(meterId) as { id: bigint; anchor: bigint } | undefined
      if (!row) continue
      if (!isSealed.get(row.id)) continue
      out.refused += Number(countRefused.get(meterId))
      const which = { meter: row.id, anchor: row.anchor, upTo: lastSettled.get(row.id, time) as bigint }
      const count = Number(countReadings.get(which))
      out.readings += count
      out.readingsLeft += Number(countAll.get(row.id)) - count
      if (dryRun) continue
      dropRefused.run(meterId)
      const sequence = highest.get(which) as bigint | null
      dropReadings.run(which)
      if (sequence !== null) setForgotten.run(sequence, row.id)
    }
    out.days = Number(countDays.get(household))
    for (const { number, evidence } of batchesUpTo.all(time) as { number: bigint; evidence: string }[]) {
      const root = CID.parse(evidence)
      const bytes = block.get(number, evidence) as Uint8Array | undefined
      if (!bytes) continue
      for (const cid of erasedLinks(root, Uint8Array.from(bytes), [{ household, upTo: out.upTo }])) {
        out.blocks += Number(hasBlock.get(number, cid.toString()))
        if (!dryRun) dropBlock.run(number, cid.toString())
      }
    }
    for (const { number, state } of accountings.all(time) as { number: bigint; state: string }[]) {
      const accounting = accountingFromText(state)
      let named = false
      const open = new Map<number, ReadonlyMap<Hex, Worth>>()
      for (const [fundParts, worths] of accounting.open) {
        named ||= worths.has(household)
        open.set(fundParts, new Map([...worths].filter(([of]) => of !== household)))
      }
      if (!named) continue
      out.accountings++
      if (!dryRun) putAccounting.run(accountingAsText({ ...accounting, open }), number)
    }
    if (!dryRun) {
      dropDays.run(household)
      closeDays.run(time)
    }
    return out
  }

  return {
    /** What would go. */
    plan: (household: Hex, meterIds: readonly Hex[]) => erase(household, meterIds, true),

    /** Takes the file for this connection, until it is closed. @throws PersonError while somebody else has it open. */
    takeAlone(): void {
      db.pragma("locking_mode = EXCLUSIVE")
      try {
        db.exec("BEGIN IMMEDIATE; COMMIT")
      } catch (cause) {
        if ((cause as { code?: string }).code !== "SQLITE_BUSY") throw cause
        throw new PersonError("The journal is in use.", {
          next: "Stop the gateway first: systemctl stop commonwatt-gateway",
          cause,
        })
      }
    },

    /** Erases it, and writes the file anew, so that nothing of it is left in free pages or in the log. */
    erase(household: Hex, meterIds: readonly Hex[]): JournalErasure | undefined {
      db.pragma("secure_delete = ON")
      const out = db.transaction(() => erase(household, meterIds, false))()
      db.exec("VACUUM")
      db.pragma("wal_checkpoint(TRUNCATE)")
      return out
    },
  }
}
