import type { EventEmitter } from "node:events"
import ModbusSerial from "modbus-serial"
import type { BlockRead } from "./profile.ts"

// The package is CommonJS with its class as `default` too; Node hands over the module object.
const ModbusClient = ModbusSerial as unknown as typeof ModbusSerial.default
// Its types do not say that it is an EventEmitter.
type Client = InstanceType<typeof ModbusClient> & EventEmitter

/** One connection to one or several units. Requests take turns, whoever asks. */
export interface Bus {
  /** @param onTurn called when the request's turn has come, just before it goes out. */
  read(unit: number, block: BlockRead, onTurn?: () => void): Promise<Buffer>
  /** Requests that wait are rejected; the one under way comes to its end. */
  close(): void
}

/** The unit answered with a Modbus exception: the connection is sound, the request is not. */
export class ModbusException extends Error {
  override name = "ModbusException"
}

/** Nothing came in time. */
export class BusTimeout extends Error {
  override name = "BusTimeout"
}

export const busTimeoutMs = 2000

/**
 * Opens a Modbus TCP bus. After any failure but an exception the connection is thrown away and the next request
 * opens a new one with a new client: modbus-serial numbers its requests modulo 256 and remembers the ones that
 * timed out, so on an old connection a late reply may answer a new request.
 */
export function openTcpBus(host: string, port: number, timeoutMs = busTimeoutMs): Bus {
  let client: Client | undefined
  let last: Promise<unknown> = Promise.resolve()
  let closed = false

  async function connect() {
    const fresh = new ModbusClient() as Client
    fresh.setTimeout(timeoutMs)
    // Without a listener a broken connection ends the process; the read in flight reports it.
    fresh.on("error", () => {})
    try {
      await withTimeout(fresh.connectTCP(host, { port }), `no connection to ${host}:${port}`, timeoutMs)
    } catch (error) {
      fresh.destroy(() => {})
      throw error
    }
    return fresh
  }

  /** Not `close`, which waits for the other side: one that never ends its side would cost us a socket each time. */
  function discard() {
    client?.destroy(() => {})
    client = undefined
  }

  async function readNow(unit: number, block: BlockRead, onTurn?: () => void): Promise<Buffer> {
    if (closed) throw new Error(`the connection to ${host}:${port} is closed`)
    try {
      // Many devices end a connection that is idle for a while: that is no failure of the unit.
      if (client && !client.isOpen) discard()
      client ??= await connect()
      client.setID(unit)
      onTurn?.()
      return await ask(client, block)
    } catch (error) {
      const code = (error as { modbusCode?: number }).modbusCode
      if (code !== undefined)
        throw new ModbusException(`unit ${unit} answers with exception ${code}`, { cause: error })
      discard()
      throw isTimeout(error)
        ? new BusTimeout(`unit ${unit} did not answer within ${timeoutMs} ms`, { cause: error })
        : new Error(`unit ${unit}: ${describe(error)}`, { cause: error })
    }
  }

  return {
    read(unit, block, onTurn) {
      const turn = last.then(() => readNow(unit, block, onTurn))
      last = turn.catch(() => {})
      return turn
    },
    close() {
      closed = true
      last = last.then(discard)
    },
  }
}

function ask(client: Client, { function: code, address, count }: BlockRead): Promise<Buffer> {
  return new Promise<Buffer>((resolve, reject) => {
    // modbus-serial would wait for its time-out.
    client.once("close", () => reject(new Error("the connection was closed")))
    const request =
      code === 3 ? client.readHoldingRegisters(address, count) : client.readInputRegisters(address, count)
    request.then(({ buffer }) => {
      // It checks the length of the whole reply, and not the number of bytes that the reply says it has.
      if (buffer.length === 2 * count) resolve(buffer)
      else reject(new Error(`${buffer.length} bytes came for ${count} registers`))
    }, reject)
  }).finally(() => client.removeAllListeners("close"))
}

function isTimeout(error: unknown): boolean {
  return error instanceof BusTimeout || (error as { errno?: string }).errno === "ETIMEDOUT"
}

/** modbus-serial rejects with plain objects that carry a name and a message. */
function describe(error: unknown): string {
  const { name, message } = error as { name?: string; message?: string }
  return message ?? name ?? String(error)
}

function withTimeout<T>(work: Promise<T>, what: string, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new BusTimeout(`${what} within ${ms} ms`)), ms)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
