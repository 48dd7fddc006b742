import type { HouseholdRecord } from "../protocol/evidence.ts"

/** What a household's energy of a time meant. Energy in whole Wh, CO2 in whole grams. */
export interface Impact {
  generatedWh: bigint
  /** Of it, what it used itself in the same interval. */
  selfConsumedWh: bigint
  importedWh: bigint
  exportedWh: bigint
  /** Of what it exported, what neighbours used; of what it imported, what came from neighbours. */
  givenWh: bigint
  receivedWh: bigint
  /** What the grid would have emitted for what was generated, by the factor of each hour. */
  avoidedGrams: bigint
  /** Intervals that are in these sums; that are gaps and in none of them; that are in all but the CO2. */
  intervals: number
  gaps: number
  withoutFactor: number
}

/** mg/kWh times Wh in a gram. */
const unitsPerGram = 1_000_000n

/**
 * Adds up a household's intervals. Only what was generated avoids CO2, whoever used it, so that no kWh avoids it twice
 * in a community. The sum is exact, and rounded down to a gram once, at its end.
 * @param factorOf what the grid emitted in a record's hour, mg/kWh; undefined where nobody says.
 */
export function impactOf<R extends HouseholdRecord>(
  records: readonly R[],
  factorOf: (record: R) => bigint | undefined,
): Impact {
  const impact: Impact = {
    generatedWh: 0n,
    selfConsumedWh: 0n,
    importedWh: 0n,
    exportedWh: 0n,
    givenWh: 0n,
    receivedWh: 0n,
    avoidedGrams: 0n,
    intervals: 0,
    gaps: 0,
    withoutFactor: 0,
  }
  let units = 0n
  for (const record of records) {
    const { energy } = record
    if (!energy) {
      impact.gaps++
      continue
    }
    impact.intervals++
    const { generatedWh, exportedWh } = energy
    impact.generatedWh += generatedWh
    impact.importedWh += energy.importedWh
    impact.exportedWh += exportedWh
    impact.givenWh += energy.givenWh
    impact.receivedWh += energy.receivedWh
    // A battery may feed in more than the roof gives: what it gives was generated earlier.
    if (generatedWh > exportedWh) impact.selfConsumedWh += generatedWh - exportedWh
    const factor = factorOf(record)
    if (factor === undefined) impact.withoutFactor++
    else units += generatedWh * factor
  }
  impact.avoidedGrams = units / unitsPerGram
  return impact
}
