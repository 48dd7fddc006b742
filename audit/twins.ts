import { CID } from "../protocol/block.ts"
import type { TwinReadings } from "../protocol/equivocation.ts"
import { type MeterReadings, type OpenedEvidence, readEvidence } from "../protocol/evidence.ts"
import { equalBytes, fromHex, type Hex, toHex } from "../protocol/hex.ts"
import { meterIdOf } from "../protocol/meter.ts"
import type { Identity } from "../protocol/seal.ts"
import { readSigned } from "../protocol/signed-reading.ts"
import type { EvidenceSource } from "./evidence-source.ts"
import type { BatchNotes } from "./ledger.ts"

/** Somebody's readings beyond this many are left to the first proofs: one is enough to have a meter suspended. */
const mostProofs = 1_000

/**
 * Finds two different readings with one sequence number under one key that went through unnoticed: by two gateways that
 * each heard one of them, or by one that looked away. Such a second reading is out of order where it stands, so that only
 * a history that has some is read a second time.
 */
export async function findTwins(
  notes: readonly BatchNotes[],
  evidence: EvidenceSource,
  identities: readonly Identity[],
): Promise<TwinReadings[]> {
  const suspects = new Set(
    notes.flatMap(({ doubtful }) =>
      doubtful
        .filter(({ reason }) => reason === "out-of-order" || reason === "key-not-in-force")
        .map(({ meterId, sequence }) => `${meterId} ${sequence}`),
    ),
  )
  if (suspects.size === 0) return []
  const first = new Map<string, { message: Uint8Array; bytes: Uint8Array }>()
  const twins: TwinReadings[] = []
  for (const { line } of notes) {
    const cid = CID.parse(line.evidence)
    let opened: OpenedEvidence
    try {
      opened = await readEvidence(cid, await evidence(cid), identities)
    } catch {
      // That it is not to be had is a finding of its own.
      continue
    }
    for (const meter of [...opened.meters, ...opened.households.flatMap(({ meters }) => meters)])
      for (const { sequence, kid, message, bytes } of signedIn(meter)) {
        if (!suspects.has(`${meter.meterId} ${sequence}`)) continue
        // Each of a meter's keys has sequence numbers of its own.
        const key = `${meter.meterId} ${kid} ${sequence}`
        const earlier = first.get(key)
        if (!earlier) first.set(key, { message, bytes })
        else if (!equalBytes(earlier.message, message) && twins.length < mostProofs)
          twins.push(twinsOf(meter, kid, earlier.bytes, bytes))
      }
  }
  return twins
}

function signedIn({ scheme, readings }: MeterReadings) {
  return readings.flatMap(({ bytes }) => {
    try {
      const { reading, kid, message } = readSigned(scheme, bytes)
      return [{ sequence: reading.sequence, kid: kid && toHex(kid), message, bytes }]
    } catch {
      // Malformed: a finding of its own.
      return []
    }
  })
}

function twinsOf(
  { meterId, scheme, publicKey, laterKeys = [] }: MeterReadings,
  kid: Hex | undefined,
  a: Uint8Array,
  b: Uint8Array,
): TwinReadings {
  const key = laterKeys.find((one) =>
    meterIdOf(one.scheme, fromHex(one.publicKey)).startsWith(kid ?? "none"),
  ) ?? {
    scheme,
    publicKey: toHex(publicKey),
  }
  return {
    kind: "readings",
    meterId,
    scheme: key.scheme,
    publicKey: key.publicKey,
    a: toHex(a),
    b: toHex(b),
  }
}
