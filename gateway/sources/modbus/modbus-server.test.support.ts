import { once } from "node:events"
import { type AddressInfo, createServer, type Socket } from "node:net"

/** A request as it came: Modbus TCP, MODBUS Messaging on TCP/IP Implementation Guide V1.0b, 3.1.3. */
export interface Request {
  transaction: number
  unit: number
  function: number
  address: number
  count: number
  socket: Socket
  /** Answers with a PDU of its own: the function and all after it. */
  answer(
    pdu: readonly number[] | Uint8Array,
    over?: { transaction?: number; unit?: number; length?: number },
  ): void
  /** Answers as a device would, with the first of these registers. */
  registers(values: readonly number[]): void
}

/** A device that does with each request what it is told to. */
export async function modbusServer(answer: (request: Request, n: number) => void, port = 0) {
  const sockets = new Set<Socket>()
  let requests = 0
  let connections = 0
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connections++
    sockets.add(socket)
    socket.on("error", () => {})
    socket.on("close", () => sockets.delete(socket))
    let gathered = Buffer.alloc(0)
    socket.on("data", (chunk) => {
      gathered = Buffer.concat([gathered, chunk])
      for (; gathered.length >= 12; gathered = gathered.subarray(12))
        answer(requestIn(gathered, socket), requests++)
    })
  }).listen(port, "127.0.0.1")
  await once(server, "listening")
  return {
    port: (server.address() as AddressInfo).port,
    requests: () => requests,
    connections: () => connections,
    open: () => sockets.size,
    /** Ends the connections and goes on listening. */
    hangUp() {
      for (const socket of sockets) socket.destroy()
    },
    /**
     * Resolves when the other side has given back every connection: what is written to one that was only ended by
     * half would still be taken.
     */
    async allGivenBack() {
      while (sockets.size > 0) {
        for (const socket of sockets) socket.write(Uint8Array.of(0))
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    async close() {
      const closed = once(server, "close")
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

function requestIn(bytes: Buffer, socket: Socket): Request {
  const transaction = bytes.readUInt16BE(0)
  const unit = bytes.readUInt8(6)
  const code = bytes.readUInt8(7)
  const count = bytes.readUInt16BE(10)
  const answer: Request["answer"] = (pdu, over = {}) => {
    const head = Buffer.alloc(7)
    head.writeUInt16BE(over.transaction ?? transaction, 0)
    head.writeUInt16BE(over.length ?? pdu.length + 1, 4)
    head.writeUInt8(over.unit ?? unit, 6)
    if (!socket.destroyed) socket.write(Buffer.concat([head, Uint8Array.from(pdu)]))
  }
  return {
    transaction,
    unit,
    function: code,
    address: bytes.readUInt16BE(8),
    count,
    socket,
    answer,
    registers(values) {
      const asked = values.slice(0, count)
      answer([code, 2 * asked.length, ...asked.flatMap((value) => [value >> 8, value & 0xff])])
    },
  }
}

/** Registers of an SDM630 from 52 on as its profile reads them, each value a float32. */
export function sdm630Block(powerW: number, importedKWh: number, exportedKWh = 0): number[] {
  const bytes = Buffer.alloc(48)
  bytes.writeFloatBE(powerW, 0)
  bytes.writeFloatBE(importedKWh, 40)
  bytes.writeFloatBE(exportedKWh, 44)
  return Array.from({ length: 24 }, (_, i) => bytes.readUInt16BE(2 * i))
}
