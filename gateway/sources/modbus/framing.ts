/**
 * What came on a line, searched for the reply to the one request that is out. Requests and replies are RTU frames
 * (unit, function, data, CRC), as modbus-serial makes and takes them. Pure.
 */
export interface Framing {
  /** The request as it goes on the wire. @param number counts the requests on this connection. */
  wrap(request: Buffer, number: number): Buffer
  /**
   * @returns the reply as an RTU frame; nothing while it may still come.
   * @throws BrokenFrame where what came can never become the reply.
   */
  find(received: Buffer, request: Buffer, number: number): Buffer | undefined
}

/** Something came that is not the answer. */
export class BrokenFrame extends Error {
  override name = "BrokenFrame"
}

const exceptionBit = 0x80
const exceptionLength = 5

/** MODBUS over Serial Line V1.02, 6.2.2: polynomial 0xA001, begins with 0xFFFF, low byte first on the wire. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0xffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1
  }
  return crc
}

/** The frame with its CRC. */
export function withCrc(body: Uint8Array): Buffer {
  const crc = crc16(body)
  return Buffer.from([...body, crc & 0xff, crc >> 8])
}

export function hasGoodCrc(frame: Buffer): boolean {
  return frame.length >= 4 && frame.readUInt16LE(frame.length - 2) === crc16(frame.subarray(0, -2))
}

/**
 * Why a frame is not the reply to this request; nothing where it is. A reply says unit and function, a read's how
 * many bytes it brings, a write's what was written where.
 */
function mismatch(frame: Buffer, request: Buffer): string | undefined {
  if (frame[0] !== request[0]) return `unit ${frame[0]} answered in its place`
  if (frame[1] === (request[1]! | exceptionBit))
    return frame.length === exceptionLength ? undefined : "an exception of a wrong length came"
  if (frame[1] !== request[1]) return `an answer to function ${frame[1]} came, not to ${request[1]}`
  if (isWrite(request))
    return frame.length === 8 && frame.subarray(2, 6).equals(request.subarray(2, 6))
      ? undefined
      : "the answer to another write came"
  const bytes = 2 * request.readUInt16BE(4)
  if (frame.length !== bytes + 5 || frame[2] !== bytes)
    return `${frame.length - 5} bytes came for ${bytes / 2} registers`
  return undefined
}

function isWrite(request: Buffer): boolean {
  return request[1] === 16
}

function replyLength(request: Buffer): number {
  return isWrite(request) ? 8 : 5 + 2 * request.readUInt16BE(4)
}

/**
 * RTU: a frame has no beginning and no number. Noise may come before it, and so may a frame that nobody waits for
 * any more: the reply is the first frame that fits the request in all it says and has a good CRC.
 */
export const rtuFraming: Framing = {
  wrap: (request) => request,
  find(received, request) {
    for (let at = 0; at + exceptionLength <= received.length; at++) {
      if (received[at] !== request[0]) continue
      const isException = received[at + 1] === (request[1]! | exceptionBit)
      const frame = received.subarray(at, at + (isException ? exceptionLength : replyLength(request)))
      if (hasGoodCrc(frame) && mismatch(frame, request) === undefined) return frame
    }
    return undefined
  },
}

const headerLength = 6
/** Unit and function at least; a PDU has 253 bytes at most. */
const [leastLength, mostLength] = [2, 254]

/** MODBUS Messaging on TCP/IP V1.0b, 3.1.3: transaction, protocol 0, length, and then the frame without CRC. */
export const tcpFraming: Framing = {
  wrap(request, number) {
    const header = Buffer.alloc(headerLength)
    header.writeUInt16BE(number % 0x10000, 0)
    header.writeUInt16BE(request.length - 2, 4)
    return Buffer.concat([header, request.subarray(0, -2)])
  },
  find(received, request, number) {
    for (let at = 0; at + headerLength <= received.length; ) {
      const length = received.readUInt16BE(at + 4)
      if (received.readUInt16BE(at + 2) !== 0 || length < leastLength || length > mostLength)
        throw new BrokenFrame("what came is not Modbus TCP")
      const end = at + headerLength + length
      if (end > received.length) return undefined
      if (received.readUInt16BE(at) === number % 0x10000) {
        const frame = withCrc(received.subarray(at + headerLength, end))
        const why = mismatch(frame, request)
        if (why !== undefined) throw new BrokenFrame(why)
        return frame
      }
      at = end
    }
    return undefined
  },
}
