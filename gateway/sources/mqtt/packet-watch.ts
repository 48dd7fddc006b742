/** A client announced a packet that is larger than any we take. */
export class PacketTooLarge extends Error {
  override name = "PacketTooLarge"
  readonly announced: number
  constructor(announced: number, most: number) {
    super(`${announced} bytes announced, a packet has at most ${most}`)
    this.announced = announced
  }
}

/**
 * Follows the packet boundaries of a byte stream by the fixed headers (MQTT 3.1.1, 2.2.3).
 * @returns how much of a chunk was looked at, which ends before one packet too many begins, and how many began in it.
 * @throws PacketTooLarge as soon as a header announces too much.
 */
export function packetWatch(
  mostBytes: number,
  mostPackets = Infinity,
): (chunk: Uint8Array) => { bytes: number; packets: number } {
  let inBody = 0
  let inHeader = false
  let length = 0
  let shift = 0
  return (chunk) => {
    let packets = 0
    let i = 0
    while (i < chunk.length) {
      if (inBody > 0) {
        const taken = Math.min(inBody, chunk.length - i)
        inBody -= taken
        i += taken
        continue
      }
      if (!inHeader && packets === mostPackets) break
      const byte = chunk[i++]!
      if (!inHeader) {
        inHeader = true
        packets++
        length = 0
        shift = 0
        continue
      }
      length += (byte & 0x7f) * 2 ** shift
      shift += 7
      if (length > mostBytes || shift > 28) throw new PacketTooLarge(length, mostBytes)
      if ((byte & 0x80) === 0) {
        inHeader = false
        inBody = length
      }
    }
    return { bytes: i, packets }
  }
}
