import * as dagCbor from "@ipld/dag-cbor"
import type { Energy, EnergySum, HomeEnergy, IntervalEnergy } from "../../energy/day.ts"
import type { Hex } from "../../protocol/hex.ts"
import type { Db } from "./database.ts"

/** A day as it was worked out. */
export interface DayHead {
  /** "2026-06-21", in the community's time zone. */
  day: string
  from: number
  to: number
  /** How far each meter had reported then. */
  basis: string
  /** Nothing that comes later can change it. */
  final: boolean
}

export interface HomeDaySum extends EnergySum {
  household: Hex
  day: string
}

/** The community's day as everyone was shown it, whole Wh; undefined where a sum would tell of one home. */
export interface PublicDay {
  day: string
  /** Whose use is in the sums; empty when nobody's is. */
  homes: Hex[]
  used: bigint | undefined
  shared: bigint | undefined
  toGrid: bigint | undefined
  fromGrid: bigint | undefined
}

export type DayStore = ReturnType<typeof dayStore>

/** The part of the journal that holds each household's days. All of it can be worked out from readings again. */
export function dayStore(db: Db) {
  const forget = db.prepare("DELETE FROM days WHERE day = ?")
  const putHead = db.prepare(
    "INSERT INTO days (day, from_time, to_time, basis, final) VALUES (?, ?, ?, ?, ?)",
  )
  const putHome = db.prepare(
    `INSERT INTO home_days (household, day, known, missing, generated, used, given, received, to_grid, from_grid, silent,
       records) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const confirm = db.prepare("UPDATE days SET basis = ?, final = ? WHERE day = ?")
  const head = db.prepare("SELECT * FROM days WHERE day = ?")
  const sums = `SELECT household, day, known, missing, generated, used, given, received, to_grid, from_grid
    FROM home_days`
  const sumsOfHome = db.prepare(`${sums} WHERE household = ? AND day BETWEEN ? AND ? ORDER BY day`)
  const sumsOfDay = db.prepare(`${sums} WHERE day = ? ORDER BY household`)
  const home = db.prepare("SELECT silent, records FROM home_days WHERE household = ? AND day = ?")
  const generated = db.prepare(
    `SELECT day, sum(generated) AS wh FROM home_days WHERE day BETWEEN ? AND ? GROUP BY day ORDER BY day`,
  )
  const publish = db.prepare(
    "INSERT INTO public_days (day, homes, used, shared, to_grid, from_grid) VALUES (?, ?, ?, ?, ?, ?)",
  )
  const published = db.prepare("SELECT * FROM public_days WHERE day BETWEEN ? AND ? ORDER BY day")
  const groups = db
    .prepare("SELECT homes FROM public_days WHERE homes <> '[]' GROUP BY homes ORDER BY min(day)")
    .pluck()

  const withRoofs = db.prepare("SELECT DISTINCT household FROM home_days WHERE generated > 0").pluck()

  return {
    put: db.transaction(
      ({ day, from, to, basis, final }: DayHead, homes: readonly (HomeEnergy & EnergySum)[]) => {
        forget.run(day)
        putHead.run(day, from, to, basis, final ? 1 : 0)
        for (const { household, known, missing, energy, silent, records } of homes) {
          const { used, given, received, toGrid, fromGrid } = energy?.exchange ?? {}
          const figures = [energy?.generated, used, given, received, toGrid, fromGrid]
          putHome.run(
            household,
            day,
            known,
            missing,
            ...figures.map((wh) => wh ?? null),
            JSON.stringify(silent),
            dagCbor.encode(records.map(recordOut)),
          )
        }
      },
    ),

    /** Lets a day stand as it is, by what is known of the meters now. */
    confirm({ day, basis, final }: Pick<DayHead, "day" | "basis" | "final">): void {
      confirm.run(basis, final ? 1 : 0, day)
    },

    head(day: string): DayHead | undefined {
      const row = head.get(day) as Record<string, unknown> | undefined
      return (
        row && {
          day,
          from: Number(row.from_time),
          to: Number(row.to_time),
          basis: row.basis as string,
          final: row.final === 1n,
        }
      )
    },

    /** A household's days from one to another, both included, as far as they are known. */
    sumsOfHome(household: Hex, first: string, last: string): HomeDaySum[] {
      return (sumsOfHome.all(household, first, last) as SumRow[]).map(sumFromRow)
    },

    sumsOfDay(day: string): HomeDaySum[] {
      return (sumsOfDay.all(day) as SumRow[]).map(sumFromRow)
    },

    /** A household's intervals of one day. */
    home(household: Hex, day: string): HomeEnergy | undefined {
      const row = home.get(household, day) as { silent: string; records: Buffer } | undefined
      if (!row) return undefined
      const records = dagCbor.decode<RecordOut[]>(row.records).map(recordIn)
      return { household, silent: JSON.parse(row.silent) as string[], records }
    },

    /** What all homes generated, by day. */
    generated(first: string, last: string): { day: string; wh: bigint | undefined }[] {
      const rows = generated.all(first, last) as { day: string; wh: bigint | null }[]
      return rows.map(({ day, wh }) => ({ day, wh: wh ?? undefined }))
    },

    /** @throws when the day was published before. */
    publish({ day, homes, used, shared, toGrid, fromGrid }: PublicDay): void {
      const figures = [used, shared, toGrid, fromGrid].map((wh) => wh ?? null)
      publish.run(day, JSON.stringify(homes), ...figures)
    },

    published(first: string, last: string): PublicDay[] {
      return (published.all(first, last) as Record<string, unknown>[]).map((row) => ({
        day: row.day as string,
        homes: JSON.parse(row.homes as string) as Hex[],
        used: (row.used as bigint | null) ?? undefined,
        shared: (row.shared as bigint | null) ?? undefined,
        toGrid: (row.to_grid as bigint | null) ?? undefined,
        fromGrid: (row.from_grid as bigint | null) ?? undefined,
      }))
    },

    /** Every household that ever generated. */
    withRoofs(): Set<Hex> {
      return new Set(withRoofs.all() as Hex[])
    },

    /** Every group of homes of which a sum was ever published. */
    publishedGroups(): Hex[][] {
      return (groups.all() as string[]).map((text) => JSON.parse(text) as Hex[])
    },
  }
}

interface SumRow {
  household: Hex
  day: string
  known: bigint
  missing: bigint
  generated: bigint | null
  used: bigint | null
  given: bigint | null
  received: bigint | null
  to_grid: bigint | null
  from_grid: bigint | null
}

function sumFromRow(row: SumRow): HomeDaySum {
  const { household, day, known, missing, generated, used, given, received, to_grid, from_grid } = row
  const exchange =
    used === null
      ? undefined
      : {
          used,
          given: given ?? 0n,
          received: received ?? 0n,
          toGrid: to_grid ?? 0n,
          fromGrid: from_grid ?? 0n,
        }
  const energy: Energy | undefined = generated === null ? undefined : { generated, exchange }
  return { household, day, energy, known: Number(known), missing: Number(missing) }
}

type RecordOut = (number | bigint)[]

function recordOut({ start, energy }: IntervalEnergy): RecordOut {
  if (!energy) return [start]
  const { generated, exchange } = energy
  if (!exchange) return [start, generated]
  const { used, given, received, toGrid, fromGrid } = exchange
  return [start, generated, used, given, received, toGrid, fromGrid]
}

function recordIn([start, ...figures]: RecordOut): IntervalEnergy {
  const [generated, used, given, received, toGrid, fromGrid] = figures.map(BigInt)
  if (generated === undefined) return { start: Number(start), energy: undefined }
  const exchange =
    used === undefined
      ? undefined
      : { used, given: given!, received: received!, toGrid: toGrid!, fromGrid: fromGrid! }
  return { start: Number(start), energy: { generated, exchange } }
}
