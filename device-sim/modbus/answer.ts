import type { Device, Line, Table } from "../devices/device.ts"
import { registerBytes } from "./image.ts"

/** A device behind a bus. */
export interface Unit {
  device: Device
  line(): Line
}

/** Exception codes: MODBUS Application Protocol Specification V1.1b3, 7. */
export const Exception = {
  illegalFunction: 1,
  illegalDataAddress: 2,
  illegalDataValue: 3,
  gatewayTargetFailedToRespond: 0x0b,
} as const

/**
 * The answer to a request (function code and data, without unit and checksum). A unit that is not there is
 * answered as a TCP gateway does: the target failed to respond.
 */
export function answer(units: ReadonlyMap<number, Unit>, unit: number, request: Uint8Array): Uint8Array {
  const code = request[0] ?? 0
  const exception = (reason: number) => Uint8Array.of(code | 0x80, reason)
  const target = units.get(unit)
  if (!target) return exception(Exception.gatewayTargetFailedToRespond)
  const table: Table | undefined = code === 3 ? "holding" : code === 4 ? "input" : undefined
  if (!table) return exception(Exception.illegalFunction)
  if (request.length !== 5) return exception(Exception.illegalDataValue)
  const view = new DataView(request.buffer, request.byteOffset)
  const count = view.getUint16(3)
  if (count < 1 || count > target.device.maxRegisters) return exception(Exception.illegalDataValue)
  const bytes = registerBytes(target.device, table, view.getUint16(1), count, target.line())
  if (!bytes) return exception(Exception.illegalDataAddress)
  const response = new Uint8Array(2 + bytes.length)
  response[0] = code
  response[1] = bytes.length
  response.set(bytes, 2)
  return response
}
