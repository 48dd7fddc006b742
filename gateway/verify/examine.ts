import {
  type DoubtReason,
  type JudgeRules,
  judge,
  type MeterState,
  type Verdict,
} from "../../energy/judge.ts"
import { equalBytes, type Hex, toHex } from "../../protocol/hex.ts"
import {
  decodeReading,
  MalformedReading,
  maxReadingBytes,
  readingDigest,
  type SignedReading,
} from "../../protocol/reading.ts"
import { verifySignature } from "../../protocol/signature.ts"
import type { Meter } from "../config.ts"

/** What a source hands in. */
export interface IncomingMessage {
  /** Where it came from, for people: "mqtt 192.0.2.7" or "modbus 10.0.0.5:502 unit 1". */
  source: string
  bytes: Uint8Array
  /** The meter that the source says it is from, if it says so. */
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

export type QuarantineReason = RefusalReason | DoubtReason

/** A message that is not an authentic reading; it is kept apart and never reaches a claim. */
export interface Refused {
  kind: "refused"
  reason: RefusalReason
  detail: string
  meterId: Hex | undefined
}

/** A reading that its meter signed, seen for the first time. Whether it counts is the verdict's to say. */
export interface Authentic {
  kind: "authentic"
  meter: Meter
  signed: SignedReading
  digest: Hex
  verdict: Verdict
  /** What the rules remember after it. */
  state: MeterState
}

/** The same reading once more, sent again by a transport that missed our acknowledgement. Nothing to do. */
export interface KnownAlready {
  kind: "known"
}

/** What examination looks up; the journal provides it. */
export interface Known {
  meterByKid(kid: Hex): Meter | undefined
  stateOf(meter: Meter): MeterState
  /** The bytes of an earlier authentic reading with this sequence number. */
  earlier(meter: Meter, sequence: number): Uint8Array | undefined
}

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
  if (bytes.length > maxReadingBytes)
    return refuse("oversized", `${bytes.length} bytes, a reading has at most ${maxReadingBytes}`)
  let signed: SignedReading
  try {
    signed = decodeReading(bytes)
  } catch (error) {
    if (!(error instanceof MalformedReading)) throw error
    return refuse("malformed", error.message)
  }
  const kid = toHex(signed.kid)
  const meter = known.meterByKid(kid)
  if (!meter) return refuse("unknown-meter", `no meter of this site has the key id ${kid}`)
  if (message.claimedMeter && message.claimedMeter !== meter.key.meterId)
    return refuse("wrong-topic", `a reading of ${meter.name} came on another meter's topic`, meter)
  if (!verifySignature(meter.key, signed))
    return refuse("bad-signature", `not signed by the key of ${meter.name}`, meter)

  const earlier = known.earlier(meter, signed.reading.sequence)
  if (earlier) {
    const { sequence } = signed.reading
    if (!equalBytes(decodeReading(earlier).message, signed.message))
      return refuse(
        "equivocation",
        `${meter.name} signed two different readings with sequence ${sequence}`,
        meter,
      )
    return message.redelivered
      ? { kind: "known" }
      : refuse("replayed", `sequence ${sequence} of ${meter.name} was here before`, meter)
  }
  const { verdict, state } = judge(known.stateOf(meter), signed.reading, received, meter, rules)
  return { kind: "authentic", meter, signed, digest: readingDigest(bytes), verdict, state }
}
