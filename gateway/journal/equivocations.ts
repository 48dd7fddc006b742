import { join } from "node:path"
import Database from "better-sqlite3"
import type { TwinReadings } from "../../protocol/equivocation.ts"
import { PersonError } from "../../protocol/error.ts"
import { toHex } from "../../protocol/hex.ts"
import { signedWith } from "../../protocol/meter-keys.ts"
import { readSigned } from "../../protocol/signed-reading.ts"
import type { Meter } from "../config.ts"
import { keyStore } from "./keys.ts"
import { orderOf } from "./order.ts"

/**
 * The proofs of fraud that a gateway's journal holds: each with the reading that was first. Reads only, also while the
 * gateway runs.
 * @throws PersonError when there is no journal.
 */
export function equivocationsIn(directory: string, meters: readonly Meter[]): TwinReadings[] {
  const file = join(directory, "journal.sqlite")
  let db: Database.Database
  try {
    db = new Database(file, { readonly: true, fileMustExist: true })
  } catch (cause) {
    throw new PersonError(`The journal ${file} cannot be read.`, {
      context: [(cause as Error).message],
      cause,
    })
  }
  try {
    db.pragma("busy_timeout = 5000")
    const lies = db
      .prepare("SELECT meter_id, bytes FROM quarantine WHERE reason = 'equivocation' ORDER BY id")
      .all() as { meter_id: string | null; bytes: Buffer }[]
    const first = db
      .prepare(
        "SELECT r.bytes FROM readings r JOIN meters m ON m.id = r.meter WHERE m.meter_id = ? AND r.sequence = ?",
      )
      .pluck()
    const keys = keyStore(db, meters)
    return lies.flatMap(({ meter_id, bytes }) => {
      const meter = meters.find(({ key }) => key.meterId === meter_id)
      if (!meter) return []
      const { meterId } = meter.key
      const signed = readSigned(meter.key.scheme, bytes)
      const held = keys.of(meter)
      const keyIndex = signedWith(held, signed)
      if (keyIndex === undefined) return []
      const { scheme, publicKey } = held[keyIndex]!
      const a = first.get(meterId, orderOf({ keyIndex, sequence: signed.reading.sequence })) as
        | Buffer
        | undefined
      if (!a) return []
      return [
        {
          kind: "readings" as const,
          meterId,
          scheme,
          publicKey: toHex(publicKey),
          a: toHex(a),
          b: toHex(bytes),
        },
      ]
    })
  } finally {
    db.close()
  }
}
