import type { Shown } from "../devices/device.ts"

/** Types of SunSpec's information models that appear here. */
export type PointType =
  | "int16"
  | "uint16"
  | "acc32"
  | "uint32"
  | "uint64"
  | "float32"
  | "enum16"
  | "bitfield32"
  | "sunssf"
  | "pad"
  | `string${number}`

export interface Point {
  readonly name: string
  readonly type: PointType
  /** The point that holds its scale factor. */
  readonly scale?: string
  /** Registers from the first behind the model's header. */
  readonly offset: number
}

/**
 * A model's points from a table: groups divided by semicolons, each a type, with `*` and its scale factor's point
 * where it has one, then names.
 */
export function pointsOf(table: string): readonly Point[] {
  let offset = 0
  return Object.freeze(
    table.split(";").flatMap((group) => {
      const [kind = "", ...names] = group.trim().split(/\s+/)
      const [type, scale] = kind.split("*") as [PointType, string?]
      return names.map((name): Point => {
        const point = { name, type, offset, ...(scale !== undefined && { scale }) }
        offset += sizeOf(type)
        return point
      })
    }),
  )
}

/** Registers of a point. */
export function sizeOf(type: PointType): number {
  if (type.startsWith("string")) return Number(type.slice("string".length))
  if (type.endsWith("64")) return 4
  return type.endsWith("32") ? 2 : 1
}

/**
 * What stands where a device does not implement a point (SunSpec Device Information Model Specification, 4.6): an
 * accumulator 0, a signed number the smallest, an unsigned one all ones, a string nothing.
 */
export function notImplemented(type: PointType): Uint8Array {
  const bytes = new Uint8Array(2 * sizeOf(type))
  if (type === "float32") bytes.set([0x7f, 0xc0])
  else if (["int16", "sunssf", "pad"].includes(type)) bytes[0] = 0x80
  else if (type !== "acc32" && !type.startsWith("string")) bytes.fill(0xff)
  return bytes
}

/** A value in its registers; `scale` is the power of ten that its scale factor says. */
export function encodePoint(type: PointType, value: Shown, scale: number): Uint8Array {
  const bytes = new Uint8Array(2 * sizeOf(type))
  const view = new DataView(bytes.buffer)
  if (value === undefined) return notImplemented(type)
  if (type.startsWith("string")) bytes.set(new TextEncoder().encode(String(value)).subarray(0, bytes.length))
  else if (type === "float32") view.setFloat32(0, Number(value))
  else if (type.endsWith("64")) view.setBigUint64(0, counts(value, scale))
  else if (type.endsWith("32")) view.setUint32(0, Number(BigInt.asUintN(32, counts(value, scale))))
  else view.setInt16(0, Number(counts(value, scale)))
  return bytes
}

/** Energy, a bigint, is rounded down, other values to the nearest. */
function counts(value: Exclude<Shown, undefined>, scale: number): bigint {
  if (typeof value !== "bigint") return BigInt(Math.round(Number(value) / 10 ** scale))
  return scale >= 0 ? value / 10n ** BigInt(scale) : value * 10n ** BigInt(-scale)
}
