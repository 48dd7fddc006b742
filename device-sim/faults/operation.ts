/** A meter that signs and whose clock, memory or counting of its own readings fails: correctly signed all the same. */
export interface OperationFault {
  says: string
  readings: number
}

export type OperationFaultName = "clock-step" | "clock-unsynchronised" | "reboot" | "sequence-reuse"

export const operationFaults: Readonly<Record<OperationFaultName, OperationFault>> = Object.freeze({
  "clock-step": {
    says: "The clock is set an hour back (or by `seconds`), and set right at the end.",
    readings: 4,
  },
  "clock-unsynchronised": {
    says: "The clock shows the right time and says that it is not synchronised.",
    readings: 4,
  },
  reboot: {
    says: "The meter is silent, then comes back with one boot more.",
    readings: 1,
  },
  "sequence-reuse": {
    says: "Each reading has the sequence number of the one before it.",
    readings: 1,
  },
})

const stepSeconds = -3600

/** How a signing meter is at a moment. */
export interface Operation {
  /** By how much its clock is wrong. */
  clockOffset: number
  /** How often its clock was set and how often it booted because of faults. */
  clockSets: number
  boots: number
  synchronised: boolean
  silent: boolean
  reusesSequence: boolean
}

export function isOperationFault(name: string): name is OperationFaultName {
  return name in operationFaults
}

/** When a fault happens, as the scenario has it. */
export interface OperationFaultTimes {
  fault: string
  at: number
  lasts?: number
  seconds?: number
}

/**
 * @param faults those of the meter.
 * @param every seconds between two of its readings.
 */
export function operationAt(faults: readonly OperationFaultTimes[], time: number, every: number): Operation {
  const now: Operation = {
    clockOffset: 0,
    clockSets: 0,
    boots: 0,
    synchronised: true,
    silent: false,
    reusesSequence: false,
  }
  for (const { fault, at, lasts, seconds = stepSeconds } of faults) {
    if (!isOperationFault(fault) || time < at) continue
    const active = time < at + (lasts ?? operationFaults[fault].readings * every)
    if (fault === "clock-step") {
      now.clockSets += active ? 1 : 2
      if (active) now.clockOffset += seconds
    } else if (fault === "reboot") {
      now.boots++
      now.silent ||= active
    } else if (fault === "sequence-reuse") now.reusesSequence ||= active
    else if (active) now.synchronised = false
  }
  return now
}
