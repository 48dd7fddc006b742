import { fromHex } from "../protocol/hex.ts"
import { Clock, type Reading } from "../protocol/reading.ts"
import { isRegisterFault, type Message, type Moment, messageFaults } from "./faults.ts"
import { displayAt, isActive } from "./meter.ts"
import type { FaultSpec, MqttMeterSpec } from "./scenario.ts"
import { createSigningKey, type SigningKey } from "./signing-key.ts"
import type { Home } from "./world/home.ts"

/** What a boot changes in a meter's readings. */
export interface Boot {
  /** How often it booted, this time included. */
  boots: number
  /** Virtual Unix seconds. */
  at: number
}

/** A meter that signs its readings: one at each multiple of `every` seconds. */
export interface SigningMeter {
  readonly spec: MqttMeterSpec
  readonly key: SigningKey
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
  const key = createSigningKey(fromHex(spec.secret, 32))
  const nextReading = (time: number) => Math.ceil(time / spec.every) * spec.every
  const first = nextReading(start)

  function readingAt(time: number, { boots }: Boot): Reading {
    const { registers, powerW } = displayAt(spec, home, faults, time)
    const { generatedWh, importedWh, exportedWh } = registers
    return {
      sequence: (time - first) / spec.every + 1,
      time,
      clock: Clock.synchronised,
      clockSets: 1,
      boots,
      ...(spec.measures === "generation" ? { generatedWh } : { importedWh, exportedWh }),
      powerW,
    }
  }

  function messagesAt(time: number, boot: Boot): Message[] {
    const reading = readingAt(time, boot)
    const moment: Moment = {
      reading,
      key,
      sinceBoot: time - boot.at,
      // An older message than this boot's would carry another boot count: an equivocation, not a replay.
      earlier: () => {
        const earliest = nextReading(Math.max(start, boot.at))
        const then = Math.max(earliest, time - replayedReadings * spec.every)
        return then < time ? messagesAt(then, boot)[0]!.payload : key.encode(reading)
      },
    }
    let messages: Message[] = [{ payload: key.encode(reading), once: false }]
    for (const fault of faults) {
      if (isRegisterFault(fault.fault)) continue
      const { readings, lie } = messageFaults[fault.fault]
      if (isActive(fault, readings, spec, time)) messages = lie(messages, moment)
    }
    return messages
  }

  return { spec, key, nextReading, messagesAt }
}
