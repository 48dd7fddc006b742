import { crc32 } from "node:zlib"
import type { Statement } from "better-sqlite3"
import {
  type Anchor,
  type Counters,
  type MeterState,
  type RegisterMemories,
  type Registers,
  registerNames,
} from "../../energy/judge.ts"
import type { Hex } from "../../protocol/hex.ts"
import { readingDigest } from "../../protocol/reading.ts"
import type { Meter } from "../config.ts"
import type { Authentic, Numbered } from "../verify/examine.ts"
import type { Db } from "./database.ts"
import { fromOrder, orderOf } from "./order.ts"

/** An authentic reading as stored. */
export interface StoredReading extends Anchor {
  id: bigint
  meterId: Hex
  sequence: number
  /** Which of the meter's keys signed it: each has sequence numbers of its own. */
  keyIndex: number
  received: number
  bytes: Uint8Array
  powerW: number | undefined
  /** Undefined where the reading counts. */
  reason: string | undefined
  detail: string | undefined
}

interface Row {
  id: bigint
  meter_id: Hex
  sequence: bigint
  time: bigint
  received: bigint
  bytes: Buffer
  generated: bigint | null
  imported: bigint | null
  exported: bigint | null
  power: bigint | null
  reason: string | null
  detail: string | null
  counters: string | null
  checksum: bigint | null
}

export type ReadingStore = ReturnType<typeof readingStore>

/** A row that is not what was written: a disk gave other bytes back. */
export class DamagedRow extends Error {
  override name = "DamagedRow"
}

/** A statement for several rows costs less than one for each, SQLite's count of rows (AUTOINCREMENT) above all. */
const rowsAtOnce = 16
const valuesOfRow = 13

/** What a transaction added of a meter. */
interface Remembered {
  state: MeterState
  /** Values of rows that are not written yet. */
  rows: unknown[][]
  /** Which of these is the last that counts. */
  anchorRow: number | undefined
  /** The row of the last reading that counts and is written; null where there was none. */
  anchor: bigint | null
}

/** SQLite: a negative limit is none. */
const noLimit = -1

const columns = `r.id, m.meter_id, r.sequence, r.time, r.received, r.bytes, r.generated, r.imported, r.exported,
  r.power, r.reason, r.detail, r.counters, r.checksum FROM readings r JOIN meters m ON m.id = r.meter`

