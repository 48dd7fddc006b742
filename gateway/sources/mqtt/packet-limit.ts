import type { Socket } from "node:net"
import { Duplex, Transform } from "node:stream"

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
 * Puts a limit in front of the broker's parser, which has none: it would gather a packet of any announced length
 * in memory before looking at it. Here the length is read from the fixed header (MQTT 3.1.1, 2.2.3) and the
 * connection is cut before the body is taken in.
 */
export function limitPackets(
  socket: Socket,
  mostBytes: number,
  onCut: (error: PacketTooLarge) => void,
): Duplex {
  const watch = packetWatch(mostBytes)
  const gate = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        watch(chunk)
        done(null, chunk)
      } catch (error) {
        onCut(error as PacketTooLarge)
        socket.destroy()
        done(error as Error)
      }
    },
  })
  socket.on("error", () => gate.destroy())
  gate.on("error", () => socket.destroy())
  return Duplex.from({ readable: socket.pipe(gate), writable: socket })
}

/**
 * Follows the packet boundaries of a byte stream. @throws PacketTooLarge as soon as a header announces too much.
 */
export function packetWatch(mostBytes: number): (chunk: Uint8Array) => void {
  let inBody = 0
  let inHeader = false
  let length = 0
  let shift = 0
  return (chunk) => {
    for (let i = 0; i < chunk.length; ) {
      if (inBody > 0) {
        const taken = Math.min(inBody, chunk.length - i)
        inBody -= taken
        i += taken
        continue
      }
      const byte = chunk[i++]!
      if (!inHeader) {
        inHeader = true
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
  }
}
