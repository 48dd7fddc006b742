import ModbusSerial from "modbus-serial"
import type { BlockRead } from "./profile.ts"

// The package is CommonJS with its class as `default` too; Node hands over the module object.
const ModbusClient = ModbusSerial as unknown as typeof ModbusSerial.default

/** One connection to one or several units. Requests take turns, whoever asks. */
export interface Bus {
  read(unit: number, block: BlockRead): Promise<Buffer>
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

const timeoutMs = 2000

/**
 * Opens a Modbus TCP bus. After any failure but an exception the connection is thrown away and the next request
 * opens a new one with a new client: modbus-serial numbers its requests modulo 256 and remembers the ones that
 * timed out, so on an old connection a late reply may answer a new request.
 */
export function openTcpBus(host: string, port: number): Bus {
  let client: InstanceType<typeof ModbusClient> | undefined
  let last: Promise<unknown> = Promise.resolve()

  async function connect() {
    const fresh = new ModbusClient()
    fresh.setTimeout(timeoutMs)
    // Without a listener a broken connection ends the process; the read in flight reports it.
    fresh.on("error", () => {})
    await withTimeout(fresh.connectTCP(host, { port }), `no connection to ${host}:${port}`)
    return fresh
  }

  function discard() {
    client?.close(() => {})
    client = undefined
  }

  async function readNow(unit: number, block: BlockRead): Promise<Buffer> {
    try {
      client ??= await connect()
      client.setID(unit)
      const request =
        block.function === 3
          ? client.readHoldingRegisters(block.address, block.count)
          : client.readInputRegisters(block.address, block.count)
      return (await request).buffer
    } catch (error) {
      const code = (error as { modbusCode?: number }).modbusCode
      if (code !== undefined) throw new ModbusException(`unit ${unit} answers with exception ${code}`, { cause: error })
      discard()
      throw isTimeout(error)
        ? new BusTimeout(`unit ${unit} did not answer within ${timeoutMs} ms`, { cause: error })
        : new Error(`unit ${unit}: ${describe(error)}`, { cause: error })
    }
  }

  return {
    read(unit, block) {
      const turn = last.then(() => readNow(unit, block))
      last = turn.catch(() => {})
      return turn
    },
    close: discard,
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof BusTimeout || (error as { errno?: string }).errno === "ETIMEDOUT"
}

/** modbus-serial rejects with plain objects that carry a name and a message. */
function describe(error: unknown): string {
  const { name, message } = error as { name?: string; message?: string }
  return message ?? name ?? String(error)
}

function withTimeout<T>(work: Promise<T>, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new BusTimeout(`${what} within ${timeoutMs} ms`)), timeoutMs)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
