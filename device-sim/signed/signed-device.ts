import type { Line } from "../devices/device.ts"
import { type Operation, operationAt } from "../faults/operation.ts"
import { isActive, secondsPerReading } from "../meter.ts"
import type { FaultSpec, ModbusMeterSpec } from "../scenario.ts"
import type { EcdsaKey } from "./ecdsa.ts"

/** A meter on a bus that signs what it shows. */
export interface SignedDevice {
  meter: ModbusMeterSpec
  faults: readonly FaultSpec[]
  key: EcdsaKey
  serial: number
  line(): Line
  /** Virtual Unix seconds. */
  now(): number
  /** Milliseconds of real time. */
  wallNow(): number
  /** Virtual Unix seconds. */
  bootedAt: number
  /** How many numbers were used before this process began. */
  signedBefore: number
}

/** How long a signature takes, in real time: long enough to be met busy, short enough for a test. */
export const signingMs = 150

/** How the scenario's faults have the meter at the moment. */
export function operationOf({ meter, faults, now }: SignedDevice): Operation {
  return operationAt(faults, now(), secondsPerReading(meter))
}

/** A signature over what the meter shows, unless a fault has it signed by a stranger. */
export function signAs({ meter, faults, key, now }: SignedDevice, message: Uint8Array): Uint8Array {
  return isLying("wrong-key", { meter, faults, now }) ? key.signWrongly(message) : key.sign(message)
}

export function isLying(
  name: "wrong-key" | "tampered",
  { meter, faults, now }: Pick<SignedDevice, "meter" | "faults" | "now">,
): boolean {
  return faults.some((spec) => spec.fault === name && isActive(spec, 1, meter, now()))
}
