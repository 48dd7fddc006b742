import { once } from "node:events"
import { type AddressInfo, createServer, type Socket } from "node:net"
import type { Duplex } from "node:stream"
import { withCrc } from "./framing.ts"

/** A request as it came, whatever its framing. */
export interface Request {
  /** Of Modbus TCP; 0 in RTU. */
  transaction: number
  unit: number
  function: number
  address: number
  count: number
  /** What a write brings. */
  words: number[]
  stream: Duplex
  /** Answers with a PDU of its own: the function and all after it. */
  answer(
    pdu: readonly number[] | Uint8Array,
    over?: { transaction?: number; unit?: number; length?: number },
  ): void
  /** The bytes of that answer, to be disturbed. */
  frame(
    pdu: readonly number[] | Uint8Array,
    over?: { transaction?: number; unit?: number; length?: number },
  ): Buffer
  /** Sends bytes as they are. */
  raw(bytes: Uint8Array): void
  /** Answers as a device would, with the first of these registers. */
  registers(values: readonly number[]): void
}

export type Answer = (request: Request, n: number) => void

/** A device on a network that does with each request what it is told to. */
export async function modbusServer(answer: Answer, port = 0, framing: "tcp" | "rtu" = "tcp") {
  const sockets = new Set<Socket>()
  let latest: Socket
  let requests = 0
  let connections = 0
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connections++
    sockets.add(socket)
    latest = socket.setNoDelay()
    socket.on("error", () => {})
    socket.on("close", () => sockets.delete(socket))
    // A serial server gives what comes on its line to whoever is connected then.
    const to = framing === "tcp" ? () => socket : () => latest
    serve(socket, framing, (request) => answer(request, requests++), to)
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

/** Tells of each request that comes on a stream. */
export function serve(
  stream: Duplex,
  framing: "tcp" | "rtu",
  take: (request: Request) => void,
  to: () => Duplex = () => stream,
): void {
  let gathered = Buffer.alloc(0)
  const headerLength = framing === "tcp" ? 6 : 0
  stream.on("data", (chunk: Buffer) => {
    gathered = Buffer.concat([gathered, chunk])
    for (;;) {
      const body = gathered.subarray(headerLength)
      if (body.length < 6) return
      const isWrite = body[1] === 16
      if (isWrite && body.length < 7) return
      const length = (isWrite ? 7 + body[6]! : 6) + (framing === "rtu" ? 2 : 0)
      if (body.length < length) return
      const transaction = framing === "tcp" ? gathered.readUInt16BE(0) : 0
      gathered = gathered.subarray(headerLength + length)
      take(requestIn(body.subarray(0, length), transaction, framing, to))
    }
  })
}

function requestIn(body: Buffer, transaction: number, framing: "tcp" | "rtu", to: () => Duplex): Request {
  const unit = body.readUInt8(0)
  const code = body.readUInt8(1)
  const count = body.readUInt16BE(4)
  const raw = (bytes: Uint8Array) => {
    if (!to().destroyed) to().write(bytes)
  }
  const frame: Request["frame"] = (pdu, over = {}) => {
    const reply = Buffer.from([over.unit ?? unit, ...pdu])
    if (framing === "rtu") return withCrc(reply)
    const head = Buffer.alloc(6)
    head.writeUInt16BE(over.transaction ?? transaction, 0)
    head.writeUInt16BE(over.length ?? reply.length, 4)
    return Buffer.concat([head, reply])
  }
  const answer: Request["answer"] = (pdu, over) => raw(frame(pdu, over))
  return {
    transaction,
    unit,
    function: code,
    address: body.readUInt16BE(2),
    count,
    words: code === 16 ? Array.from({ length: count }, (_, i) => body.readUInt16BE(7 + 2 * i)) : [],
    stream: to(),
    answer,
    frame,
    raw,
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
