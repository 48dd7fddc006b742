import type { Meter } from "../config.ts"
import { batchStore } from "./batches.ts"
import { type Db, openDatabase } from "./database.ts"
import { dayStore } from "./days.ts"
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
  return {
    readings,
    quarantine,
    batches: batchStore(db),
    relays: relayStore(db),
    days: dayStore(db),
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
