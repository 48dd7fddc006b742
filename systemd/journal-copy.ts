import { pathToFileURL } from "node:url"
import Database from "better-sqlite3"

/**
 * Copies a journal that may be in use, as it stands at one moment: SQLite's online backup.
 * @param from is only read; @param to is written anew.
 */
export async function copyJournal(from: string, to: string): Promise<void> {
  const db = open(from)
  try {
    await db.backup(to)
  } finally {
    db.close()
  }
}

/** The number of the journal's schema: a program knows all up to its own. */
export function schemaOf(file: string): number {
  return withOpen(file, (db) => Number(db.pragma("user_version", { simple: true })))
}

/** What cannot be said twice or taken back: readings acknowledged or signed, batches made, transactions sent. */
const promises = ["readings", "batches", "transactions"] as const

/** Whether a journal promises nothing that an earlier copy of it does not: then the copy can stand in for it. */
export function promisesTheSame(copy: string, journal: string): boolean {
  const marks = (file: string) =>
    withOpen(file, (db) =>
      promises
        .map((table) =>
          Object.values(
            db.prepare(`SELECT count(*) AS n, coalesce(max(rowid), 0) AS last FROM ${table}`).get() as object,
          ).join(" of "),
        )
        .join(", "),
    )
  return marks(copy) === marks(journal)
}

function open(file: string) {
  return new Database(file, { readonly: true, fileMustExist: true, timeout: 60_000 })
}

function withOpen<T>(file: string, look: (db: Database.Database) => T): T {
  const db = open(file)
  try {
    return look(db)
  } finally {
    db.close()
  }
}

/** For the upgrade's shell script: `copy FROM TO`, `schema FILE`, `same COPY JOURNAL` (exit 0 if so, 3 if not). */
if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , what, first = "", second = ""] = process.argv
  if (what === "copy") await copyJournal(first, second)
  else if (what === "schema") process.stdout.write(`${schemaOf(first)}\n`)
  else if (what === "same") process.exitCode = promisesTheSame(first, second) ? 0 : 3
  else throw new Error("Usage: journal-copy copy FROM TO | schema FILE | same COPY JOURNAL")
}
