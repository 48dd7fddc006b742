import { createHash, randomBytes } from "node:crypto"
import { chmodSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import Database from "better-sqlite3"
import { PersonError } from "../../../protocol/error.ts"
import type { Hex } from "../../../protocol/hex.ts"
import type { Passkey } from "./passkey.ts"

const day = 86_400
/** A device that was not used for so long must be let in anew, and each one after a year, seconds. */
const idleSeconds = 60 * day
const longestSeconds = 365 * day
/** When a session was used is written down no more often than this, seconds: it spares an SD card. */
const seenEverySeconds = day / 4
const mostOfHousehold = 50

/** A device that is logged in for a household. */
export interface Session {
  /** SHA-256 of the secret in the device's cookie. */
  id: string
  household: Hex
  /** What the device calls itself. */
  device: string
  created: number
  seen: number
}

/** A household asks that another account becomes its own. */
export interface AccountWish {
  household: Hex
  account: Hex
  created: number
}

export type SessionStore = ReturnType<typeof openSessions>

const hashOf = (token: string) => createHash("sha256").update(token).digest("hex")

/**
 * Who is logged in: a file of its own in the data directory, apart from the journal. It holds hashes of the cookies'
 * secrets, so that who reads a backup cannot log in.
 * @param now Unix seconds of the wall clock.
 * @throws PersonError
 */
export function openSessions(directory: string, now: () => number) {
  const db = openFile(directory)
  const insert = db.prepare(
    "INSERT INTO sessions (id, household, device, created, seen) VALUES (@id, @household, @device, @created, @seen)",
  )
  const get = db.prepare("SELECT * FROM sessions WHERE id = ?")
  const seen = db.prepare("UPDATE sessions SET seen = ? WHERE id = ?")
  const remove = db.prepare("DELETE FROM sessions WHERE id = ? AND household = ?")
  const removeAll = db.prepare("DELETE FROM sessions WHERE household = ? AND id <> ?")
  const removeOld = db.prepare("DELETE FROM sessions WHERE seen < ? OR created < ?")
  const removeBeyond = db.prepare(
    "DELETE FROM sessions WHERE household = ? AND id NOT IN (SELECT id FROM sessions WHERE household = ? ORDER BY seen DESC, created DESC LIMIT ?)",
  )
  const list = db.prepare("SELECT * FROM sessions WHERE household = ? ORDER BY seen DESC, id")
  const putPasskey = db.prepare(
    "INSERT INTO passkeys (id, household, rp, key, counter, device, created) VALUES (@id, @household, @rp, @key, @counter, @device, @created)",
  )
  const getPasskey = db.prepare("SELECT * FROM passkeys WHERE id = ?")
  const passkeys = db.prepare("SELECT * FROM passkeys WHERE household = ? ORDER BY created, id")
  const countPasskey = db.prepare("UPDATE passkeys SET counter = ? WHERE id = ?")
  const removePasskey = db.prepare("DELETE FROM passkeys WHERE id = ? AND household = ?")
  const removePasskeys = db.prepare("DELETE FROM passkeys WHERE household = ?")
  const putWish = db.prepare(
    "INSERT INTO wishes (household, account, created) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET account = excluded.account, created = excluded.created",
  )
  const wishes = db.prepare("SELECT * FROM wishes ORDER BY created, household")
  const removeWish = db.prepare("DELETE FROM wishes WHERE household = ?")

  const passkeyFromRow = (row: Record<string, unknown>): Passkey => ({
    id: row.id as string,
    household: row.household as Hex,
    rp: row.rp as string,
    key: JSON.parse(row.key as string),
    counter: row.counter as number,
    device: row.device as string,
    created: row.created as number,
  })

  return {
    /** Logs a device in. @returns the secret for its cookie, which is kept nowhere here. */
    start: db.transaction((household: Hex, device: string): string => {
      const token = randomBytes(32).toString("base64url")
      removeOld.run(now() - idleSeconds, now() - longestSeconds)
      insert.run({ id: hashOf(token), household, device: device.slice(0, 60), created: now(), seen: now() })
      removeBeyond.run(household, household, mostOfHousehold)
      return token
    }),

    find(token: string): Session | undefined {
      if (!/^[\w-]{43}$/.test(token)) return undefined
      const session = get.get(hashOf(token)) as Session | undefined
      if (!session || session.seen < now() - idleSeconds || session.created < now() - longestSeconds)
        return undefined
      if (now() - session.seen > seenEverySeconds) seen.run(now(), session.id)
      return session
    },

    list: (household: Hex) => list.all(household) as Session[],
    end: (household: Hex, id: string) => remove.run(id, household).changes > 0,
    /** Logs all devices of a household out but one, or all. */
    endAll: (household: Hex, but = "") => removeAll.run(household, but).changes,

    addPasskey({ key, ...passkey }: Passkey): void {
      putPasskey.run({ ...passkey, device: passkey.device.slice(0, 60), key: JSON.stringify(key) })
    },
    passkey(id: string): Passkey | undefined {
      const row = getPasskey.get(id) as Record<string, unknown> | undefined
      return row && passkeyFromRow(row)
    },
    passkeys: (household: Hex) => (passkeys.all(household) as Record<string, unknown>[]).map(passkeyFromRow),
    countPasskey: (id: string, counter: number) => void countPasskey.run(counter, id),
    removePasskey: (household: Hex, id: string) => removePasskey.run(id, household).changes > 0,
    removePasskeys: (household: Hex) => removePasskeys.run(household).changes,

    /** Keeps a household's wish for another account, the latest one. */
    wish: (household: Hex, account: Hex) => void putWish.run(household, account, now()),
    wishes: () => wishes.all() as AccountWish[],
    /**
     * Carries devices and passkeys over to a household's new account, where it wished for it and the operator wrote it
     * into the configuration in place of the old one.
     */
    follow: db.transaction((households: ReadonlySet<Hex>): void => {
      for (const { household, account } of wishes.all() as AccountWish[]) {
        if (households.has(household) || !households.has(account)) continue
        db.prepare("UPDATE sessions SET household = ? WHERE household = ?").run(account, household)
        db.prepare("UPDATE passkeys SET household = ? WHERE household = ?").run(account, household)
        removeWish.run(household)
      }
    }),
    close: () => void db.close(),
  }
}

function openFile(directory: string): Database.Database {
  const file = join(directory, "sessions.sqlite")
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const db = new Database(file)
    chmodSync(file, 0o600)
    db.pragma("busy_timeout = 5000")
    db.pragma("journal_mode = WAL")
    db.pragma("synchronous = FULL")
    db.exec(schema)
    return db
  } catch (cause) {
    throw new PersonError(`The file of sessions ${file} cannot be opened.`, {
      context: [(cause as Error).message],
      next: "It may be removed: devices must then be invited anew. Nothing else is in it.",
      cause,
    })
  }
}

const schema = `
CREATE TABLE IF NOT EXISTS sessions (
  id TEXT PRIMARY KEY, household TEXT NOT NULL, device TEXT NOT NULL, created INTEGER NOT NULL, seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sessions_by_household ON sessions (household);
CREATE TABLE IF NOT EXISTS passkeys (
  id TEXT PRIMARY KEY, household TEXT NOT NULL, rp TEXT NOT NULL, key TEXT NOT NULL, counter INTEGER NOT NULL,
  device TEXT NOT NULL, created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS wishes (
  household TEXT PRIMARY KEY, account TEXT NOT NULL, created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`
