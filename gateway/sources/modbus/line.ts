import { Socket } from "node:net"
import { serialPort } from "../../../serial/port.ts"
import type { SerialLine } from "./timing.ts"

/** Bytes in both directions, over a serial line or a network. */
export interface Line {
  write(bytes: Uint8Array): void
  /** Gives the line back at once. Nothing more is told of it. */
  close(): Promise<void>
}

export interface LineEvents {
  received(bytes: Buffer): void
  /** The line is gone: the other side ended it, or an adapter was pulled out. Told once. */
  lost(reason: string): void
}

/** @throws LineRefused */
export type OpenLine = (events: LineEvents) => Promise<Line>

/** A line cannot be opened: why, and what a person can do about it. */
export class LineRefused extends Error {
  override name = "LineRefused"
  readonly next: string | undefined

  constructor(sentence: string, next?: string) {
    super(sentence)
    this.next = next
  }
}

/** Opens TCP connections. Not ended but destroyed: a side that never ends its own would cost a socket each time. */
export function networkLine(host: string, port: number, timeoutMs: number): OpenLine {
  return ({ received, lost }) =>
    new Promise((resolve, reject) => {
      const socket = new Socket()
      const give = once((reason: string) => lost(reason))
      const refuse = (why: string) => {
        clearTimeout(timer)
        socket.destroy()
        reject(
          new LineRefused(`${host}:${port} cannot be reached: ${why}`, "Check the address and the cable."),
        )
      }
      const timer = setTimeout(() => refuse(`no connection within ${timeoutMs} ms`), timeoutMs)
      let open = false
      socket.on("error", (error) => (open ? give(error.message) : refuse(error.message)))
      socket.on("end", () => give("the other side ended the connection"))
      socket.on("close", () => give("the connection was closed"))
      socket.on("data", received)
      socket.connect({ host, port, noDelay: true, keepAlive: true }, () => {
        clearTimeout(timer)
        open = true
        resolve({
          write: (bytes) => void socket.write(bytes),
          async close() {
            give.forget()
            socket.destroy()
          },
        })
      })
    })
}

/** Opens a serial port for this program alone. */
export function serialLine(path: string, { baudRate, parity, stopBits }: SerialLine): OpenLine {
  return ({ received, lost }) =>
    new Promise((resolve, reject) => {
      const port = serialPort({ path, baudRate, parity, stopBits })
      const give = once((reason: string) => lost(reason))
      const close = () =>
        new Promise<void>((closed) => {
          give.forget()
          // An adapter that is gone may fail to close too; there is nothing left to give back then.
          if (port.isOpen) port.close(() => closed())
          else closed()
        })
      port.on("data", received)
      port.on("error", (error) => give(error.message))
      port.on("close", (why?: Error) => give(why?.message ?? "the serial port was closed"))
      port.open((error) => {
        if (error) reject(refusal(path, error))
        else resolve({ write: (bytes) => void port.write(bytes), close })
      })
    })
}

/** serialport has only the system's words, in a message of its own. */
function refusal(path: string, { message }: Error): LineRefused {
  if (/no such file|not a directory/i.test(message))
    return new LineRefused(
      `there is no serial port ${path}`,
      "Plug the adapter in; /dev/serial/by-id has a name for it that stays.",
    )
  if (/lock|busy|temporarily unavailable/i.test(message))
    return new LineRefused(
      `another program has the serial port ${path}`,
      "A serial port serves one program at a time: stop the gateway first, or whichever program has it.",
    )
  if (/permission|access/i.test(message))
    return new LineRefused(
      `this user may not open the serial port ${path}`,
      "Add the user to the group dialout and log in again: usermod -aG dialout USER.",
    )
  return new LineRefused(`the serial port ${path} cannot be opened: ${message.replace(/^Error:? /, "")}`)
}

/** The function, which does its work the first time alone, or never once it is told to forget. */
function once<T extends unknown[]>(work: (...args: T) => void) {
  let done = false
  const first = (...args: T) => {
    if (done) return
    done = true
    work(...args)
  }
  const forget = () => {
    done = true
  }
  return Object.assign(first, { forget })
}
