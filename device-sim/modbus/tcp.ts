import type { Framing, Request } from "./framing.ts"

/** Unit and request: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, 3.1.3: a frame has 260 bytes at most. */
const maxLength = 254
const headerBytes = 6

/** Modbus TCP: transaction, protocol 0, length, then unit and request (the same guide, 3.1.3). */
export const tcpFraming: Framing = Object.freeze<Framing>({
  split(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const requests: Request[] = []
    let at = 0
    while (bytes.length - at >= headerBytes) {
      const length = view.getUint16(at + 4)
      if (view.getUint16(at + 2) !== 0 || length < 2 || length > maxLength) return undefined
      const end = at + headerBytes + length
      if (bytes.length < end) break
      requests.push({
        transaction: view.getUint16(at),
        unit: bytes[at + headerBytes]!,
        pdu: bytes.subarray(at + headerBytes + 1, end),
      })
      at = end
    }
    return { requests, taken: at }
  },
  frame({ unit, transaction }, pdu) {
    const frame = new Uint8Array(headerBytes + 1 + pdu.length)
    const view = new DataView(frame.buffer)
    view.setUint16(0, transaction)
    view.setUint16(4, pdu.length + 1)
    frame[6] = unit
    frame.set(pdu, headerBytes + 1)
    return frame
  },
  silentWhenAbsent: false,
})
