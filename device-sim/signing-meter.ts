import { fromHex, type Hex } from "../protocol/hex.ts"
import { Clock, type Reading } from "../protocol/reading.ts"
import { isMessageFault, type Message, type Moment, messageFaults, type Writer } from "./faults/message.ts"
import { operationAt } from "./faults/operation.ts"
import { displayAt, isActive } from "./meter.ts"
import type { FaultSpec, MqttMeterSpec } from "./scenario.ts"
import { createEcdsaKey } from "./signed/ecdsa.ts"
import { createOcmfWriter } from "./signed/ocmf.ts"
import { createSigningKey } from "./signing-key.ts"
import type { Home } from "./world/home.ts"

/** What a boot changes in a meter's readings. */
export interface Boot {
  /** How often it booted, this time included. */
  boots: number
  /** Virtual Unix seconds. */
  at: number
}

/** Who a meter is, and how it writes. */
interface Identity {
  readonly meterId: Hex
  /** Its first key. Ed25519: 32 bytes; P-256: SubjectPublicKeyInfo in DER. */
  readonly publicKey: Uint8Array
  /** With the key that is in force at a time, by the meter's own clock. */
  writerAt(time: number): Writer
}

/** A meter that signs its readings: one at each multiple of `every` seconds. */
export interface SigningMeter extends Identity {
  readonly spec: MqttMeterSpec
  readonly topic: string
  /** The first time not before `time` at which there is a reading. */
  nextReading(time: number): number
  /** What the meter sends at that time: its reading, unless a fault bends it. */
  messagesAt(time: number, boot: Boot): Message[]
}

const replayedReadings = 4

/**
 * @param start the world's start: the first multiple from there has sequence 1, so that the sequence is a
 * function of time and no restart uses one twice.
 */
export function createSigningMeter(
  spec: MqttMeterSpec,
  home: Home,
  faults: readonly FaultSpec[],
  start: number,
): SigningMeter {
  const identity = identityOf(spec)
  const { writerAt, meterId } = identity
  const nextReading = (time: number) => Math.ceil(time / spec.every) * spec.every
  const first = nextReading(start)

  function readingAt(time: number, { boots }: Boot): Reading {
    const { registers, powerW } = displayAt(spec, home, faults, time)
    const { generatedWh, importedWh, exportedWh } = registers
    const now = operationAt(faults, time, spec.every)
    const sequence = (time - first) / spec.every + 1
    return {
      sequence: now.reusesSequence ? Math.max(1, sequence - 1) : sequence,
      time: time + now.clockOffset,
      clock: now.synchronised ? Clock.synchronised : Clock.informative,
      clockSets: 1 + now.clockSets,
      boots: boots + now.boots,
      ...(spec.measures === "generation" ? { generatedWh } : { importedWh, exportedWh }),
      powerW,
    }
  }

  function messagesAt(time: number, boot: Boot): Message[] {
    if (operationAt(faults, time, spec.every).silent) return []
    const reading = readingAt(time, boot)
    const writer = writerAt(reading.time)
    const moment: Moment = {
      reading,
      writer,
      sinceBoot: time - boot.at,
      // An older message than this boot's would carry another boot count: an equivocation, not a replay.
      earlier: () => {
        const earliest = nextReading(Math.max(start, boot.at))
        const then = Math.max(earliest, time - replayedReadings * spec.every)
        const [message] = then < time ? messagesAt(then, boot) : []
        return message?.payload ?? writer.encode(reading)
      },
    }
    let messages: Message[] = [{ payload: writer.encode(reading), once: false }]
    for (const fault of faults) {
      if (!isMessageFault(fault.fault)) continue
      const { readings, lie } = messageFaults[fault.fault]
      if (isActive(fault, readings, spec, time)) messages = lie(messages, moment)
    }
    return messages
  }

  const topic = `meters/${meterId}/${spec.format === "ocmf" ? "records" : "readings"}`
  return { ...identity, spec, topic, nextReading, messagesAt }
}

function identityOf({ secret, laterKeys = [], format, name, measures }: MqttMeterSpec): Identity {
  const bytes = fromHex(secret, 32)
  if (format !== "ocmf") {
    const key = createSigningKey(bytes)
    const later = laterKeys.map(({ secret, from }) => ({ from, key: createSigningKey(fromHex(secret, 32)) }))
    const writerAt = (time: number) => later.findLast(({ from }) => from <= time)?.key ?? key
    return { meterId: key.meterId, publicKey: key.publicKey, writerAt }
  }
  const key = createEcdsaKey(bytes, "ocmf", measures === "generation")
  const writer = createOcmfWriter(key, name)
  return { meterId: key.meterId, publicKey: key.publicKey, writerAt: () => writer }
}
