/** What a device can know of the line it sits in. Energy in whole Wh, power in W. */
export interface Line {
  /** Counted in the direction that the device calls import; which way generation goes, its kind says. */
  importWh: bigint
  exportWh: bigint
  /** Whether the energy registers show numbers; a faulty device shows its "not a number" instead. */
  readable: boolean
  /** Each of three phases; positive in the direction of import. Of a single-phase line the others are dead. */
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

export type RegisterType =
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "float32"
  | { readonly string: number }

/** What a register shows; undefined is the type's "not a number". */
export type Shown = number | bigint | string | undefined

/** One value of a device's map. */
export interface Entry {
  table: Table
  address: number
  type: RegisterType
  name: string
  /** In V, A, W, VA, var, Hz, degrees or Wh. */
  shows(line: Line): Shown
  /** How many of those one count of the register stands for; 1 if absent. */
  scale?: number
  /** Read only by a request for this one value: a longer read meets another value there. */
  alone?: true
}

/** A kind of device is data: what can be read where. Inside a span, what no entry shows reads 0. */
export interface Device {
  model: string
  phases: 1 | 3
  /** Which half of a value of more than one register comes first; `big` if absent. */
  wordOrder?: "big" | "little"
  /** What a signed register shows that has no number; the smallest it can hold if absent. */
  notANumber?: "largest"
  /** How many registers it gives in one answer; the protocol allows 125. */
  maxRegisters: number
  /** True where functions 3 and 4 read the same registers: then all entries are of table `input`. */
  oneTable?: true
  spans: readonly { table: Table; address: number; count: number }[]
  entries: readonly Entry[]
}

/** A unit on a bus, as the bus sees it. */
export interface Unit {
  /** How many registers it gives in one answer. */
  readonly maxRegisters: number
  /** The bytes of `count` registers, big-endian; undefined when the unit has not got them all. */
  read(table: Table, address: number, count: number): Uint8Array | undefined
  /** Writes holding registers; false when it has not got them all. Absent where nothing can be written. */
  write?(address: number, registers: Uint8Array): boolean
}
