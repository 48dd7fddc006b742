import { read } from "node:fs"
import { promisify } from "node:util"
import { SerialPort } from "serialport"

export interface SerialSettings {
  path: string
  baudRate: number
  parity?: "none" | "even" | "odd"
  stopBits?: 1 | 2
}

/** What serialport's port on Linux and macOS is made of; its types name only what all systems have. */
interface UnixPort {
  readonly isOpen: boolean
  readonly fd: number | null
  readonly poller: { once(event: "readable", told: (error: Error | null) => void): void }
}

type Options = ConstructorParameters<typeof SerialPort>[0]

const readFile = promisify(read)

/**
 * A serial port that is told when its adapter is pulled out. Linux answers a read of a terminal that was hung up with
 * 0 bytes at once, and @serialport/bindings-cpp 13 takes that for nothing new and reads again, for ever: the
 * process spins and its memory grows until it is killed. Here it is the end of the port.
 */
export function serialPort(settings: SerialSettings): SerialPort {
  // The package takes another binding than its own; its types do not say so.
  return new SerialPort({ ...settings, dataBits: 8, autoOpen: false, binding } as Options)
}

const { binding: system } = SerialPort
const binding = {
  ...system,
  async open(options: never) {
    const port = await system.open(options)
    if (process.platform === "win32") return port
    const unix = port as unknown as UnixPort
    return Object.assign(port, {
      read: (buffer: Buffer, offset: number, length: number) => readSome(unix, buffer, offset, length),
    })
  },
}

async function readSome(port: UnixPort, buffer: Buffer, offset: number, length: number) {
  for (;;) {
    if (!port.isOpen || port.fd === null) throw closed()
    const bytesRead = await readFile(port.fd, buffer, offset, length, null).then(
      (read) => read.bytesRead,
      (error: NodeJS.ErrnoException) => {
        if (error.code !== "EAGAIN" && error.code !== "EINTR") throw port.isOpen ? gone(error) : closed()
      },
    )
    if (bytesRead === 0) throw gone()
    if (bytesRead !== undefined) return { bytesRead, buffer }
    // Once closed it has no poller any more: to ask it then ends the process.
    if (!port.isOpen) throw closed()
    await readable(port)
  }
}

function readable({ poller }: UnixPort): Promise<void> {
  return new Promise((resolve, reject) => {
    poller.once("readable", (error) => {
      if (!error) resolve()
      else reject("canceled" in error ? error : gone(error))
    })
  })
}

function closed(): Error {
  return Object.assign(new Error("the serial port is closed"), { canceled: true })
}

function gone(cause?: unknown): Error {
  return Object.assign(new Error("the serial port is gone", { cause }), { disconnect: true })
}
