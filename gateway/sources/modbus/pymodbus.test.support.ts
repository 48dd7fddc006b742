import { type ChildProcess, spawn, spawnSync } from "node:child_process"

const python = "/usr/bin/python3"

/** What skips a test that needs pymodbus: an independent Modbus server. */
export const withoutPymodbus =
  spawnSync(python, ["-c", "import pymodbus.server, pymodbus.datastore, serial_asyncio"]).status === 0
    ? false
    : "python3-pymodbus and python3-serial-asyncio are not installed"

const program = `
import sys, json
from pymodbus.server import StartTcpServer, StartSerialServer
from pymodbus.transaction import ModbusRtuFramer, ModbusSocketFramer
from pymodbus.datastore import ModbusSparseDataBlock, ModbusSlaveContext, ModbusServerContext
given = json.load(sys.stdin)
def unit(words):
    values = {int(address): word for address, word in words.items()}
    block = ModbusSparseDataBlock(values)
    return ModbusSlaveContext(ir=block, hr=block, zero_mode=True)
context = ModbusServerContext(slaves={int(n): unit(w) for n, w in given["units"].items()}, single=False)
framer = ModbusRtuFramer if given["framing"] == "rtu" else ModbusSocketFramer
if "path" in given:
    StartSerialServer(context=context, framer=framer, port=given["path"], baudrate=115200)
else:
    StartTcpServer(context=context, framer=framer, address=("127.0.0.1", given["port"]), allow_reuse_address=True)
`

/** An independent server with units whose registers, holding and input alike, hold these words by address. */
export function pymodbus(
  place: { framing: "tcp" | "rtu"; port: number } | { framing: "rtu"; path: string },
  units: Record<number, Record<number, number>>,
): ChildProcess {
  const child = spawn(python, ["-c", program], { stdio: ["pipe", "ignore", "ignore"] })
  child.stdin.end(JSON.stringify({ ...place, units }))
  return child
}

/** Registers from an address on that hold these values as float32. */
export function floats(address: number, values: readonly number[]): Record<number, number> {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [i, value] of values.entries()) bytes.writeFloatBE(value, 4 * i)
  return Object.fromEntries(
    Array.from({ length: 2 * values.length }, (_, i) => [address + i, bytes.readUInt16BE(2 * i)]),
  )
}
