import { concatBytes } from "../hex.ts"
import { crc16 } from "./frames.ts"
import { points, signatureRegister, snapshotBytes } from "./layout.ts"

/** What a simulated BSM shows; energy and power without their scale factors. */
export interface Shown {
  numbers?: Partial<Record<string, number>>
  strings?: Partial<Record<string, string>>
}

const sound: Record<string, number> = {
  RCR: 15,
  TotWhImp: 10_000,
  Wh_SF: 1,
  W: 250,
  W_SF: 1,
  RCnt: 4278,
  OS: 519_624,
  Epoch: 1_657_267_609,
  TZO: 120,
  EpochSetCnt: 3139,
  EpochSetOS: 519_219,
  DI: 1,
  NSig: 48,
}
const named: Record<string, string> = {
  MA1: "001TEST000000001",
  Meta1: "who: nobody",
  Meta2: "",
  Meta3: "v1",
}

/** The registers of a snapshot as a meter would show them, with a signature over what a test gives. */
export function image({ numbers = {}, strings = {} }: Shown, signature: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(snapshotBytes)
  const view = new DataView(bytes.buffer)
  const values: Record<string, number | undefined> = { ...sound, BSig: signature.length, ...numbers }
  for (const { name, register, type } of points) {
    const at = 2 * register
    if (typeof type !== "string") bytes.set(Buffer.from({ ...named, ...strings }[name]!, "latin1"), at)
    else if (type.endsWith("32")) view.setUint32(at, values[name] ?? 0)
    else view.setInt16(at, values[name] ?? 0)
  }
  bytes.set(signature, 2 * signatureRegister)
  return bytes
}

/** Any signature that is one in form: r and s are 1. */
export const someSignature = Uint8Array.of(0x30, 6, 2, 1, 1, 2, 1, 1)

/** An RTU reply with these registers. */
export function frame(registers: Uint8Array, unit = 42): Uint8Array {
  const body = concatBytes(Uint8Array.of(unit, 3, registers.length), registers)
  const crc = crc16(body)
  return concatBytes(body, Uint8Array.of(crc & 0xff, crc >> 8))
}

/** A snapshot's registers as the three replies in which a master reads them. */
export function frames(bytes: Uint8Array, unit = 42): Uint8Array[] {
  return [frame(bytes.slice(0, 200), unit), frame(bytes.slice(200, 450), unit), frame(bytes.slice(450), unit)]
}
