import { fromHex } from "./hex.ts"
import { type MeterKey, meterKey, type Scheme, schemeFacts } from "./meter.ts"
import { keyOnCurve, parseKey } from "./ocmf/key.ts"

/**
 * Reads a meter's public key as a person gives it. Ed25519: 32 bytes of hexadecimal. All others: as on the meter's
 * label or in its registers (SubjectPublicKeyInfo), or the point alone, in hexadecimal or base64 (`parseKey`).
 * @throws Error saying what is wrong.
 */
export function readMeterKey(scheme: Scheme, text: string): MeterKey {
  const { curve } = schemeFacts(scheme)
  return meterKey(scheme, curve ? keyOnCurve(parseKey(text), curve).point : fromHex(text))
}
