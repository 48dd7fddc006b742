import {
  type DoubtReason,
  type JudgeRules,
  judge,
  type MeterState,
  type Verdict,
} from "../../energy/judge.ts"
import { equalBytes, type Hex, toHex } from "../../protocol/hex.ts"
import { schemeFacts } from "../../protocol/meter.ts"
import { type KeySince, keyIndexAt, signedWith } from "../../protocol/meter-keys.ts"
import { decodeReading, MalformedReading, readingDigest, type SignedReading } from "../../protocol/reading.ts"
import { maxRecordBytes, readSigned } from "../../protocol/signed-reading.ts"
import type { Meter } from "../config.ts"

/** What a source hands in. */
export interface IncomingMessage {
  /** Where it came from, for people: "mqtt 192.0.2.7" or "modbus 10.0.0.5:502 unit 1". */
  source: string
  bytes: Uint8Array
  /** A record in a format of the meter's maker, verbatim; without this, a reading in Commonwatt's own. */
  format?: "bsm" | "ocmf"
  /** The meter that the source says it is from. Only Commonwatt's own readings name it themselves. */
  claimedMeter?: Hex
  /** The transport says that it is sending this again because it saw no acknowledgement. */
  redelivered?: boolean
}

/** Why a message is not an authentic reading, or not a new one. */
export type RefusalReason =
  | "oversized"
  | "malformed"
  | "unknown-meter"
  | "wrong-topic"
  | "bad-signature"
  | "replayed"
  | "equivocation"
  | "key-not-in-force"

export type QuarantineReason = RefusalReason | DoubtReason

/** A message that is not an authentic reading; it is kept apart and never reaches a claim. */
export interface Refused {
  kind: "refused"
  reason: RefusalReason
  detail: string
  meterId: Hex | undefined
}

/** What a meter numbered a reading with: each of its keys has sequence numbers of its own. */
export interface Numbered {
  keyIndex: number
  sequence: number
}

/** A reading that its meter signed, seen for the first time. Whether it counts is the verdict's to say. */
export interface Authentic {
  kind: "authentic"
  meter: Meter
  signed: SignedReading
  /** Which of the meter's keys it is signed with. */
  keyIndex: number
  verdict: Verdict
  /** What the rules remember after it. */
  state: MeterState
}

/** The same reading once more, sent again by a transport that missed our acknowledgement. Nothing to do. */
export interface KnownAlready {
  kind: "known"
  number: Numbered
}

/** What examination looks up; the journal provides it. */
export interface Known {
  meterByKid(kid: Hex): Meter | undefined
  meterById(meterId: Hex): Meter | undefined
  /** All keys that the meter has or had, in order. */
  keysOf(meter: Meter): readonly KeySince[]
  stateOf(meter: Meter): MeterState
  /** The bytes of an earlier authentic reading with this number. */
  earlier(meter: Meter, number: Numbered): Uint8Array | undefined
  /** Whether an earlier reading with this number may have left the journal for the evidence. */
  mayBeForgotten(meter: Meter, number: Numbered): boolean
}

const recordName = { cose: "a reading", bsm: "a BSM snapshot", ocmf: "an OCMF record" } as const

/** Is this true, new, and does it count? Pure but for the look-ups. @param received Unix seconds. */
export function examine(
  message: IncomingMessage,
  received: number,
  known: Known,
  rules: JudgeRules,
): Refused | Authentic | KnownAlready {
  const refuse = (reason: RefusalReason, detail: string, meter?: Meter): Refused => ({
    kind: "refused",
    reason,
    detail,
    meterId: meter?.key.meterId ?? message.claimedMeter,
  })
  const { bytes } = message
  const format = message.format ?? "cose"
  if (bytes.length > maxRecordBytes[format])
    return refuse(
      "oversized",
      `${bytes.length} bytes, ${recordName[format]} has at most ${maxRecordBytes[format]}`,
    )
  let meter: Meter | undefined
  let signed: SignedReading
  try {
    if (format === "cose") {
      const reading = decodeReading(bytes)
      signed = reading
      const kid = toHex(reading.kid)
      meter = known.meterByKid(kid)
      if (!meter) return refuse("unknown-meter", `no meter of this site has the key id ${kid}`)
      if (message.claimedMeter && message.claimedMeter !== meter.key.meterId)
        return refuse("wrong-topic", `a reading of ${meter.name} came on another meter's topic`, meter)
    } else {
      meter = message.claimedMeter && known.meterById(message.claimedMeter)
      if (!meter)
        return refuse("unknown-meter", `no meter of this site is ${message.claimedMeter ?? "named"}`)
      const registered = schemeFacts(meter.key.scheme).format
      if (registered !== format)
        return refuse(
          "malformed",
          `${recordName[format]}; what ${meter.name} sends is ${recordName[registered]}`,
          meter,
        )
      signed = readSigned(meter.key.scheme, bytes)
    }
  } catch (error) {
    if (!(error instanceof MalformedReading)) throw error
    return refuse("malformed", error.message, meter)
  }
  const keys = known.keysOf(meter)
  const keyIndex = signedWith(keys, signed)
  if (keyIndex === undefined) return refuse("bad-signature", `not signed by the key of ${meter.name}`, meter)

  const { sequence } = signed.reading
  const number = { keyIndex, sequence }
  const before = known.stateOf(meter)
  const { keyIndex: latest = 0 } = before
  const isNew = keyIndex > latest || (keyIndex === latest && sequence > before.sequence)
  const earlier = isNew ? undefined : known.earlier(meter, number)
  if (earlier) {
    if (!equalBytes(readSigned(meter.key.scheme, earlier).message, signed.message))
      return refuse(
        "equivocation",
        `${meter.name} signed two different readings with sequence ${sequence}; this one's message has the digest ${readingDigest(signed.message)}`,
        meter,
      )
    return message.redelivered
      ? { kind: "known", number }
      : refuse("replayed", `sequence ${sequence} of ${meter.name} was here before`, meter)
  }
  if (!isNew && known.mayBeForgotten(meter, number))
    return message.redelivered
      ? { kind: "known", number }
      : refuse(
          "replayed",
          `sequence ${sequence} of ${meter.name} is of a time that is settled: it is in the evidence, or will never be`,
          meter,
        )
  const use = { signed: keyIndex, inForce: keyIndexAt(keys, signed.reading.time) }
  const { verdict, state } = judge(before, signed.reading, received, meter, rules, use)
  // Whoever has an old key could fill the disk with what is worth nothing and of which nothing is remembered.
  if (!verdict.accepted && verdict.reason === "key-not-in-force")
    return refuse(verdict.reason, verdict.detail, meter)
  return { kind: "authentic", meter, signed, keyIndex, verdict, state }
}
