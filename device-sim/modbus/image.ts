import type { Device, Line, Table } from "../devices/device.ts"

/**
 * The bytes of `count` registers from `address`, big-endian; undefined when the device has not got them all. A
 * read may begin or end in the middle of a value. What no entry shows reads 0, as on the real device.
 */
export function registerBytes(
  device: Device,
  table: Table,
  address: number,
  count: number,
  line: Line,
): Uint8Array | undefined {
  const inside = device.spans.some(
    (span) => span.table === table && address >= span.address && address + count <= span.address + span.count,
  )
  if (!inside) return undefined
  const image = new Uint8Array(2 * count)
  const value = new DataView(new ArrayBuffer(4))
  for (const entry of device.entries) {
    const words = entry.address - address
    if (entry.table !== table || words <= -2 || words >= count) continue
    if (entry.type === "float32") value.setFloat32(0, entry.shows(line))
    else value.setUint32(0, entry.shows(line))
    for (let i = 0; i < 4; i++) {
      const at = 2 * words + i
      if (at >= 0 && at < image.length) image[at] = value.getUint8(i)
    }
  }
  return image
}
