import { spawnSync } from "node:child_process"
import { join } from "node:path"
import Database from "better-sqlite3"
import t from "tap"
import { openDatabase } from "../gateway/journal/database.ts"
import { copyJournal, promisesTheSame, schemaOf } from "./journal-copy.ts"

const insert = "INSERT INTO transactions (hash, number, kind, raw, sent) VALUES (?, 1, 'propose', '0x', 0)"

t.test("a journal in use is copied as it stands at one moment, and goes on", async (t) => {
  const directory = t.testdir()
  const [file, copy] = [join(directory, "journal.sqlite"), join(directory, "copy.sqlite")]
  const db = openDatabase(directory)
  t.teardown(() => db.close())
  db.prepare(insert).run("0x01")
  await copyJournal(file, copy)
  t.equal(schemaOf(copy), schemaOf(file))
  t.ok(promisesTheSame(copy, file))
  db.prepare("INSERT INTO counts (name, n) VALUES ('refused', 3)").run()
  t.ok(promisesTheSame(copy, file), "a count of strangers' messages promises nothing")
  db.prepare(insert).run("0x02")
  t.notOk(promisesTheSame(copy, file), "a transaction that was sent does")
})

t.test("a form of the journal that is not known has no copy that stands in for it", async (t) => {
  const directory = t.testdir()
  const copy = join(directory, "copy.sqlite")
  openDatabase(directory).close()
  await copyJournal(join(directory, "journal.sqlite"), copy)
  const db = new Database(copy)
  db.exec("DROP TABLE transactions")
  db.close()
  t.throws(() => promisesTheSame(copy, join(directory, "journal.sqlite")), /no such table/)
})

t.test("the upgrade's script learns by the exit code", async (t) => {
  const directory = t.testdir()
  const file = join(directory, "journal.sqlite")
  const tool = (...args: string[]) =>
    spawnSync(process.execPath, ["dist/systemd/journal-copy.js", ...args], { encoding: "utf8" })
  const db = openDatabase(directory)
  t.teardown(() => db.close())
  t.equal(tool("copy", file, join(directory, "copy.sqlite")).status, 0)
  t.equal(tool("same", join(directory, "copy.sqlite"), file).status, 0)
  db.prepare(insert).run("0x01")
  t.equal(tool("same", join(directory, "copy.sqlite"), file).status, 3)
  t.equal(tool("schema", file).stdout.trim(), String(schemaOf(file)))
  t.not(tool("copy", join(directory, "absent.sqlite"), file).status, 0)
})
