import { Exception } from "../modbus/answer.ts"
import type { Framing, Request } from "../modbus/framing.ts"

/** A reply on its way out, whole. */
export interface Reply {
  request: Request
  /** The transaction of the request before it on the same connection. */
  before: number
  pdu: Uint8Array
  framing: Framing
}

/** What is put on the wire instead of a reply, one after the other. */
export interface Step {
  afterMs: number
  bytes: Uint8Array
  /** The connection ends with it. */
  cut?: true
}

/** The numbers that a scenario can give a fault. */
export interface BusFaultSize {
  delayMs?: number
  code?: number
}

/** A bus that does not carry what its units say. */
export interface BusFault {
  says: string
  /** Where it can happen; everywhere if absent. */
  only?: "rtu" | "tcp" | "connection"
  bend(reply: Reply, size: BusFaultSize): Step[]
}

export type BusFaultName =
  | "late"
  | "lost"
  | "dead"
  | "exception"
  | "wrong-crc"
  | "truncated"
  | "noise"
  | "other-unit"
  | "stale-id"
  | "id-wrap"
  | "cut"

const lateMs = 1500

/** How long a bus fault lasts unless the scenario says so, seconds. */
export const busFaultSeconds = 900

export const busFaults: Readonly<Record<BusFaultName, BusFault>> = Object.freeze({
  late: {
    says: "Replies come 1.5 s (or `delayMs`) late.",
    bend: (reply, { delayMs = lateMs }) => [{ afterMs: delayMs, bytes: framed(reply) }],
  },
  lost: {
    says: "Requests are answered, and the replies are lost.",
    bend: () => [],
  },
  dead: {
    says: "The unit is not there: silence over RTU, exception 11 of the gateway over Modbus TCP.",
    bend: (reply) =>
      reply.framing.silentWhenAbsent
        ? []
        : [{ afterMs: 0, bytes: framed(reply, exception(reply, Exception.gatewayTargetFailedToRespond)) }],
  },
  exception: {
    says: "Every request is answered with exception 4 (or `code`).",
    bend: (reply, { code = Exception.deviceFailure }) => [
      { afterMs: 0, bytes: framed(reply, exception(reply, code)) },
    ],
  },
  "wrong-crc": {
    says: "The replies' checksums are wrong.",
    only: "rtu",
    bend: (reply) => [{ afterMs: 0, bytes: withLastByteFlipped(framed(reply)) }],
  },
  truncated: {
    says: "Replies stop half-way.",
    bend: (reply) => [{ afterMs: 0, bytes: half(framed(reply)) }],
  },
  noise: {
    says: "Three bytes that mean nothing stand before each reply.",
    bend: (reply) => [{ afterMs: 0, bytes: Uint8Array.of(0x00, 0xff, 0x55, ...framed(reply)) }],
  },
  "other-unit": {
    says: "The next unit's number stands in the replies.",
    bend: ({ request, pdu, framing }) => [
      { afterMs: 0, bytes: framing.frame({ ...request, unit: (request.unit + 1) & 0xff }, pdu) },
    ],
  },
  "stale-id": {
    says: "Replies have the transaction number of the request before.",
    only: "tcp",
    bend: ({ request, before, pdu, framing }) => [
      { afterMs: 0, bytes: framing.frame({ ...request, transaction: before }, pdu) },
    ],
  },
  "id-wrap": {
    says: "Of the transaction number only the low byte comes back.",
    only: "tcp",
    bend: ({ request, pdu, framing }) => [
      { afterMs: 0, bytes: framing.frame({ ...request, transaction: request.transaction & 0xff }, pdu) },
    ],
  },
  cut: {
    says: "The connection is cut in the middle of a reply.",
    only: "connection",
    bend: (reply) => [{ afterMs: 0, bytes: half(framed(reply)), cut: true }],
  },
})

export function isBusFault(name: string): name is BusFaultName {
  return name in busFaults
}

function framed({ request, pdu, framing }: Reply, instead: Uint8Array = pdu): Uint8Array {
  return framing.frame(request, instead)
}

function exception({ request }: Reply, code: number): Uint8Array {
  return Uint8Array.of((request.pdu[0] ?? 0) | 0x80, code)
}

function half(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, Math.floor(bytes.length / 2))
}

function withLastByteFlipped(bytes: Uint8Array): Uint8Array {
  const bent = bytes.slice()
  bent[bent.length - 1] = bent[bent.length - 1]! ^ 0xff
  return bent
}
