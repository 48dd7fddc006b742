import { Clock, type Reading } from "../../protocol/reading.ts"

/** What a meter puts on its topic. A message of a lie is sent `once`: it is not repeated after a lost connection. */
export interface Message {
  payload: Uint8Array
  once: boolean
}

/** How a meter puts a reading into signed bytes, and how it would do so wrongly. */
export interface Writer {
  /** One reading has one byte string. */
  encode(reading: Reading): Uint8Array
  /** Signed by a key that nobody knows. */
  encodeWrongly(reading: Reading): Uint8Array
  /** One byte differs from what was signed: a register by 1 Wh. */
  encodeTampered(reading: Reading): Uint8Array
}

/** A meter at the moment of a reading, as far as a lie needs it. */
export interface Moment {
  reading: Reading
  writer: Writer
  /** Virtual seconds since the meter booted. */
  sinceBoot: number
  /** The message of some readings ago, or the first since the boot. */
  earlier(): Uint8Array
}

/** A meter on MQTT that sends something else, or something more, than its one signed reading. */
export interface MessageFault {
  says: string
  readings: number
  lie(messages: Message[], moment: Moment): Message[]
}

export type MessageFaultName =
  | "tampered"
  | "replay"
  | "clock-1970"
  | "equivocation"
  | "wrong-key"
  | "unsigned"
  | "oversized"

const otherReadingWh = 1_000n
const oversizedBytes = 64 * 1024

export const messageFaults: Readonly<Record<MessageFaultName, MessageFault>> = Object.freeze({
  tampered: {
    says: "One byte of the payload is flipped after signing: a register differs by 1 Wh.",
    readings: 1,
    lie: (messages, { reading, writer }) => lieInstead(messages, () => writer.encodeTampered(reading)),
  },
  replay: {
    says: "An old message is sent again, besides the new one.",
    readings: 1,
    lie: (messages, { earlier }) => [...messages, once(earlier())],
  },
  "clock-1970": {
    says: "Correctly signed, but the time is the seconds since boot and the clock quality unknown.",
    readings: 1,
    lie: (messages, { reading, writer, sinceBoot }) =>
      lieInstead(messages, () =>
        writer.encode({ ...reading, time: sinceBoot, clock: Clock.unknown, clockSets: 0 }),
      ),
  },
  equivocation: {
    says: "A second, different reading with the same sequence number is sent too, correctly signed.",
    readings: 1,
    lie: (messages, { reading, writer }) => [
      ...messages,
      once(writer.encode(plusWh(reading, otherReadingWh))),
    ],
  },
  "wrong-key": {
    says: "Signed by a key that nobody knows, under the right key id.",
    readings: 1,
    lie: (messages, { reading, writer }) => lieInstead(messages, () => writer.encodeWrongly(reading)),
  },
  unsigned: {
    says: "Plain JSON is sent instead of a signed reading.",
    readings: 1,
    lie: (messages, { reading }) =>
      lieInstead(messages, () =>
        new TextEncoder().encode(JSON.stringify(reading, (_, v) => (typeof v === "bigint" ? Number(v) : v))),
      ),
  },
  oversized: {
    says: "A payload of 64 KiB is sent too; a strict broker cuts the connection, and the meter comes back.",
    readings: 1,
    lie: (messages, { reading }) => [
      ...messages,
      once(new Uint8Array(oversizedBytes).fill(reading.sequence & 0xff)),
    ],
  },
})

function once(payload: Uint8Array): Message {
  return { payload, once: true }
}

/** Replaces the meter's own message, which is always the first. */
function lieInstead([own, ...rest]: Message[], bend: (payload: Uint8Array) => Uint8Array): Message[] {
  return own ? [once(bend(own.payload)), ...rest] : rest
}

function plusWh(reading: Reading, wh: bigint): Reading {
  const { generatedWh, importedWh } = reading
  if (generatedWh !== undefined) return { ...reading, generatedWh: generatedWh + wh }
  return { ...reading, importedWh: (importedWh ?? 0n) + wh }
}

export function isMessageFault(name: string): name is MessageFaultName {
  return name in messageFaults
}
