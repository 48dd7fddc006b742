import type { RegisterType, Shown } from "./device.ts"

const bits = { int16: 16, uint16: 16, int32: 32, uint32: 32, int64: 64, uint64: 64 } as const

/** How many registers a value takes. */
export function registersOf(type: RegisterType): number {
  if (typeof type !== "string") return type.string
  return type === "float32" ? 2 : bits[type] / 16
}

/**
 * A value as registers, the high word first. What is no number takes the value that makers reserve for it: NaN as a
 * float, all ones unsigned, the smallest signed or, by a device's custom, the largest. What does not fit counts on from 0, as a register that is full.
 * @param scale how many base units one count stands for.
 */
export function encode(
  type: RegisterType,
  value: Shown,
  scale = 1,
  notANumber: "smallest" | "largest" = "smallest",
): Uint8Array {
  const bytes = new Uint8Array(2 * registersOf(type))
  const view = new DataView(bytes.buffer)
  if (typeof type !== "string") {
    bytes.set(new TextEncoder().encode(String(value ?? "")).subarray(0, bytes.length))
  } else if (type === "float32") {
    view.setFloat32(0, value === undefined ? Number.NaN : Number(value) / scale)
  } else {
    const size = bits[type]
    const smallest = 2n ** BigInt(size - 1)
    const none = type.startsWith("u") ? -1n : notANumber === "largest" ? smallest - 1n : smallest
    let rest = BigInt.asUintN(size, value === undefined ? none : counts(value, scale))
    for (let at = bytes.length - 2; at >= 0; at -= 2) {
      view.setUint16(at, Number(rest & 0xffffn))
      rest >>= 16n
    }
  }
  return bytes
}

/** Whole counts; energy, which is a bigint, is rounded down and never passes through a float. */
function counts(value: Exclude<Shown, undefined>, scale: number): bigint {
  if (typeof value === "bigint")
    return scale >= 1 ? value / BigInt(scale) : value * BigInt(Math.round(1 / scale))
  return BigInt(Math.round(Number(value) / scale))
}
