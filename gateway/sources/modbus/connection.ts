import { EventEmitter } from "node:events"
import ModbusSerial from "modbus-serial"
import { type BlockRead, ModbusException } from "./device.ts"
import { BrokenFrame, type Framing, hasGoodCrc } from "./framing.ts"
import type { Line, OpenLine } from "./line.ts"

// The package is CommonJS with its class as `default` too; Node hands over the module object.
const ModbusClient = ModbusSerial as unknown as typeof ModbusSerial.default

/** What is asked of a unit. */
export type Request = { unit: number } & (
  | ({ kind: "read" } & BlockRead)
  | { kind: "write"; address: number; words: readonly number[] }
)

/** Nothing that is the answer came in time. */
export class NoAnswer extends Error {
  override name = "NoAnswer"
}

/** The line went away. */
export class LineLost extends Error {
  override name = "LineLost"
}

/** An open line with modbus-serial on it. One request at a time. */
export interface Connection {
  readonly isOpen: boolean
  /** When something was last sent or came, ms of the monotonic clock. */
  readonly lastActive: number
  /**
   * The registers of a read; nothing of a write.
   * @throws ModbusException, NoAnswer, BrokenFrame, LineLost
   */
  ask(request: Request, timeoutMs: number): Promise<Buffer>
  close(): Promise<void>
}

/** The system may hand over late what came in time: after a time-out one more look. */
const lastLookMs = 10

/**
 * The port that modbus-serial is given, in place of its own, which take any reply of the right length for the answer
 * or wait for a reply with a number that comes again after 256 requests. It hands modbus-serial the one reply that
 * fits the one request that is out, and nothing else.
 */
class ReplyPort extends EventEmitter {
  // modbus-serial looks up the waiting request by these: there is one.
  _transactionIdRead = 1
  _transactionIdWrite = 1
  isOpen = true
  request: Buffer | undefined
  received = Buffer.alloc(0)
  #sent = 0
  readonly #send: (bytes: Buffer) => void
  readonly #framing: Framing

  constructor(framing: Framing, send: (bytes: Buffer) => void) {
    super()
    this.#framing = framing
    this.#send = send
  }

  open(opened: () => void): void {
    opened()
  }

  write(request: Buffer): void {
    this.request = request
    this.received = Buffer.alloc(0)
    this.#send(this.#framing.wrap(request, ++this.#sent))
  }

  /** @throws BrokenFrame */
  take(bytes: Buffer): void {
    if (!this.request) return
    this.received = Buffer.concat([this.received, bytes])
    const reply = this.#framing.find(this.received, this.request, this.#sent)
    if (!reply) return
    this.request = undefined
    this.emit("data", reply)
  }
}

/** @param quietMs a reply of which nothing more came for so long is over; 0 where only time tells. */
export async function connect(
  open: OpenLine,
  framing: Framing,
  quietMs: number,
  monotonic: () => number,
): Promise<Connection> {
  let fail: ((error: Error) => void) | undefined
  let silence: NodeJS.Timeout | undefined
  let lastActive = monotonic()
  let line: Line | undefined

  const port = new ReplyPort(framing, (bytes) => {
    lastActive = monotonic()
    line?.write(bytes)
  })
  const client = new ModbusClient(port)
  client.open()

  line = await open({
    received(bytes) {
      lastActive = monotonic()
      try {
        port.take(bytes)
      } catch (error) {
        fail?.(error as Error)
      }
      if (!port.request || quietMs === 0) return
      clearTimeout(silence)
      silence = setTimeout(() => {
        // A whole frame that is not the answer is one that nobody waits for any more: the answer may still come.
        if (port.request && !hasGoodCrc(port.received)) fail?.(new BrokenFrame(broken(port.received)))
      }, quietMs)
    },
    lost(reason) {
      port.isOpen = false
      // At once: an adapter that is plugged in again gets its old name only where nobody holds on to it.
      void line?.close()
      fail?.(new LineLost(reason))
    },
  })
  lastActive = monotonic()

  return {
    get isOpen() {
      return port.isOpen
    },
    get lastActive() {
      return lastActive
    },
    ask(request, timeoutMs) {
      let timer: NodeJS.Timeout | undefined
      return new Promise<Buffer>((resolve, reject) => {
        fail = reject
        // modbus-serial's own time-out is off: what it says then would be about a request that is no more.
        timer = setTimeout(() => {
          timer = setTimeout(() => reject(new NoAnswer(noAnswer(timeoutMs, port.received))), lastLookMs)
        }, timeoutMs)
        send(client, request).then(resolve, (error) => reject(inWords(error, request.unit)))
      }).finally(() => {
        clearTimeout(timer)
        clearTimeout(silence)
        fail = undefined
        port.request = undefined
      })
    },
    async close() {
      port.isOpen = false
      await line?.close()
    },
  }
}

async function send(client: InstanceType<typeof ModbusClient>, request: Request): Promise<Buffer> {
  client.setID(request.unit)
  if (request.kind === "write") {
    await client.writeRegisters(request.address, [...request.words])
    return Buffer.alloc(0)
  }
  const { function: code, address, count } = request
  const reply =
    code === 3 ? client.readHoldingRegisters(address, count) : client.readInputRegisters(address, count)
  return (await reply).buffer
}

function inWords(error: { modbusCode?: number; message?: string }, unit: number): Error {
  const { modbusCode, message } = error
  if (modbusCode === undefined) return new BrokenFrame(message ?? String(error), { cause: error })
  return new ModbusException(`unit ${unit} answers with exception ${modbusCode}`, modbusCode, {
    cause: error,
  })
}

function broken(received: Buffer): string {
  return `${received.length} bytes came that are no answer: cut off, disturbed or with a wrong CRC`
}

function noAnswer(timeoutMs: number, received: Buffer): string {
  const what = received.length > 0 ? `; ${received.length} bytes came that are no answer` : ""
  return `did not answer within ${Math.round(timeoutMs)} ms${what}`
}
