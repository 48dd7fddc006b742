import type { Meter } from "../config.ts"
import { batchStore } from "./batches.ts"
import { type Db, openDatabase } from "./database.ts"
import { dayStore } from "./days.ts"
import { forgetting } from "./forget.ts"
import { keyStore } from "./keys.ts"
import { quarantineStore } from "./quarantine.ts"
import { readingStore } from "./readings.ts"
import { relayStore } from "./relays.ts"

export type Journal = ReturnType<typeof openJournal>

/** Opens the gateway's append-only store of readings, and what settlement writes beside them. */
export function openJournal(directory: string, meters: readonly Meter[]) {
  return journalIn(openDatabase(directory), meters)
}

/** The journal in an open database. */
export function journalIn(db: Db, meters: readonly Meter[]) {
  const quarantine = quarantineStore(db)
  const readings = readingStore(db, meters)
  const addRecovery = db.prepare("INSERT INTO recoveries (time, report) VALUES (?, ?)")
  const lastRecovery = db.prepare("SELECT time, report FROM recoveries ORDER BY id DESC LIMIT 1")
  return {
    readings,
    keys: keyStore(db, meters),
    quarantine,
    batches: batchStore(db),
    relays: relayStore(db),
    days: dayStore(db),
    settled: forgetting(db),
    /** Runs the work in one transaction: all of it is on the disk when this returns, or none of it. */
    commit<T>(work: () => T): T {
      quarantine.begin()
      try {
        return db
          .transaction(() => {
            const done = work()
            readings.settle()
            return done
          })
          .immediate()
      } catch (error) {
        quarantine.undo()
        readings.forget()
        throw error
      }
    },
    /** How this journal came back after a loss, as JSON; the newest time alone is of interest to most. */
    noteRecovery(time: number, report: string): void {
      addRecovery.run(time, report)
    },
    lastRecovery(): { time: number; report: string } | undefined {
      const row = lastRecovery.get() as { time: bigint; report: string } | undefined
      return row && { time: Number(row.time), report: row.report }
    },
    /** What the journal holds on the disk, bytes; what was deleted and is free for new rows is left out. */
    usedBytes(): number {
      const read = (what: string) => Number(db.pragma(what, { simple: true }))
      return (read("page_count") - read("freelist_count")) * read("page_size")
    },
    close(): void {
      try {
        quarantine.flush()
      } catch {
        // A count that finds no room on the disk is no reason not to close.
      }
      db.close()
    },
  }
}
