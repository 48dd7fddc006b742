import type { Unit } from "../devices/device.ts"

/** Exception codes: MODBUS Application Protocol Specification V1.1b3, 7. */
export const Exception = {
  illegalFunction: 1,
  illegalDataAddress: 2,
  illegalDataValue: 3,
  deviceFailure: 4,
  gatewayTargetFailedToRespond: 0x0b,
} as const

const writeSingle = 6
const writeMultiple = 16
/** The same specification, 6.12. */
const maxWritten = 123

/** A unit's answer to a request (function code and data, without unit and checksum). */
export function answer(unit: Unit, request: Uint8Array): Uint8Array {
  const code = request[0] ?? 0
  const exception = (reason: number) => Uint8Array.of(code | 0x80, reason)
  if (code === 3 || code === 4) {
    if (request.length !== 5) return exception(Exception.illegalDataValue)
    const view = viewOf(request)
    const count = view.getUint16(3)
    if (count < 1 || count > unit.maxRegisters) return exception(Exception.illegalDataValue)
    const bytes = unit.read(code === 3 ? "holding" : "input", view.getUint16(1), count)
    return bytes ? Uint8Array.of(code, bytes.length, ...bytes) : exception(Exception.illegalDataAddress)
  }
  if (!unit.write || (code !== writeSingle && code !== writeMultiple))
    return exception(Exception.illegalFunction)
  const registers = code === writeSingle ? request.subarray(3) : request.subarray(6)
  if (!isWholeWrite(request)) return exception(Exception.illegalDataValue)
  if (!unit.write(viewOf(request).getUint16(1), registers)) return exception(Exception.illegalDataAddress)
  return request.slice(0, 5)
}

/** A unit that is not there, as a TCP gateway answers for it: the target failed to respond. */
export function answerForAbsent(request: Uint8Array): Uint8Array {
  return Uint8Array.of((request[0] ?? 0) | 0x80, Exception.gatewayTargetFailedToRespond)
}

function isWholeWrite(request: Uint8Array): boolean {
  if (request[0] === writeSingle) return request.length === 5
  if (request.length < 8) return false
  const count = viewOf(request).getUint16(3)
  return count <= maxWritten && request[5] === 2 * count && request.length === 6 + 2 * count
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
