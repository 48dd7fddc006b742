import { chmodSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import Database from "better-sqlite3"
import { PersonError } from "../../protocol/error.ts"
import { migrations } from "./schema.ts"

export type Db = Database.Database

/**
 * Opens the journal's file and brings its schema up to date.
 *
 * A commit is on the disk when it returns: better-sqlite3 is compiled to run WAL with `synchronous=NORMAL`, which
 * may lose the last commits in a power cut; FULL is set here. It is compiled to keep up to 16 MB of pages in memory,
 * which a growing journal fills; 2 MB do for a box with little memory. Integers come back as bigint.
 * @throws PersonError when the file cannot be used, or was written by a newer version.
 */
export function openDatabase(directory: string): Db {
  const file = join(directory, "journal.sqlite")
  let db: Db | undefined
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    db = new Database(file)
    // It shows how households live, also where the directory was made by somebody else.
    chmodSync(file, 0o600)
    migrate(db)
    return db
  } catch (cause) {
    db?.close()
    if (cause instanceof PersonError) throw cause
    throw new PersonError(`The journal ${file} cannot be opened.`, {
      context: [(cause as Error).message],
      next: "Check who owns the directory and whether the disk is full; if the file is damaged, restore a backup.",
      cause,
    })
  }
}

function migrate(db: Db): void {
  db.pragma("busy_timeout = 5000")
  db.defaultSafeIntegers()
  const version = Number(db.pragma("user_version", { simple: true }))
  if (version > migrations.length)
    throw new PersonError("The journal was written by a newer version of Commonwatt.", {
      context: [`Its schema is ${version}, this program knows ${migrations.length}.`],
      next: "Install the newer version again; nothing was changed.",
    })
  // A reading is 200 bytes: with SQLite's usual pages of 4096 most of what is written would be what was there before.
  if (version === 0) db.pragma("page_size = 1024")
  db.pragma("journal_mode = WAL")
  db.pragma("synchronous = FULL")
  db.pragma("foreign_keys = ON")
  db.pragma("cache_size = -2000")
  // 4 MB, as with SQLite's usual pages: a page that is written often goes into the file once.
  db.pragma("wal_autocheckpoint = 4000")
  migrations.slice(version).forEach((sql, i) => {
    db.transaction(() => {
      db.exec(sql)
      db.pragma(`user_version = ${version + i + 1}`)
    })()
  })
}
