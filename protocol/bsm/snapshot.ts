import { concatBytes, equalBytes } from "../hex.ts"
import { curves } from "../ocmf/curves.ts"
import { readSignature, verifyEcdsa } from "../ocmf/ecdsa.ts"
import type { CurveKey } from "../ocmf/key.ts"
import { MalformedOcmf } from "../ocmf/malformed.ts"
import {
  modelHeader,
  type NumberPoint,
  type PointType,
  points,
  type StringPoint,
  signatureRegister,
  signatureRegisters,
  snapshotBytes,
} from "./layout.ts"
import { MalformedBsm } from "./malformed.ts"

/** A snapshot as it came, with everything that verifying and reading it needs. */
export interface BsmSnapshot {
  /** The register image, verbatim. */
  readonly bytes: Uint8Array
  /** The raw numbers, without their scale factors; "not implemented" included. */
  readonly numbers: Readonly<Record<NumberPoint, number>>
  /** The strings' bytes without their padding. The meter leaves their encoding to whoever writes them. */
  readonly strings: Readonly<Record<StringPoint, Uint8Array>>
  /** The bytes that the signature covers, rebuilt from the registers. */
  readonly message: Uint8Array
  /** r ‖ s. */
  readonly signature: Uint8Array
}

/** What St of SunSpec model 64901 says of a snapshot; only a valid one is one. */
export const statusNames: readonly string[] = [
  "valid",
  "invalid",
  "being updated",
  "failed",
  "failed for want of the enable signal",
  "failed for want of the contactor's feedback",
]

/** SunSpec scale factors are from -10 to 10 (SunSpec Device Information Model, 4.2.8). */
const largestScale = 10

/**
 * Parses the register image of a snapshot, with or without the model's header, and rebuilds the signed message.
 * Whatever is not signed must have its one expected value, so that nothing rides along: padding is zero, and the
 * status says that the snapshot is finished.
 * @throws MalformedBsm
 */
export function parseBsm(input: Uint8Array): BsmSnapshot {
  const hasHeader =
    input.length === modelHeader.length + snapshotBytes &&
    equalBytes(input.subarray(0, modelHeader.length), modelHeader)
  const bytes = input.slice(hasHeader ? modelHeader.length : 0)
  if (bytes.length !== snapshotBytes)
    throw new MalformedBsm(
      `A snapshot of model 64901 has ${snapshotBytes} bytes of registers, this has ${bytes.length}.`,
    )
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const numbers: Record<string, number> = {}
  const strings: Record<string, Uint8Array> = {}
  for (const { name, register, type } of points) {
    if (typeof type === "string") numbers[name] = readNumber(view, 2 * register, type)
    else strings[name] = readString(bytes.subarray(2 * register, 2 * (register + type.string)), name)
  }
  const snapshot = { numbers, strings } as Pick<BsmSnapshot, "numbers" | "strings">
  const { St, Wh_SF, W_SF } = snapshot.numbers
  if (St !== 0)
    throw new MalformedBsm(
      `The snapshot is not finished: its status is ${statusNames[St] ?? "unknown"} (${St}).`,
    )
  for (const [name, scale] of Object.entries({ Wh_SF, W_SF }))
    if (Math.abs(scale) > largestScale)
      throw new MalformedBsm(`The scale factor ${name} is not from -10 to 10.`)
  return {
    bytes,
    ...snapshot,
    message: signedMessage(snapshot),
    signature: signatureOf(bytes, snapshot.numbers),
  }
}

/** Whether this key signed what the registers say. */
export function verifyBsm(snapshot: BsmSnapshot, key: CurveKey): boolean {
  return key.curve === curves.secp256r1 && verifyEcdsa(key, snapshot.message, snapshot.signature)
}

/** `points` says where each fact of this construction is from. */
function signedMessage({ numbers, strings }: Pick<BsmSnapshot, "numbers" | "strings">): Uint8Array {
  const parts: Uint8Array[] = []
  for (const point of points) {
    if (!("signed" in point)) continue
    const { name, signed } = point
    const contents = strings[name as StringPoint]
    const part = new DataView(new ArrayBuffer(contents ? 4 : 6))
    if (contents) {
      part.setUint32(0, contents.length)
    } else {
      // Two's complement in 32 bits for every type: a 16-bit number that is negative keeps its sign.
      part.setInt32(0, numbers[name as NumberPoint])
      part.setInt8(4, "scale" in signed ? numbers[signed.scale] : 0)
      part.setUint8(5, signed.unit)
    }
    parts.push(new Uint8Array(part.buffer))
    if (contents) parts.push(contents)
  }
  return concatBytes(...parts)
}

function readNumber(view: DataView, at: number, type: PointType): number {
  switch (type) {
    case "int16":
    case "sunssf":
      return view.getInt16(at)
    case "enum16":
    case "uint16":
      return view.getUint16(at)
    default:
      return view.getUint32(at)
  }
}

/** Text up to the padding. What stands behind a zero byte would be neither shown nor surely signed. */
function readString(registers: Uint8Array, name: string): Uint8Array {
  const end = registers.indexOf(0)
  if (end < 0) return registers
  if (registers.subarray(end).some((byte) => byte !== 0))
    throw new MalformedBsm(`${name} has bytes behind its end.`)
  return registers.subarray(0, end)
}

function signatureOf(bytes: Uint8Array, { NSig, BSig }: BsmSnapshot["numbers"]): Uint8Array {
  if (NSig !== signatureRegisters || BSig > 2 * signatureRegisters)
    throw new MalformedBsm("The lengths of the signature (NSig and BSig) are not those of a snapshot.")
  const area = bytes.subarray(2 * signatureRegister)
  if (area.subarray(BSig).some((byte) => byte !== 0))
    throw new MalformedBsm("Bytes follow the signature in its registers.")
  try {
    return readSignature(area.subarray(0, BSig), curves.secp256r1, false)
  } catch (error) {
    if (!(error instanceof MalformedOcmf)) throw error
    throw new MalformedBsm(error.message, { cause: error })
  }
}
