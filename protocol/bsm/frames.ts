import { concatBytes } from "../hex.ts"
import { snapshotBytes } from "./layout.ts"
import { MalformedBsm } from "./malformed.ts"

const readHoldingRegisters = 3
/** Unit, function and byte count before the registers, CRC behind them (Modbus over Serial Line 1.02, 2.5.1). */
const envelopeBytes = 5

/** CRC-16 of Modbus over Serial Line 1.02, 6.2.2: polynomial 0xa001 reflected, from 0xffff, sent low byte first. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0xffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1
  }
  return crc
}

/** Whether bytes have the outer form of a reply to a register read; their CRC is `readFrame`'s concern. */
export function looksLikeFrame(bytes: Uint8Array): boolean {
  return bytes.length > envelopeBytes && bytes[1] === readHoldingRegisters
}

/**
 * Checks one RTU reply frame.
 * @returns its unit and its registers' bytes.
 * @throws MalformedBsm when it was damaged on the wire or is no reply to a register read.
 */
export function readFrame(frame: Uint8Array): { unit: number; registers: Uint8Array } {
  if (!looksLikeFrame(frame)) throw new MalformedBsm("A frame is not a reply to a read of holding registers.")
  const body = frame.subarray(0, -2)
  const sent = frame[frame.length - 2]! | (frame[frame.length - 1]! << 8)
  if (crc16(body) !== sent) throw new MalformedBsm("A frame was damaged on the wire: its CRC is wrong.")
  if (frame[2] !== frame.length - envelopeBytes || frame[2]! % 2 === 1)
    throw new MalformedBsm("A frame's byte count is not that of the registers in it.")
  return { unit: frame[0]!, registers: frame.slice(3, -2) }
}

/**
 * Joins the frames of one snapshot, which takes three reads because a reply has at most 125 registers, to its
 * register image. That they are in order and of one snapshot is for the signature to show.
 * @throws MalformedBsm
 */
export function joinFrames(frames: readonly Uint8Array[]): Uint8Array {
  const replies = frames.map(readFrame)
  if (new Set(replies.map(({ unit }) => unit)).size > 1)
    throw new MalformedBsm("The frames are of different Modbus units.")
  const image = concatBytes(...replies.map(({ registers }) => registers))
  if (image.length !== snapshotBytes)
    throw new MalformedBsm(
      `The frames hold ${image.length} bytes of registers, a snapshot has ${snapshotBytes}.`,
    )
  return image
}
