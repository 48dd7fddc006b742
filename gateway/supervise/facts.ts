import type { Anomaly } from "../../energy/anomalies.ts"
import type { Hex } from "../../protocol/hex.ts"

/** What is known of a gateway at one time: plain values, from which alone findings are made. Times are Unix seconds. */
export interface Facts {
  now: number
  meters: readonly MeterFacts[]
  settlement: SettlementFacts
  /** How often a batch is made, seconds. */
  settleEverySeconds: number
  validators: readonly ValidatorFacts[]
  quarantine: readonly QuarantineFacts[]
  machine: MachineFacts
  /** What is odd about meters beside each other and the sun. */
  anomalies: readonly Anomaly[]
  evidence?: EvidenceFacts
  storage?: { problem: string | undefined }
  /** `newest` is 0 where there never was one. */
  backup?: { newest: number; problem: string | undefined }
  deliveries?: readonly DeliveryFacts[]
}

/** This gateway's back-ups at another one. */
export interface DeliveryFacts {
  url: string
  /** When the newest was made that is known to be there whole; 0 for none, undefined before it was asked. */
  newest: number | undefined
  problem: string | undefined
  /** It answers, and does not keep them or not as they were. */
  refused: boolean
}

export interface MeterFacts {
  name: string
  meterId: Hex
  /** The bus on which it is polled; undefined where it sends by MQTT. */
  bus: string | undefined
  /** A meter with a key of its own signs for itself; for others the gateway does, with its own clock. */
  signedBy: "meter" | "gateway"
  /** Of the last reading that counts. */
  lastCounted: number | undefined
  /** After so many seconds without a reading that counts it is silent. */
  patienceSeconds: number
  /** Why the last poll failed. */
  unreachable: string | undefined
  /** Its newest reading, where that is in doubt. */
  doubt: { reason: string; since: number } | undefined
  /** Since when at least no register has moved, where that is long. */
  stillSince: number | undefined
  /** Why its readings count and are not minted. */
  waits: string | undefined
}

/** As settlement says of itself. */
export interface SettlementFacts {
  settledUpTo: number
  doing: string
  problem: string | undefined
  problemSince?: number | undefined
  /** Where the batch at hand is, and since when. */
  state?: string
  batch?: number | undefined
  since?: number | undefined
  nodes?: readonly { name: string; state: string; detail: string | undefined }[]
  /** `enoughFor` is a number of batches. */
  account?: { address: Hex; wei: bigint; enoughFor: number | undefined; low: boolean } | undefined
  challenges: readonly { answered: boolean; deadline: number }[]
}

export interface ValidatorFacts {
  name: string
  /** Of the last batches that validators signed, how many it did not. */
  missed: number
  of: number
  /** Why it last refused, if it refused the newest of them. */
  refusal: string | undefined
}

export interface QuarantineFacts {
  reason: string
  /** Ever. */
  total: number
  /** In the last hour, or since the start where that was later. */
  lately: number
}

export interface EvidenceFacts {
  factor: number
  kept: number
  underReplicated: number
  missing: number
  problem: string | undefined
}

/** The box itself. */
export interface MachineFacts {
  /** Unix seconds of its own clock: a demonstration's time runs at another pace. */
  wallNow: number
  /** Whether somebody vouches for its clock. */
  clockGood: boolean
  certificates: readonly CertificateFacts[]
  disk: { freeBytes: number; totalBytes: number } | undefined
  /** How much of its life a flash memory has used at most, percent, as it says itself. */
  wornPercent: number | undefined
  /** What this program wrote to disk, a day; undefined until enough time has passed. */
  writtenBytesPerDay: number | undefined
  /** When the gateway was started, the last times. */
  starts: readonly number[]
}

export interface CertificateFacts {
  file: string
  /** The end of its validity; undefined where it cannot be read. */
  notAfter: number | undefined
  problem: string | undefined
}
