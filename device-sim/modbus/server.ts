import { createServer, type Socket } from "node:net"
import { PersonError } from "../../protocol/error.ts"
import { answer, type Unit } from "./answer.ts"

/** A running Modbus TCP listener with units behind it. */
export interface Bus {
  readonly port: number
  close(): Promise<void>
}

/** Unit and request: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, 3.1.3: a frame has 260 bytes at most. */
const maxLength = 254
const headerBytes = 6
const maxClients = 32
const idleMs = 5 * 60_000

/**
 * Listens for Modbus TCP. Own code, because modbus-serial's ServerTCP answers frames of any protocol id, takes a
 * length of up to 65,535, asks for 65,535 registers one by one before it refuses them, and writes on to a client
 * that does not read. Here a frame that cannot be Modbus ends its connection, no client can make us hold more
 * than one frame, and one that does not take its answers is not read from.
 * @throws PersonError when the port cannot be had.
 */
export async function startBus(
  { name, host, port }: { name: string; host: string; port: number },
  units: ReadonlyMap<number, Unit>,
): Promise<Bus> {
  const clients = new Set<Socket>()
  const server = createServer((socket) => {
    clients.add(socket)
    socket.on("close", () => clients.delete(socket))
    serve(socket, units)
  })
  server.maxConnections = maxClients
  await new Promise<void>((resolve, reject) => {
    const refused = (cause: NodeJS.ErrnoException) => {
      const reason = cause.code === "EADDRINUSE" ? "another program listens there" : cause.message
      reject(
        new PersonError(`Bus "${name}" cannot listen on ${host}:${port}: ${reason}.`, {
          next: "Give the bus another port.",
          cause,
        }),
      )
    }
    server.once("error", refused)
    server.listen(port, host, () => {
      server.off("error", refused)
      resolve()
    })
  })
  const address = server.address()
  return {
    port: typeof address === "object" && address ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const client of clients) client.destroy()
      }),
  }
}

function serve(socket: Socket, units: ReadonlyMap<number, Unit>): void {
  let pending: Uint8Array = new Uint8Array(0)
  socket.setNoDelay(true)
  socket.setTimeout(idleMs, () => socket.destroy())
  socket.on("error", () => socket.destroy())
  socket.on("drain", () => socket.resume())
  socket.on("data", (chunk) => {
    const bytes = pending.length > 0 ? Buffer.concat([pending, chunk as Buffer]) : (chunk as Buffer)
    let at = 0
    while (bytes.length - at >= headerBytes) {
      const protocol = bytes.readUInt16BE(at + 2)
      const length = bytes.readUInt16BE(at + 4)
      if (protocol !== 0 || length < 2 || length > maxLength) {
        socket.destroy()
        return
      }
      const end = at + headerBytes + length
      if (bytes.length < end) break
      const frame = bytes.subarray(at, end)
      const response = answer(units, frame[headerBytes]!, frame.subarray(headerBytes + 1))
      if (!socket.write(framed(frame, response))) socket.pause()
      at = end
    }
    pending = Uint8Array.from(bytes.subarray(at))
  })
}

/** The request's transaction and unit, with the answer's length. */
function framed(request: Uint8Array, response: Uint8Array): Uint8Array {
  const frame = new Uint8Array(headerBytes + 1 + response.length)
  frame.set(request.subarray(0, 4))
  frame[4] = (response.length + 1) >> 8
  frame[5] = (response.length + 1) & 0xff
  frame[6] = request[6]!
  frame.set(response, headerBytes + 1)
  return frame
}
