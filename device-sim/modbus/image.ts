import type { Device, Line, Table } from "../devices/device.ts"
import { encode, registersOf } from "../devices/encode.ts"

/**
 * The bytes of `count` registers from `address`, big-endian; undefined when the device has not got them all. A
 * read may begin or end in the middle of a value. What no entry shows reads 0, as on the real device.
 */
export function registerBytes(
  device: Device,
  asked: Table,
  address: number,
  count: number,
  line: Line,
): Uint8Array | undefined {
  const table = device.oneTable ? "input" : asked
  const inside = device.spans.some(
    (span) => span.table === table && address >= span.address && address + count <= span.address + span.count,
  )
  if (!inside) return undefined
  const image = new Uint8Array(2 * count)
  for (const entry of device.entries) {
    const length = registersOf(entry.type)
    const words = entry.address - address
    if (entry.table !== table || words <= -length || words >= count) continue
    if (entry.alone && (words !== 0 || count !== length)) continue
    const value = encode(entry.type, entry.shows(line), entry.scale, device.notANumber)
    for (let word = 0; word < length; word++) {
      const at = words + (device.wordOrder === "little" && isNumber(entry) ? length - 1 - word : word)
      if (at >= 0 && at < count) image.set(value.subarray(2 * word, 2 * word + 2), 2 * at)
    }
  }
  return image
}

function isNumber({ type }: Device["entries"][number]): boolean {
  return typeof type === "string"
}
