import type { Framing, Request } from "./framing.ts"

/**
 * Modbus RTU, on a serial line or inside TCP: unit, request, CRC (MODBUS over Serial Line V1.02, 2.5.1). Silence
 * divides frames there; a simulator behind a pty or a socket sees none, so it tells a request's length by its
 * function, and passes over what is no request byte by byte.
 */
export const rtuFraming: Framing = Object.freeze<Framing>({
  split(bytes) {
    const requests: Request[] = []
    let at = 0
    while (bytes.length - at >= 2) {
      const length = requestLength(bytes.subarray(at))
      if (length === undefined) break
      if (length > 0 && bytes.length - at < length) break
      const end = at + length
      if (length > 0 && crc(bytes.subarray(at, end)) === 0) {
        requests.push({ unit: bytes[at]!, pdu: bytes.subarray(at + 1, end - 2), transaction: 0 })
        at = end
      } else at++
    }
    return { requests, taken: at }
  },
  frame({ unit }, pdu) {
    const frame = new Uint8Array(pdu.length + 3)
    frame[0] = unit
    frame.set(pdu, 1)
    const sum = crc(frame.subarray(0, -2))
    frame[frame.length - 2] = sum & 0xff
    frame[frame.length - 1] = sum >> 8
    return frame
  },
  quietMs: 100,
  silentWhenAbsent: true,
})

/** Of a whole frame with its unit and CRC; 0 for no function of the protocol, undefined when it needs more bytes. */
function requestLength(bytes: Uint8Array): number | undefined {
  const code = bytes[1]!
  if (code >= 1 && code <= 6) return 8
  if (code !== 15 && code !== 16) return 0
  return bytes.length < 7 ? undefined : 9 + bytes[6]!
}

/**
 * The CRC of MODBUS over Serial Line V1.02, 6.2.2, whose low byte is sent first. Over a whole frame, its own CRC
 * included, it is 0.
 */
export function crc(bytes: Uint8Array): number {
  let sum = 0xffff
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xa001 : sum >>> 1
  }
  return sum
}
