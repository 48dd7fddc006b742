import type { Home, Registers } from "../world/home.ts"

/** A meter's true registers, and the numbers of the fault that bends them. */
export interface Sight {
  time: number
  /** When the fault began, Unix seconds. */
  since: number
  shown: Registers
  /** The true registers at another time. */
  registersAt(time: number): Registers
  home: Home
  /** Whole Wh, where the fault has a size and the scenario gives one. */
  wh: bigint | undefined
}

/** A meter whose registers lie: on Modbus the lie is shown, on MQTT it is correctly signed. */
export interface RegisterFault {
  says: string
  /** How many readings it lasts unless the scenario says how long. */
  readings: number
  /** Undefined is not a number. */
  lie(sight: Sight): Registers | undefined
}

export type RegisterFaultName =
  | "counter-drop"
  | "over-rated"
  | "frozen"
  | "zero-at-wake"
  | "midnight-reset"
  | "frozen-at-night"
  | "rollover"
  | "dip"
  | "glitch"
  | "not-a-number"

/** Far above what any home's panels yield between two readings. */
const overRatedWh = 1_000_000n
const day = 86_400
const hour = 3600
/** How long an inverter shows 0 after it woke. */
const wakingSeconds = 600
/** Five digits of kWh. */
const modulusWh = 100_000_000n
const dipWh = 100n
/** One bit that flips. */
const glitchWh = 1n << 30n

const zero: Registers = Object.freeze({ generatedWh: 0n, importedWh: 0n, exportedWh: 0n })

export const registerFaults: Readonly<Record<RegisterFaultName, RegisterFault>> = Object.freeze({
  "counter-drop": {
    says: "The registers read 0 for some readings, correctly signed, then come back.",
    readings: 3,
    lie: () => zero,
  },
  "over-rated": {
    says: "The registers read 1,000,000 Wh too much for some readings, correctly signed, then come back.",
    readings: 3,
    lie: ({ shown, wh = overRatedWh }) => each(shown, (register) => register + wh),
  },
  frozen: {
    says: "The registers stand still for some readings, then continue at the true value.",
    readings: 4,
    lie: ({ since, registersAt }) => registersAt(since),
  },
  "zero-at-wake": {
    says: "For ten minutes after the panels wake in the morning the registers read 0, then the true value.",
    readings: 96,
    lie: ({ time, shown, home }) =>
      home.powerAt(time).generatedW > 0 && home.powerAt(time - wakingSeconds).generatedW === 0 ? zero : shown,
  },
  "midnight-reset": {
    says: "At each midnight (UTC) the registers begin at 0 again.",
    readings: 96,
    lie: ({ time, since, shown, registersAt }) => {
      const midnight = Math.floor(time / day) * day
      if (midnight < since) return shown
      const before = registersAt(midnight)
      return {
        generatedWh: shown.generatedWh - before.generatedWh,
        importedWh: shown.importedWh - before.importedWh,
        exportedWh: shown.exportedWh - before.exportedWh,
      }
    },
  },
  "frozen-at-night": {
    says: "While the panels yield nothing, the registers stand as at the last full hour of light.",
    readings: 96,
    lie: ({ time, shown, registersAt, home }) => {
      if (home.powerAt(time).generatedW > 0) return shown
      let lit = Math.floor(time / hour) * hour
      while (lit > time - day && home.powerAt(lit).generatedW === 0) lit -= hour
      return lit > time - day ? registersAt(lit) : shown
    },
  },
  rollover: {
    says: "The registers have five digits of kWh: from 100,000 kWh (or `wh`) they begin at 0 again.",
    readings: 96,
    lie: ({ shown, wh = modulusWh }) => each(shown, (register) => register % wh),
  },
  dip: {
    says: "The registers read 100 Wh (or `wh`) too little for one reading.",
    readings: 1,
    lie: ({ shown, wh = dipWh }) => each(shown, (register) => (register > wh ? register - wh : 0n)),
  },
  glitch: {
    says: "One bit flips: the registers read 1,073,741,824 Wh (or `wh`) too much for one reading.",
    readings: 1,
    lie: ({ shown, wh = glitchWh }) => each(shown, (register) => register + wh),
  },
  "not-a-number": {
    says: "The energy registers show the device's “not a number”; for Modbus.",
    readings: 3,
    lie: () => undefined,
  },
})

/** What can have a size: `wh` of a fault. */
export const sizedFaults: ReadonlySet<string> = new Set(["over-rated", "rollover", "dip", "glitch"])

export function isRegisterFault(name: string): name is RegisterFaultName {
  return name in registerFaults
}

function each(
  { generatedWh, importedWh, exportedWh }: Registers,
  bend: (register: bigint) => bigint,
): Registers {
  return { generatedWh: bend(generatedWh), importedWh: bend(importedWh), exportedWh: bend(exportedWh) }
}
