import { mkdirSync } from "node:fs"
import { join } from "node:path"
import Database from "better-sqlite3"
import { PersonError } from "../../protocol/error.ts"
import { migrations } from "./schema.ts"

export type Db = Database.Database

/**
 * Opens the journal's file and brings its schema up to date.
 *
 * A commit is on the disk when it returns: better-sqlite3 is compiled to run WAL with `synchronous=NORMAL`, which
 * may lose the last commits in a power cut; FULL is set here. Integers come back as bigint.
 */
export function openDatabase(directory: string): Db {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const db = new Database(join(directory, "journal.sqlite"))
  db.pragma("journal_mode = WAL")
  db.pragma("synchronous = FULL")
  db.pragma("foreign_keys = ON")
  db.pragma("busy_timeout = 5000")
  db.defaultSafeIntegers()
  const version = Number(db.pragma("user_version", { simple: true }))
  if (version > migrations.length)
    throw new PersonError("The journal was written by a newer version of Commonwatt.", {
      context: [`Its schema is ${version}, this program knows ${migrations.length}.`],
      next: "Install the newer version again; nothing was changed.",
    })
  migrations.slice(version).forEach((sql, i) => {
    db.transaction(() => {
      db.exec(sql)
      db.pragma(`user_version = ${version + i + 1}`)
    })()
  })
  return db
}
