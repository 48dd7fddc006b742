import { isDeepStrictEqual } from "node:util"
import { type Hex, toHex } from "../../protocol/hex.ts"
import type { Scheme } from "../../protocol/meter.ts"
import { type KeySince, keysSince, type LaterKey } from "../../protocol/meter-keys.ts"
import type { Meter } from "../config.ts"
import type { Db } from "./database.ts"
import { orderOf } from "./order.ts"

export type KeyStore = ReturnType<typeof keyStore>

interface Row {
  meter_id: Hex
  scheme: bigint
  public_key: Hex
  since: bigint
}

/**
 * The keys that meters have, each from a time on: the first from the configuration, later ones as the registry has them,
 * kept for when the chain is away.
 */
export function keyStore(db: Db, meters: readonly Meter[]) {
  const all = db.prepare(
    "SELECT m.meter_id, k.scheme, k.public_key, k.since FROM meter_keys k JOIN meters m ON m.id = k.meter ORDER BY k.since",
  )
  const drop = db.prepare("DELETE FROM meter_keys WHERE meter = (SELECT id FROM meters WHERE meter_id = ?)")
  const put = db.prepare(
    "INSERT INTO meter_keys (meter, scheme, public_key, since) SELECT id, ?, ?, ? FROM meters WHERE meter_id = ?",
  )
  const counted = db
    .prepare(
      `SELECT count(*) FROM readings r JOIN meters m ON m.id = r.meter
       WHERE m.meter_id = ? AND r.time >= ? AND r.sequence < ?
         AND r.id > coalesce((SELECT max(last_reading) FROM batch_meters l JOIN batches b USING (number)
           WHERE l.meter = m.id AND b.state NOT IN ('built', 'attested', 'superseded')), 0)
         AND (r.reason IS NULL OR r.reason NOT LIKE 'clock-%' AND r.reason <> 'out-of-order')`,
    )
    .pluck()
  const firsts = new Map(meters.map(({ key }) => [key.meterId, key]))
  const later = new Map<Hex, readonly LaterKey[]>()
  const keys = new Map<Hex, readonly KeySince[]>()
  const byKid = new Map<Hex, Hex>()

  function hold(meterId: Hex, changes: readonly LaterKey[]): void {
    const first = firsts.get(meterId)
    if (!first) return
    const held = keysSince(first, changes)
    later.set(meterId, changes)
    keys.set(meterId, held)
    for (const { kid } of held) byKid.set(toHex(kid), meterId)
  }

  function load(): void {
    byKid.clear()
    const rows = all.all() as Row[]
    for (const meterId of firsts.keys())
      hold(
        meterId,
        rows
          .filter((row) => row.meter_id === meterId)
          .map(({ scheme, public_key, since }) => ({
            scheme: Number(scheme) as Scheme,
            publicKey: public_key,
            from: Number(since),
          })),
      )
  }
  load()

  return {
    /** A meter's keys in order. */
    of: ({ key }: Pick<Meter, "key">): readonly KeySince[] => keys.get(key.meterId) ?? keysSince(key),

    /** Those after its first. */
    later: (meterId: Hex): readonly LaterKey[] => later.get(meterId) ?? [],

    /** Whose key it is or was. */
    meterIdOf: (kid: Hex): Hex | undefined => byKid.get(kid),

    /** Takes a meter's later keys as they are now known. @returns whether they are others than before. */
    learn: db.transaction((meterId: Hex, changes: readonly LaterKey[]): boolean => {
      if (isDeepStrictEqual(later.get(meterId) ?? [], changes)) return false
      drop.run(meterId)
      for (const { scheme, publicKey, from } of changes) put.run(scheme, publicKey, from, meterId)
      load()
      return true
    }),

    /**
     * How many readings were taken by a key of the meter's as if it had been in force, when by what is known now it was
     * not: what the rules remember of the meter rests on them. What was proposed is earlier than any change.
     */
    takenInError(meterId: Hex): number {
      const changes = later.get(meterId) ?? []
      return changes.reduce(
        (sum, { from }, i) =>
          sum + Number(counted.get(meterId, from, orderOf({ keyIndex: i + 1, sequence: 0 })) as bigint),
        0,
      )
    },
  }
}
