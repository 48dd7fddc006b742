import { createServer } from "node:net"
import type { SerialPort } from "serialport"
import { PersonError } from "../../protocol/error.ts"
import { serialPort } from "../../serial/port.ts"
import type { Unit } from "../devices/device.ts"
import type { BusSpec } from "../scenario.ts"
import { type BusFaultOf, type Port, serve } from "./port.ts"
import { rtuFraming } from "./rtu.ts"
import { tcpFraming } from "./tcp.ts"

/** A running bus with units behind it: a listener, or one end of a serial line. */
export interface Bus {
  /** In words, for the person who starts it. */
  readonly where: string
  /** 0 on a serial line. */
  readonly port: number
  close(): Promise<void>
}

export interface BusOptions {
  /** The fault that holds for a unit's reply just now. */
  faultOf?: BusFaultOf
  log?: (line: string) => void
}

type TcpBusSpec = Extract<BusSpec, { port: number }>
type SerialBusSpec = Extract<BusSpec, { serial: object }>

const maxClients = 32
const idleMs = 5 * 60_000
const reopenMs = 1000

/**
 * Opens a bus. Own code, because modbus-serial's ServerTCP answers frames of any protocol id, takes a length of up
 * to 65,535, asks for 65,535 registers one by one before it refuses them, and writes on to a client that does not
 * read; and no server can be told to fail. Here a frame that cannot be Modbus ends its connection, no client can
 * make us hold more than one frame, and one that does not take its answers is not read from.
 * @throws PersonError when the port cannot be had.
 */
export function startBus(
  bus: BusSpec,
  units: ReadonlyMap<number, Unit>,
  options: BusOptions = {},
): Promise<Bus> {
  return "serial" in bus ? startSerial(bus, units, options) : startListener(bus, units, options)
}

async function startListener(
  { name, host, port, framing = "tcp", replyMs = 0 }: TcpBusSpec,
  units: ReadonlyMap<number, Unit>,
  { faultOf = () => undefined }: BusOptions,
): Promise<Bus> {
  const clients = new Set<Port>()
  const server = createServer((socket) => {
    clients.add(socket)
    socket.on("close", () => clients.delete(socket))
    socket.setNoDelay(true)
    socket.setTimeout(idleMs, () => socket.destroy())
    serve(socket, { framing: framing === "rtu" ? rtuFraming : tcpFraming, units, faultOf, replyMs })
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
  const listening = typeof address === "object" && address ? address.port : port
  return {
    where: `${framing === "rtu" ? "RTU over TCP" : "Modbus TCP"} on ${host}:${listening}`,
    port: listening,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const client of clients) client.destroy()
      }),
  }
}

/** A line that goes away, as a pty does with its other end, is opened again until the bus is closed. */
async function startSerial(
  { name, serial, replyMs = 0 }: SerialBusSpec,
  units: ReadonlyMap<number, Unit>,
  { faultOf = () => undefined, log = () => {} }: BusOptions,
): Promise<Bus> {
  const { path, baudRate = 9600, parity = "none", stopBits = 1 } = serial
  let line: SerialPort
  let closed = false
  let again: NodeJS.Timeout | undefined

  const open = () =>
    new Promise<void>((resolve, reject) => {
      const opened = serialPort({ path, baudRate, parity, stopBits })
      opened.open((error) => {
        if (error) return reject(error)
        line = opened
        serve(opened, { framing: rtuFraming, units, faultOf, replyMs })
        opened.once("close", () => {
          if (closed) return
          log(`Bus "${name}": ${path} is gone; opening it again.`)
          reopen()
        })
        resolve()
      })
    })
  const reopen = () => {
    again = setTimeout(() => {
      open().then(
        () => (closed ? line.destroy() : log(`Bus "${name}": ${path} is open again.`)),
        () => !closed && reopen(),
      )
    }, reopenMs)
  }

  await open().catch((cause: Error) => {
    throw new PersonError(`Bus "${name}" cannot open ${path}: ${cause.message.replace(/^Error: /, "")}.`, {
      next: "Name a serial port, or one end of a line that socat made: see docs/simulation.md.",
      cause,
    })
  })
  return {
    where: `RTU on ${path}, ${baudRate} baud`,
    port: 0,
    close: () =>
      new Promise((resolve) => {
        closed = true
        clearTimeout(again)
        if (line.isOpen) line.close(() => resolve())
        else resolve()
      }),
  }
}