/** The part of the journal that holds authentic readings and what the rules remember of each meter. */
export function readingStore(db: Db, meters: readonly Meter[]) {
  const addMeter = db.prepare("INSERT INTO meters (meter_id) VALUES (?) ON CONFLICT DO NOTHING")
  db.transaction(() => {
    for (const meter of meters) addMeter.run(meter.key.meterId)
  })()
  const rowIds = new Map(
    (db.prepare("SELECT id, meter_id FROM meters").all() as { id: bigint; meter_id: Hex }[]).map((row) => [
      row.meter_id,
      row.id,
    ]),
  )
  const rowId = (meterId: Hex): bigint => {
    const id = rowIds.get(meterId)
    if (id === undefined) throw new Error(`The journal has no meter ${meterId}.`)
    return id
  }

  const insertOf = (rows: number) => ({
    values: rows * valuesOfRow,
    statement: db.prepare(
      `INSERT INTO readings (meter, sequence, time, received, bytes, generated, imported, exported, power, reason, detail,
         counters, checksum)
       VALUES ${Array(rows).fill(`(${Array(valuesOfRow).fill("?")})`)}`,
    ),
  })
  const insertOne = insertOf(1)
  const insertSome = insertOf(rowsAtOnce)
  const remember = db.prepare(
    "UPDATE meters SET sequence = ?, anchor = coalesce(?, anchor), registers = ? WHERE id = ?",
  )
  const recall = db.prepare(
    `SELECT m.sequence, m.registers, r.time, r.generated, r.imported, r.exported, r.counters
     FROM meters m LEFT JOIN readings r ON r.id = m.anchor WHERE m.meter_id = ?`,
  )
  const forgotten = db.prepare("SELECT forgotten FROM meters WHERE meter_id = ?").pluck()
  const skipTo = db.prepare("UPDATE meters SET sequence = max(sequence, ?) WHERE meter_id = ?")
  const idOf = db.prepare("SELECT id FROM readings WHERE meter = ? AND sequence = ?").pluck()
  const countAfter = db.prepare("SELECT count(*) FROM readings WHERE meter = ? AND id > ?").pluck()
  const earlier = db.prepare("SELECT bytes FROM readings WHERE meter = ? AND sequence = ?").pluck()
  const saidAt = db
    .prepare("SELECT bytes FROM readings WHERE meter = ? AND id <= ? AND time = ? ORDER BY id DESC")
    .pluck()
  const after = db.prepare(`SELECT ${columns} WHERE r.meter = ? AND r.id > ? ORDER BY r.id LIMIT ?`)
  const lastCounted = db.prepare(
    `SELECT ${columns} WHERE r.meter = ? AND r.id <= ? AND r.reason IS NULL ORDER BY r.id DESC LIMIT 1`,
  )
  const nextCounted = db.prepare(
    `SELECT ${columns} WHERE r.meter = ? AND r.id > ? AND r.reason IS NULL ORDER BY r.id LIMIT 1`,
  )
  const countedFrom = db.prepare(
    `SELECT ${columns} WHERE r.meter = ? AND r.reason IS NULL AND r.id >= coalesce((SELECT id FROM readings
       WHERE meter = ? AND reason IS NULL AND time <= ? ORDER BY id DESC LIMIT 1), 0) ORDER BY r.id`,
  )
  const doubtful = db.prepare(`SELECT ${columns} WHERE r.reason IS NOT NULL ORDER BY r.id DESC LIMIT ?`)
  const count = db.prepare(
    "INSERT INTO counts (name, n) VALUES (@name, @by) ON CONFLICT (name) DO UPDATE SET n = n + @by",
  )
  const counts = db.prepare("SELECT name, n FROM counts WHERE name LIKE 'readings.%'")

  // Of a transaction that is under way: written at its end, and not with each of its readings.
  const remembered = new Map<Hex, Remembered>()
  const counted = new Map<string, number>()

  /**
   * Writes the rows that were added: those of a meter in their order, and one meter after the other, which touches each
   * page of an index once.
   */
  function write(): void {
    const values: unknown[] = []
    let rows = 0
    const anchors: { one: Remembered; row: number }[] = []
    for (const one of remembered.values()) {
      if (one.rows.length === 0) continue
      if (one.anchorRow !== undefined) anchors.push({ one, row: rows + one.anchorRow })
      for (const row of one.rows) for (const value of row) values.push(value)
      rows += one.rows.length
      one.rows = []
      one.anchorRow = undefined
    }
    if (rows === 0) return
    let last = 0n
    for (let from = 0; from < values.length; ) {
      const { statement, values: count } = values.length - from >= insertSome.values ? insertSome : insertOne
      last = BigInt(statement.run(values.slice(from, from + count)).lastInsertRowid)
      from += count
    }
    // AUTOINCREMENT numbers the rows of a transaction in turn.
    for (const { one, row } of anchors) one.anchor = last - BigInt(rows - 1 - row)
  }

  function forget(): void {
    remembered.clear()
    counted.clear()
  }

  /** For looking at the rows, those that were just added among them. */
  function among(statement: Statement): Statement {
    write()
    return statement
  }

  return {
    /** Within a transaction of the caller's, which ends with `settle`. */
    add({ meter, signed, keyIndex, verdict, state }: Authentic, received: number): void {
      const { meterId } = meter.key
      const id = rowId(meterId)
      const { reading } = signed
      const row = {
        sequence: orderOf({ keyIndex, sequence: reading.sequence }),
        time: reading.time,
        received,
        bytes: signed.bytes,
        generated: reading.generatedWh ?? null,
        imported: reading.importedWh ?? null,
        exported: reading.exportedWh ?? null,
        power: reading.powerW ?? null,
        reason: verdict.accepted ? null : verdict.reason,
        detail: verdict.accepted ? null : verdict.detail,
        counters: verdict.accepted && state.anchor?.counters ? toText(state.anchor.counters) : null,
      }
      const one = remembered.get(meterId) ?? { state, rows: [], anchorRow: undefined, anchor: null }
      one.state = state
      if (verdict.accepted) one.anchorRow = one.rows.length
      one.rows.push([
        id,
        row.sequence,
        row.time,
        received,
        row.bytes,
        row.generated,
        row.imported,
        row.exported,
        row.power,
        row.reason,
        row.detail,
        row.counters,
        checksumOf(meterId, row),
      ])
      remembered.set(meterId, one)
      const name = `readings.${verdict.accepted ? "accepted" : verdict.reason}`
      counted.set(name, (counted.get(name) ?? 0) + 1)
    },

    /** Writes what was added, and added up. */
    settle(): void {
      write()
      for (const [meterId, { state, anchor }] of remembered)
        remember.run(orderOf(lastNumber(state)), anchor, toText(state.registers), rowId(meterId))
      for (const [name, by] of counted) count.run({ name, by })
      forget()
    },

    /** After a transaction that failed. */
    forget,

    state(meterId: Hex): MeterState {
      const added = remembered.get(meterId)
      if (added) return added.state
      const row = recall.get(meterId) as StateRow
      const { keyIndex, sequence } = fromOrder(row.sequence)
      return {
        sequence,
        ...(keyIndex > 0 && { keyIndex }),
        anchor: row.time === null ? undefined : { time: Number(row.time), ...countedIn(row) },
        registers: fromText(row.registers) as RegisterMemories,
      }
    },

    /** The bytes of the authentic reading with this number. */
    earlier(meterId: Hex, number: Numbered): Uint8Array | undefined {
      return among(earlier).get(rowId(meterId), orderOf(number)) as Uint8Array | undefined
    },

    /** Whether a reading with this number may have left the journal. */
    mayBeForgotten(meterId: Hex, number: Numbered): boolean {
      return orderOf(number) <= (forgotten.get(meterId) as bigint)
    },

    /** A number that was given out and whose reading may be lost is not given out again. */
    skipTo(meterId: Hex, number: Numbered): void {
      skipTo.run(orderOf(number), meterId)
    },

    /** The row of the reading with this number. */
    idOf(meterId: Hex, number: Numbered): bigint | undefined {
      return among(idOf).get(rowId(meterId), orderOf(number)) as bigint | undefined
    },

    countAfter(meterId: Hex, id: bigint): number {
      return Number(among(countAfter).get(rowId(meterId), id) as bigint)
    },

    /** The bytes of the reading that a statement quotes, looked for from the one with this id backwards. */
    quoted(
      meterId: Hex,
      { time, digest }: { time: number; digest: Hex },
      id: bigint,
    ): Uint8Array | undefined {
      for (const bytes of among(saidAt).iterate(rowId(meterId), id, time) as Iterable<Buffer>)
        if (readingDigest(bytes) === digest) return Uint8Array.from(bytes)
      return undefined
    },

    /** Readings of a meter after the one with this id, in order of arrival: all, or the first `most`. */
    after(meterId: Hex, id: bigint, most = noLimit): StoredReading[] {
      return (among(after).all(rowId(meterId), id, most) as Row[]).map(fromRow)
    },

    /** Compares all readings of a meter with what was written, one at a time. @throws DamagedRow */
    compareAll(meterId: Hex): void {
      for (const row of among(after).iterate(rowId(meterId), 0n, noLimit) as Iterable<Row>) compare(row)
    },

    /**
     * The row up to which a batch takes a meter's readings behind `id`: all in order of arrival, up to the first that
     * counts and is later than the batch. Undefined where it takes none.
     */
    lastForBatch(meterId: Hex, id: bigint, time: number): bigint | undefined {
      let last: bigint | undefined
      for (const row of among(after).iterate(rowId(meterId), id, noLimit) as Iterable<Row>) {
        if (row.reason === null && row.time > BigInt(time)) break
        last = row.id
      }
      return last
    },

    /** The last reading that counts, up to the one with this id. */
    lastCounted(meterId: Hex, id = 2n ** 63n - 1n): StoredReading | undefined {
      const row = among(lastCounted).get(rowId(meterId), id) as Row | undefined
      return row && fromRow(row)
    },

    /** The first reading that counts after the one with this id. */
    nextCounted(meterId: Hex, id: bigint): StoredReading | undefined {
      const row = among(nextCounted).get(rowId(meterId), id) as Row | undefined
      return row && fromRow(row)
    },

    /** Readings that count, beginning with the last one at or before `time` if there is one. */
    countedFrom(meterId: Hex, time: number): StoredReading[] {
      const id = rowId(meterId)
      return (among(countedFrom).all(id, id, time) as Row[]).map(fromRow)
    },

    /** Authentic readings that do not count, newest first. */
    doubtful(limit: number): StoredReading[] {
      return (among(doubtful).all(limit) as Row[]).map(fromRow)
    },

    /** How many readings there are, ever, by verdict. */
    counts(): { accepted: number; doubtful: Map<string, number> } {
      const rows = counts.all() as { name: string; n: bigint }[]
      const doubtful = new Map(rows.map(({ name, n }) => [name.slice("readings.".length), Number(n)]))
      const accepted = doubtful.get("accepted") ?? 0
      doubtful.delete("accepted")
      return { accepted, doubtful }
    },

    rowId,
  }
}

