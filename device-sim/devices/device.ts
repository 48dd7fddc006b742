/** What a device can know of the line it sits in. Energy in whole Wh, power in W. */
export interface Line {
  /** Counted in the direction that the device calls import: a generation meter is wired that way round. */
  importWh: bigint
  exportWh: bigint
  /** Each of three phases; positive in the direction of import. */
  phases: readonly [Phase, Phase, Phase]
  frequencyHz: number
  unit: number
  serial: number
}

export interface Phase {
  volts: number
  amperes: number
  watts: number
  voltAmperes: number
  vars: number
  powerFactor: number
}

export type Table = "input" | "holding"

/** One value of a device's map. */
export interface Entry {
  table: Table
  address: number
  /** Both take two registers, the high word first. */
  type: "float32" | "uint32"
  name: string
  shows(line: Line): number
}

/** A kind of device is data: what can be read where. Inside a span, what no entry shows reads 0. */
export interface Device {
  model: string
  /** How many registers it gives in one answer; the protocol allows 125. */
  maxRegisters: number
  spans: readonly { table: Table; address: number; count: number }[]
  entries: readonly Entry[]
}
