import type { Entry, RegisterType, Shown, Table } from "./device.ts"
import { type QuantityName, quantities } from "./quantities.ts"

/** A row of a register map: where it is, what it shows, and how many base units one count stands for. */
export type Row = readonly [address: number, name: QuantityName, scale?: number]

/** Rows of one table and type as a device's entries. */
export function entries(table: Table, type: RegisterType, rows: readonly Row[]): Entry[] {
  return rows.map(([address, name, scale]) => ({
    table,
    address,
    type,
    name,
    shows: quantities[name],
    ...(scale !== undefined && { scale }),
  }))
}

/** A value that a device always shows. */
export function constant(
  table: Table,
  type: RegisterType,
  address: number,
  name: string,
  value: Shown,
): Entry {
  return { table, address, type, name, shows: () => value }
}
