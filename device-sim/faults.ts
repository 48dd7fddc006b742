import { Scheme } from "../protocol/meter.ts"
import { Clock, decodeReading, encodeReading, type Reading } from "../protocol/reading.ts"
import type { SigningKey } from "./signing-key.ts"
import type { Registers } from "./world/home.ts"

/** What a meter puts on its topic. A message of a lie is sent `once`: it is not repeated after a lost connection. */
export interface Message {
  payload: Uint8Array
  once: boolean
}

/** A meter at the moment of a reading, as far as a lie needs it. */
export interface Moment {
  reading: Reading
  key: SigningKey
  /** Virtual seconds since the meter booted. */
  sinceBoot: number
  /** The message of some readings ago, or the first since the boot. */
  earlier(): Uint8Array
}

/** A meter whose registers lie: on Modbus the lie is shown, on MQTT it is correctly signed. */
export interface RegisterFault {
  says: string
  /** How many readings it lasts unless the scenario says how long. */
  readings: number
  /** @param shown the true registers now; @param atStart the true registers when the fault began. */
  lie(shown: Registers, atStart: Registers): Registers
}

/** A meter on MQTT that sends something else, or something more, than its one signed reading. */
export interface MessageFault {
  says: string
  readings: number
  lie(messages: Message[], moment: Moment): Message[]
}

export type RegisterFaultName = "counter-drop" | "over-rated" | "frozen"
export type MessageFaultName =
  | "tampered"
  | "replay"
  | "clock-1970"
  | "equivocation"
  | "wrong-key"
  | "unsigned"
  | "oversized"
export type FaultName = RegisterFaultName | MessageFaultName

/** Far above what any home's panels yield between two readings. */
const overRatedWh = 1_000_000n
const otherReadingWh = 1_000n
const oversizedBytes = 64 * 1024

export const registerFaults: Readonly<Record<RegisterFaultName, RegisterFault>> = Object.freeze({
  "counter-drop": {
    says: "The registers read 0 for some readings, correctly signed, then come back.",
    readings: 3,
    lie: () => ({ generatedWh: 0n, importedWh: 0n, exportedWh: 0n }),
  },
  "over-rated": {
    says: "The registers read 1,000,000 Wh too much for some readings, correctly signed, then come back.",
    readings: 3,
    lie: ({ generatedWh, importedWh, exportedWh }) => ({
      generatedWh: generatedWh + overRatedWh,
      importedWh: importedWh + overRatedWh,
      exportedWh: exportedWh + overRatedWh,
    }),
  },
  frozen: {
    says: "The registers stand still for some readings, then continue at the true value.",
    readings: 4,
    lie: (_, atStart) => atStart,
  },
})

export const messageFaults: Readonly<Record<MessageFaultName, MessageFault>> = Object.freeze({
  tampered: {
    says: "One byte of the payload is flipped after signing: a register differs by 1 Wh.",
    readings: 1,
    lie: (messages, { reading, key }) =>
      lieInstead(messages, (payload) => {
        const { signature } = decodeReading(payload)
        return encodeReading(withLastBitFlipped(reading), Scheme.ed25519, key.kid, () => signature)
      }),
  },
  replay: {
    says: "An old message is sent again, besides the new one.",
    readings: 1,
    lie: (messages, { earlier }) => [...messages, once(earlier())],
  },
  "clock-1970": {
    says: "Correctly signed, but the time is the seconds since boot and the clock quality unknown.",
    readings: 1,
    lie: (messages, { reading, key, sinceBoot }) =>
      lieInstead(messages, () =>
        key.encode({ ...reading, time: sinceBoot, clock: Clock.unknown, clockSets: 0 }),
      ),
  },
  equivocation: {
    says: "A second, different reading with the same sequence number is sent too, correctly signed.",
    readings: 1,
    lie: (messages, { reading, key }) => [...messages, once(key.encode(plusWh(reading, otherReadingWh)))],
  },
  "wrong-key": {
    says: "Signed by a key that nobody knows, under the right key id.",
    readings: 1,
    lie: (messages, { reading, key }) =>
      lieInstead(messages, () => encodeReading(reading, Scheme.ed25519, key.kid, key.signWrongly)),
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

/** Every way in which a meter can lie, with one sentence each. */
export const faultNames: Readonly<Record<FaultName, string>> = Object.freeze(
  Object.fromEntries(
    Object.entries({ ...messageFaults, ...registerFaults }).map(([name, { says }]) => [name, says]),
  ) as Record<FaultName, string>,
)

export function isRegisterFault(name: FaultName): name is RegisterFaultName {
  return name in registerFaults
}

function once(payload: Uint8Array): Message {
  return { payload, once: true }
}

/** Replaces the meter's own message, which is always the first. */
function lieInstead([own, ...rest]: Message[], bend: (payload: Uint8Array) => Uint8Array): Message[] {
  return own ? [once(bend(own.payload)), ...rest] : rest
}

/** CBOR integers that differ in their last bit differ in one byte: no length class ends on an even number. */
function withLastBitFlipped(reading: Reading): Reading {
  const { generatedWh, importedWh } = reading
  if (generatedWh !== undefined) return { ...reading, generatedWh: generatedWh ^ 1n }
  return { ...reading, importedWh: (importedWh ?? 0n) ^ 1n }
}

function plusWh(reading: Reading, wh: bigint): Reading {
  const { generatedWh, importedWh } = reading
  if (generatedWh !== undefined) return { ...reading, generatedWh: generatedWh + wh }
  return { ...reading, importedWh: (importedWh ?? 0n) + wh }
}
