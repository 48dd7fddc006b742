/** One read of neighbouring registers: function 3 holding, 4 input; at most 125 registers. */
export interface BlockRead {
  function: 3 | 4
  address: number
  count: number
}

/**
 * One unit on a bus, as a device sees it. Requests of all units of a bus take turns; each is answered or rejected
 * in time, and no late reply answers a later request.
 */
export interface Unit {
  /** Registers whose transmission costs as much on this bus as one more request: for `planReads`. Absent: none. */
  readonly gap?: number
  /**
   * @param onTurn called when the request's turn has come, just before it goes out.
   * @throws ModbusException when the unit refuses; other errors when no sound answer came.
   */
  read(block: BlockRead, onTurn?: () => void): Promise<Buffer>
  /** Writes holding registers (function 16). */
  write(address: number, words: readonly number[]): Promise<void>
}

/** What a device says of itself. */
export interface Identity {
  maker?: string
  model?: string
  serial?: string
  firmware?: string
  /** What it can give at most, W. */
  ratedW?: number
}

/** One point as it was read. A value that is not there is absent, and `quality` says why: it is never 0 instead. */
export interface PointValue {
  name: string
  quality: "good" | "not-implemented" | "out-of-range"
  /** Integers that may exceed 2^53 are bigint. */
  value?: bigint | number | string
  unit?: string
  /** The step between neighbouring values here, in the same unit. */
  resolution?: number
}

/** A plain meter's registers, whole Wh; `resolutionWh` is the step of its coarsest register, rounded up. */
export interface Snapshot {
  registers: { generatedWh?: bigint; importedWh?: bigint; exportedWh?: bigint }
  /** Absent where the meter shows none. */
  powerW?: number
  resolutionWh: number
}

/** What a meter signed itself, byte for byte. */
export interface SignedRecord {
  format: "bsm" | "ocmf"
  bytes: Uint8Array
}

/** What one poll brought. */
export interface Polled {
  /** When the registers were asked for, Unix seconds. */
  time: number
  points: PointValue[]
  /** Of a plain meter: what the gateway signs. */
  snapshot?: Snapshot
  /** Of a meter with a key of its own. */
  signed?: SignedRecord
}

/** A kind of device at work on one unit; it remembers what it found there until it is made anew. */
export interface Device {
  /** The rest that it wants before each request, ms. */
  readonly pauseMs?: number
  /** Asked after each opening of the bus. @throws WrongDevice where something else answers. */
  identify(unit: Unit): Promise<Identity>
  /**
   * Reads the points that are due.
   * @param now Unix seconds; asked again when a request's turn has come.
   * @throws UnusableRegister when the registers that count show nothing that can be counted.
   */
  poll(unit: Unit, now: () => number): Promise<Polled>
}

/** Another device answers than the one that is configured. */
export class WrongDevice extends Error {
  override name = "WrongDevice"
}

/** The unit answered with a Modbus exception: the connection is sound, the request is not. */
export class ModbusException extends Error {
  override name = "ModbusException"
  /** Modbus Application Protocol Specification 1.1b3, 7. */
  readonly code: number

  constructor(message: string, code: number, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The unit does not have what was asked for: codes 1 to 4. The others say that it cannot answer at the moment. */
export function isRefusal(error: unknown): error is ModbusException {
  return error instanceof ModbusException && error.code >= 1 && error.code <= 4
}

/** The meter answered, but not with something that can be counted. */
export class UnusableRegister extends Error {
  override name = "UnusableRegister"
  /** What it showed all the same. */
  readonly points: readonly PointValue[]

  constructor(message: string, points: readonly PointValue[] = []) {
    super(message)
    this.points = points
  }
}
