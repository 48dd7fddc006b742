// What the gateway's journal holds, looked at from outside: `journal.mjs` in words, `journal.mjs accepted` as a number.
import { createRequire } from "node:module"

const Database = createRequire("/usr/lib/commonwatt/current/package.json")("better-sqlite3")
let db
try {
  db = new Database("/var/lib/commonwatt/journal.sqlite", { readonly: true, timeout: 30_000 })
  const { accepted } = db.prepare("SELECT count(*) AS accepted FROM readings WHERE reason IS NULL").get()
  if (process.argv[2] === "accepted") console.log(accepted)
  else {
    const whole = db.pragma("integrity_check", { simple: true })
    const last = db.prepare("SELECT sequence, generated FROM readings ORDER BY id DESC LIMIT 1").get()
    console.log(
      `${accepted} readings count, the last has number ${last?.sequence} and shows ${last?.generated} Wh; integrity ${whole}`,
    )
  }
} catch (error) {
  // Before the gateway has made it there is nothing in it.
  if (error.code !== "SQLITE_CANTOPEN") throw error
  console.log(process.argv[2] === "accepted" ? 0 : "no journal")
} finally {
  db?.close()
}