interface StateRow extends Pick<Row, "sequence" | "generated" | "imported" | "exported" | "counters"> {
  registers: string
  time: bigint | null
}

/** The last number that the rules have seen of a meter. */
export function lastNumber({ keyIndex = 0, sequence }: Pick<MeterState, "keyIndex" | "sequence">): Numbered {
  return { keyIndex, sequence }
}

/** Energy in JSON is text: a number there would be a float. Nothing else in it is text. */
function toText(memory: RegisterMemories | Counters): string {
  return JSON.stringify(memory, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value))
}

function fromText(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown) => (typeof value === "string" ? BigInt(value) : value))
}

/** What is counted by a row: what the meter showed, and the offsets of its counters. */
function countedIn(
  row: Pick<Row, "generated" | "imported" | "exported" | "counters">,
): Pick<Anchor, "registers" | "counters"> {
  const counters = row.counters === null ? undefined : (fromText(row.counters) as Counters)
  const shown = { generatedWh: row.generated, importedWh: row.imported, exportedWh: row.exported }
  const registers: Registers = {}
  for (const name of registerNames) {
    const wh = shown[name]
    if (wh !== null) registers[name] = wh + (counters?.[name]?.offsetWh ?? 0n)
  }
  return { registers, ...(counters && { counters }) }
}

type Summed = {
  [name in Exclude<keyof Row, "id" | "meter_id" | "checksum" | "bytes">]: Row[name] | number
} & { bytes: Uint8Array }

function checksumOf(meterId: Hex, row: Summed): number {
  const { bytes, sequence, time, received, generated, imported, exported, power, reason, detail, counters } =
    row
  const rest = [
    meterId,
    sequence,
    time,
    received,
    generated,
    imported,
    exported,
    power,
    reason,
    detail,
    counters,
  ]
  return crc32(rest.join("\n"), crc32(bytes))
}

function compare(row: Row): void {
  if (row.checksum !== null && Number(row.checksum) !== checksumOf(row.meter_id, row))
    throw new DamagedRow(`Reading ${row.id} of the journal is not what was written.`)
}

function fromRow(row: Row): StoredReading {
  compare(row)
  return {
    id: row.id,
    meterId: row.meter_id,
    ...fromOrder(row.sequence),
    time: Number(row.time),
    received: Number(row.received),
    bytes: Uint8Array.from(row.bytes),
    ...countedIn(row),
    powerW: row.power === null ? undefined : Number(row.power),
    reason: row.reason ?? undefined,
    detail: row.detail ?? undefined,
  }
}
