import type { PointValue } from "./device.ts"
import {
  ceilingOf,
  magnitude,
  ofDouble,
  powerOfTen,
  type Rational,
  rounded,
  times,
  toNumber,
  whole,
} from "./rational.ts"

/** How many registers a value takes, by type; a string says so itself. */
export const widths = {
  int16: 1,
  uint16: 1,
  int32: 2,
  uint32: 2,
  int64: 4,
  uint64: 4,
  float32: 2,
  float64: 4,
  bcd16: 1,
  bcd32: 2,
} as const
export type NumberType = keyof typeof widths
export type PointType = NumberType | "string"
/** Which register comes first, the one with the high bits or the one with the low bits. Bytes are always high first. */
export type WordOrder = "big" | "little"

export const noScale = whole(1n)

/** A value at its place on a device. */
export interface Point {
  name: string
  function: 3 | 4
  /** As it goes over the wire, from 0. */
  address: number
  /** How many registers it takes. */
  registers: number
  type: PointType
  order: WordOrder
  scale: Rational
  /** Where its SunSpec scale factor stands: a power of ten in an int16. */
  factorAddress?: number
  unit?: string
  /** Register contents, as an unsigned number, that mean that there is no value. */
  notANumber: readonly bigint[]
  /** How often it is worth a read; absent: each time. */
  everySeconds?: number
}

/** A point as it was read, and its exact value behind what is shown. */
export interface DecodedPoint extends PointValue {
  exact?: { value: Rational; step: Rational }
}

/** Energy is shown in whole Wh, whatever the device counts in. */
const whPer: ReadonlyMap<string | undefined, Rational> = new Map([
  ["Wh", whole(1n)],
  ["kWh", whole(1000n)],
  ["MWh", whole(1_000_000n)],
])
export const isEnergy = (unit: string | undefined): boolean => unit !== undefined && whPer.has(unit)
/** SunSpec Device Information Model Specification, sunssf. */
const largestFactor = 10

/**
 * @param bytes of the point's registers.
 * @param factor of the register at `factorAddress`.
 */
export function decodePoint(point: Point, bytes: Buffer, factor?: Buffer): DecodedPoint {
  const { name, unit } = point
  const absent = (quality: PointValue["quality"]): DecodedPoint => ({ name, quality, ...(unit && { unit }) })
  const words = inOrder(bytes, point.order)
  if (point.type === "string") {
    const text = textOf(bytes)
    return text === "" ? absent("not-implemented") : { name, quality: "good", value: text }
  }
  if (point.notANumber.includes(unsigned(words))) return absent("not-implemented")
  const raw = rawValue(point.type, words)
  if (raw === undefined) return absent("out-of-range")
  if (typeof raw === "number" && Number.isNaN(raw)) return absent("not-implemented")
  if (raw === Number.POSITIVE_INFINITY || raw === Number.NEGATIVE_INFINITY) return absent("out-of-range")
  let scale = point.scale
  if (point.factorAddress !== undefined) {
    const exponent = factor!.readInt16BE()
    if (exponent === -0x8000) return absent("not-implemented")
    if (Math.abs(exponent) > largestFactor) return absent("out-of-range")
    scale = times(scale, powerOfTen(exponent))
  }
  const step = times(stepOf(point.type, words), magnitude(scale))
  const value = times(typeof raw === "bigint" ? whole(raw) : ofDouble(raw), scale)
  const wh = whPer.get(unit)
  if (wh) {
    const exact = { value: times(value, wh), step: times(step, wh) }
    const resolution = Number(ceilingOf(exact.step))
    return { name, quality: "good", value: rounded(exact.value), unit: "Wh", resolution, exact }
  }
  return {
    name,
    quality: "good",
    value: shown(point.type, raw, scale, value),
    ...(unit && { unit }),
    resolution: toNumber(step),
    exact: { value, step },
  }
}

/** Integers that are not scaled to fractions stay integers: of 64 bits as bigint, as they may exceed 2^53. */
function shown(type: NumberType, raw: bigint | number, scale: Rational, value: Rational): bigint | number {
  if (scale.numerator === scale.denominator)
    return widths[type] === 4 || typeof raw === "number" ? raw : Number(raw)
  return toNumber(value)
}

function inOrder(bytes: Buffer, order: WordOrder): Buffer {
  if (order === "big") return bytes
  const words = Buffer.alloc(bytes.length)
  for (let at = 0; at < bytes.length; at += 2) bytes.copy(words, bytes.length - 2 - at, at, at + 2)
  return words
}

const unsigned = (bytes: Buffer) => BigInt(`0x${bytes.toString("hex")}`)

/** @returns undefined for what is no decimal number. */
function rawValue(type: NumberType, bytes: Buffer): bigint | number | undefined {
  switch (type) {
    case "float32":
      return bytes.readFloatBE()
    case "float64":
      return bytes.readDoubleBE()
    case "bcd16":
    case "bcd32": {
      const digits = bytes.toString("hex")
      return /^\d+$/.test(digits) ? BigInt(digits) : undefined
    }
    case "int16":
    case "int32":
    case "int64":
      return BigInt.asIntN(8 * bytes.length, unsigned(bytes))
    default:
      return unsigned(bytes)
  }
}

/** The distance to the neighbouring value that is further from 0. */
function stepOf(type: NumberType, bytes: Buffer): Rational {
  if (type !== "float32" && type !== "float64") return whole(1n)
  const single = type === "float32"
  const exponent = single ? (bytes.readUInt16BE() >> 7) & 0xff : (bytes.readUInt16BE() >> 4) & 0x7ff
  // IEEE 754: the last bit's weight; numbers of exponent 0 are spaced like those of exponent 1.
  return ofPowerOfTwo(Math.max(1, exponent) - (single ? 150 : 1075))
}

const ofPowerOfTwo = (exponent: number): Rational =>
  exponent >= 0 ? whole(2n ** BigInt(exponent)) : { numerator: 1n, denominator: 2n ** BigInt(-exponent) }

/** Up to the first NUL; a field full of 0xFF is as empty as one full of NULs. */
function textOf(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  const text = end < 0 ? bytes : bytes.subarray(0, end)
  return text.every((byte) => byte === 0xff) ? "" : text.toString("utf8").trim()
}
