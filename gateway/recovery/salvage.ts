import Database from "better-sqlite3"
import type { JudgeRules } from "../../energy/judge.ts"
import type { Hex } from "../../protocol/hex.ts"
import { schemeFacts } from "../../protocol/meter.ts"
import type { Meter } from "../config.ts"
import type { Journal } from "../journal/journal.ts"
import { keyStore } from "../journal/keys.ts"
import { fromOrder } from "../journal/order.ts"
import { examine } from "../verify/examine.ts"
import { knownTo } from "./adopt.ts"

export interface Salvaged {
  /** Readings that were found in the damaged file and nowhere else. */
  readings: number
  /** Places in the file that could not be read. */
  unreadable: number
}

interface Found {
  id: bigint
  meter: bigint
  sequence: bigint
  received: bigint
  bytes: Buffer
}

const rowsAtOnce = 500

/**
 * Reads what a damaged journal still gives away, and stores what is not there yet: each reading carries its meter's
 * signature, so that nothing needs to be believed of the file but when the reading came.
 */
export function salvage(
  file: string,
  { journal, meters, rules }: { journal: Journal; meters: readonly Meter[]; rules: JudgeRules },
): Salvaged {
  const known = knownTo(journal, meters)
  const out: Salvaged = { readings: 0, unreadable: 0 }
  const damaged = readable(file)
  if (!damaged) return { readings: 0, unreadable: 1 }
  try {
    const names = meterNames(damaged)
    for (const rows of rowsOf(damaged, out))
      journal.commit(() => {
        for (const { meter, sequence, received, bytes } of rows) {
          const claimedMeter = names.get(meter)
          const its = meters.find(({ key }) => key.meterId === claimedMeter)
          // Most are there already, and looking is cheaper than verifying.
          if (its && journal.readings.earlier(its.key.meterId, fromOrder(sequence))) continue
          const format = its ? schemeFacts(its.key.scheme).format : "cose"
          const message = {
            source: "a damaged journal",
            bytes: Uint8Array.from(bytes),
            redelivered: true,
            ...(its && { claimedMeter: its.key.meterId }),
            ...(format !== "cose" && { format }),
          }
          const outcome = examine(message, Number(received), known, rules)
          if (outcome.kind === "authentic") {
            journal.readings.add(outcome, Number(received))
            out.readings++
          } else if (outcome.kind === "refused" && outcome.reason !== "unknown-meter") out.unreadable++
        }
      })
  } finally {
    damaged.close()
  }
  return out
}

/** Takes over which keys the meters had, as far as a damaged journal still says. */
export function salvageKeys(
  file: string,
  { journal, meters }: { journal: Journal; meters: readonly Meter[] },
): void {
  const damaged = readable(file)
  if (!damaged) return
  try {
    const keys = keyStore(damaged, meters)
    for (const { key } of meters) {
      const later = keys.later(key.meterId)
      if (later.length > journal.keys.later(key.meterId).length) journal.keys.learn(key.meterId, later)
    }
  } catch {
    // What is not to be read is asked for at the registry.
  } finally {
    damaged.close()
  }
}

function readable(file: string): Database.Database | undefined {
  try {
    const db = new Database(file, { readonly: true, fileMustExist: true })
    db.defaultSafeIntegers()
    db.prepare("SELECT 1 FROM readings LIMIT 1").get()
    return db
  } catch {
    return undefined
  }
}

function meterNames(db: Database.Database): Map<bigint, Hex> {
  try {
    const rows = db.prepare("SELECT id, meter_id FROM meters").all() as { id: bigint; meter_id: Hex }[]
    return new Map(rows.map(({ id, meter_id }) => [id, meter_id]))
  } catch {
    return new Map()
  }
}

/** Rows in order of arrival; steps over what cannot be read, in strides that grow with what was in vain. */
function* rowsOf(db: Database.Database, out: Salvaged): Generator<Found[]> {
  const some = db.prepare(
    "SELECT id, meter, sequence, received, bytes FROM readings WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",
  )
  const last = lastRow(db)
  let stride = 1n
  let after = 0n
  let limit = rowsAtOnce
  while (after < last) {
    try {
      const rows = some.all(after, last, limit) as Found[]
      if (rows.length === 0) return
      yield rows.filter(
        ({ bytes, received, sequence }) =>
          Buffer.isBuffer(bytes) && typeof received === "bigint" && typeof sequence === "bigint",
      )
      after = rows.at(-1)!.id
      limit = rowsAtOnce
      stride = 1n
    } catch (error) {
      if (!/^SQLITE_/.test((error as { code?: string }).code ?? "")) throw error
      if (limit > 1) {
        limit = 1
        continue
      }
      out.unreadable++
      after += stride
      stride *= 2n
    }
  }
}

/** No more rows than this can be in a file: where its last one cannot be read, so far is looked. */
function lastRow(db: Database.Database): bigint {
  try {
    const id = db.prepare("SELECT max(id) FROM readings").pluck().get() as bigint | null
    if (id !== null) return id
  } catch {
    // Its right edge is damaged.
  }
  return 1n << 32n
}
