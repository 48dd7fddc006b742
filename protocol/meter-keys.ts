import { fromHex, type Hex } from "./hex.ts"
import { type MeterKey, meterKey, type Scheme, type VerifyingKey } from "./meter.ts"
import type { SignedReading } from "./reading.ts"
import { verifySignature } from "./signature.ts"

/** A key that a meter got after its first, as the registry has it. */
export interface LaterKey {
  scheme: Scheme
  publicKey: Hex
  /** From when on it is in force, by the time that readings say, Unix seconds. */
  from: number
}

/** A key of a meter's, and since when it is in force. */
export type KeySince = VerifyingKey & { readonly from: number }

/**
 * A meter's keys in order: the first, of which its meterId is made, and those after it.
 * @throws Error when one is no key, or they are not in the order of their times.
 */
export function keysSince(first: MeterKey, later: readonly LaterKey[] = []): readonly KeySince[] {
  const keys: KeySince[] = [{ ...first, from: 0 }]
  for (const { scheme, publicKey, from } of later) {
    if (from <= keys.at(-1)!.from) throw new Error("The meter's keys are not in the order of their times.")
    keys.push({ ...meterKey(scheme, fromHex(publicKey)), from })
  }
  return keys
}

/** Which of a meter's keys is in force at a time. */
export function keyIndexAt(keys: readonly KeySince[], time: number): number {
  return Math.max(
    0,
    keys.findLastIndex(({ from }) => from <= time),
  )
}

/** Which of a meter's keys signed this; undefined where none did. */
export function signedWith(keys: readonly KeySince[], signed: SignedReading): number | undefined {
  const index = keys.findIndex((key) => verifySignature(key, signed))
  return index < 0 ? undefined : index
}
