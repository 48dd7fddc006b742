import type { Hex } from "../../../protocol/hex.ts"
import { schemeFacts } from "../../../protocol/meter.ts"
import { maxRecordBytes } from "../../../protocol/signed-reading.ts"
import type { Meter } from "../../config.ts"

/** The meters that sign in a format of their maker, with that format. */
export function nativeFormats(meters: readonly Meter[]): ReadonlyMap<Hex, "bsm" | "ocmf"> {
  const formats = new Map<Hex, "bsm" | "ocmf">()
  for (const { key } of meters) {
    const { format } = schemeFacts(key.scheme)
    if (format !== "cose") formats.set(key.meterId, format)
  }
  return formats
}

/** A topic of 84 bytes and MQTT's own. */
const aroundRecord = 128

/** The largest packet that one of these meters' records needs. */
export function largestRecordPacket(meters: readonly Meter[]): number {
  return Math.max(
    0,
    ...[...nativeFormats(meters).values()].map((format) => maxRecordBytes[format] + aroundRecord),
  )
}
