import { snapshotBytes } from "./bsm/layout.ts"
import { MalformedBsm } from "./bsm/malformed.ts"
import { readingFromBsm } from "./bsm/reading.ts"
import { parseBsm } from "./bsm/snapshot.ts"
import { nativeScheme, type RecordFormat, type Scheme, schemeFacts } from "./meter.ts"
import { atConnection, atGenerator } from "./ocmf/energy.ts"
import { MalformedOcmf } from "./ocmf/malformed.ts"
import { paginationOf, readingsFromOcmf } from "./ocmf/reading.ts"
import { parseOcmf } from "./ocmf/record.ts"
import { judgeSeries } from "./ocmf/series.ts"
import { decodeReading, MalformedReading, maxReadingBytes, type SignedReading } from "./reading.ts"

/** What is longer is turned away unread. OCMF's longest transactions have some thousand bytes (SPEC.md, 3.7). */
export const maxRecordBytes: Readonly<Record<RecordFormat, number>> = Object.freeze({
  cose: maxReadingBytes,
  bsm: snapshotBytes,
  ocmf: 16_384,
})

/** OCMF counts fiscal and transaction records apart; here every fiscal number stands above every other. */
const fiscalNumbersFrom = 2 ** 52

/**
 * Reads what a meter of this scheme signed, whatever its format: the one place where formats part, for gateway,
 * validators and auditors alike. Does not verify the signature (`verifySignature`).
 * @throws MalformedReading when it is not in the scheme's format, or says nothing that could count.
 */
export function readSigned(scheme: Scheme, bytes: Uint8Array): SignedReading {
  const { format, generation } = schemeFacts(scheme)
  if (format === "cose") return decodeReading(bytes)
  if (bytes.length > maxRecordBytes[format])
    throw new MalformedReading(
      `A record of this meter has at most ${maxRecordBytes[format]} bytes, this has ${bytes.length}.`,
    )
  try {
    return format === "bsm" ? readBsm(scheme, bytes, generation) : readOcmf(bytes, generation)
  } catch (error) {
    if (error instanceof MalformedBsm || error instanceof MalformedOcmf)
      throw new MalformedReading(error.message, { cause: error })
    throw error
  }
}

function readBsm(scheme: Scheme, bytes: Uint8Array, generation: boolean): SignedReading {
  const snapshot = parseBsm(bytes)
  const { reading, doubts } = readingFromBsm(snapshot, generation ? "generatedWh" : "importedWh")
  if (!reading) throw noReading(doubts)
  return { bytes, scheme, reading: withDoubts(reading, doubts), ...signedPart(snapshot) }
}

/** The scheme is that of the curve over which the record is signed: another than the meter's does not verify. */
function readOcmf(bytes: Uint8Array, generation: boolean): SignedReading {
  const record = parseOcmf(bytes)
  const { readings, doubts } = readingsFromOcmf(record, generation ? atGenerator : atConnection)
  const last = readings.at(-1)
  if (!last) throw noReading(doubts)
  const within = judgeSeries(undefined, readings, record.message).doubts
  if (last.sequence >= fiscalNumbersFrom)
    throw new MalformedReading("The pagination (PG) is beyond 2^52 - 1.")
  const fiscal = paginationOf(record)?.context === "F"
  const sequence = fiscal ? fiscalNumbersFrom + last.sequence : last.sequence
  return {
    bytes,
    scheme: nativeScheme("ocmf", record.curve, generation),
    reading: withDoubts({ ...last, sequence }, [...doubts, ...within]),
    ...signedPart(record),
  }
}

function signedPart({ message, signature }: Pick<SignedReading, "message" | "signature">) {
  return { message, signature }
}

function withDoubts(reading: SignedReading["reading"], doubts: readonly string[]): SignedReading["reading"] {
  return doubts.length > 0 ? { ...reading, doubts } : reading
}

function noReading(doubts: readonly string[]): MalformedReading {
  return new MalformedReading(`The record says nothing that could count: ${doubts.join("; ")}.`)
}
