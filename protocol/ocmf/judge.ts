import type { Reading } from "../reading.ts"
import { judgeSeries, type Series } from "./series.ts"

/** What examining a signed record of any format on its own has brought up. */
export interface Evidence {
  /** Why the signature does not hold; undefined where it holds, null where there was no key to check it with. */
  readonly forged: string | undefined | null
  /** The key that the signature was checked with came with the record, and nobody vouches for it. */
  readonly keyUnproven?: boolean
  /** What in the record speaks against settling on it. */
  readonly doubts: readonly string[]
  /** Records of one meter and one counter have one name here, and are judged together. */
  readonly series: string
  /** What the record says, a reading for each moment; none where it says nothing that can be settled on. */
  readonly readings: readonly Reading[]
  /** What was signed: two records with one number that differ here contradict each other. */
  readonly message: Uint8Array
}

/** The two answers to a record, and the reasons for each that is not true. */
export interface Answers {
  /** Well-formed and signed by the key; null where there was no key. */
  readonly valid: boolean | null
  /** Fit to be settled on; null where only the key is wanting. */
  readonly usable: boolean | null
  readonly reasons: readonly Reason[]
}

export interface Reason {
  readonly about: "valid" | "usable"
  readonly reason: string
}

/**
 * Makes a judge of records, who takes them one after another and holds each against those of its meter that came
 * before. A record that its meter did not sign says nothing about that meter, and is not remembered.
 */
export function createJudge(): (record: Evidence | { malformed: string }) => Answers {
  const seriesOf = new Map<string, Series>()
  return (record) => {
    if ("malformed" in record) return answer(false, [record.malformed], [])
    const { forged, series, readings, message } = record
    if (typeof forged === "string") return answer(false, [forged], record.doubts)
    const doubts = [...record.doubts]
    if (readings.length > 0) {
      const judged = judgeSeries(seriesOf.get(series), readings, message)
      seriesOf.set(series, judged.series)
      doubts.push(...judged.doubts)
    }
    if (forged === null) return answer(null, ["no key was given: the signature was not checked"], doubts)
    return record.keyUnproven ? withUnprovenKey(answer(true, [], doubts)) : answer(true, [], doubts)
  }
}

/** Whoever made the file may have made the key: only the meter's own, from its registration or label, proves it. */
function withUnprovenKey({ valid, usable, reasons }: Answers): Answers {
  const reason = "the key came with the record: compare it with the meter's own"
  return { valid, usable: usable && null, reasons: [{ about: "usable", reason }, ...reasons] }
}

function answer(valid: boolean | null, whyNotValid: readonly string[], doubts: readonly string[]): Answers {
  const notValid = { true: [], false: ["it is not valid"], null: ["the signature was not checked"] }[
    `${valid}`
  ]
  return {
    valid,
    usable: doubts.length > 0 ? false : valid,
    reasons: [
      ...whyNotValid.map((reason) => ({ about: "valid", reason }) as const),
      ...[...notValid, ...doubts].map((reason) => ({ about: "usable", reason }) as const),
    ],
  }
}
