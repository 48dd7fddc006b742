import type { BlockRead } from "./device.ts"

/** How a serial line is set. */
export interface SerialLine {
  baudRate: number
  parity: "none" | "even" | "odd"
  stopBits: 1 | 2
}

/** What a request and its reply have on the wire besides registers, and what a byte costs. */
export interface Wire {
  /** Time of one byte on the wire, ms. */
  byteMs: number
  /** Bytes of a read's request and of its reply without registers. */
  overheadBytes: number
  /** Silence that ends a frame and must come before the next, ms. */
  silenceMs: number
  /** A reply of which nothing has come for so long is over: silence, and what adapters and the system hold back, ms. */
  quietMs: number
  /** How long a device thinks before it answers, as far as one can know beforehand, ms. */
  turnaroundMs: number
}

/** Request: unit, function, address 2, count 2, CRC 2. Reply: unit, function, length, CRC 2. */
const rtuOverheadBytes = 8 + 5
/** The same without CRC, each with a header of 6 bytes more. */
const tcpOverheadBytes = 12 + 9
/** USB adapters hand over what came every 16 ms (FTDI's latency timer), and the system is not of real time. */
const adapterMs = 30
/** UARTs hand over full quarters of a FIFO of 16 to 64 bytes, or what is there after 4 characters of silence. */
const fifoBytes = 20
/** Serial servers wait for some time for more before they send what they have. */
const segmentMs = 100
/** Common meters answer 5 to 50 ms after a request. */
const usualTurnaroundMs = 10

/**
 * A serial line. Start bit, 8 data bits, parity, stop bits; a frame ends with 3.5 characters of silence, 1.75 ms
 * above 19,200 baud (MODBUS over Serial Line V1.02, 2.5.1.1).
 */
export function serialWire({ baudRate, parity, stopBits }: SerialLine): Wire {
  const bits = 1 + 8 + (parity === "none" ? 0 : 1) + stopBits
  const byteMs = (1000 * bits) / baudRate
  return {
    byteMs,
    overheadBytes: rtuOverheadBytes,
    silenceMs: baudRate > 19_200 ? 1.75 : 3.5 * byteMs,
    quietMs: fifoBytes * byteMs + adapterMs,
    turnaroundMs: usualTurnaroundMs,
  }
}

/**
 * A network. Its own bytes cost next to nothing: 10 Mbit/s, the slowest that such devices have. With RTU framing
 * there is a serial line behind it, of which only the usual 9600 baud can be guessed; its server packs what comes
 * into segments as it sees fit.
 */
export function networkWire(framing: "tcp" | "rtu"): Wire {
  if (framing === "rtu")
    return { ...serialWire({ baudRate: 9600, parity: "none", stopBits: 1 }), quietMs: segmentMs }
  return {
    byteMs: 0.0008,
    overheadBytes: tcpOverheadBytes,
    silenceMs: 0,
    quietMs: 0,
    turnaroundMs: usualTurnaroundMs,
  }
}

/** How many registers cost as much as one more request. @param pauseMs the rest before each request. */
export function gapLimit(wire: Wire, pauseMs: number): number {
  const requestMs =
    wire.overheadBytes * wire.byteMs + Math.max(wire.silenceMs, pauseMs) + wire.silenceMs + wire.turnaroundMs
  return Math.floor(requestMs / (2 * wire.byteMs))
}

/** How long a read's request and reply are on the wire at least, ms: no device can answer sooner. */
export function transmissionMs(wire: Wire, { count }: Pick<BlockRead, "count">): number {
  return (wire.overheadBytes + 2 * count) * wire.byteMs + wire.silenceMs
}
