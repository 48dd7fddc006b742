/** Watt-seconds times basis points in one Wh: 3,600 × 10,000. */
export const unitsPerWh = 36_000_000n

/** What a meter can count in `seconds` at `ratedW` with that headroom, exactly: in 1/36,000,000 Wh. */
export function possibleUnits(ratedW: number, seconds: number, headroomBasisPoints: number): bigint {
  return BigInt(ratedW) * BigInt(seconds) * BigInt(10_000 + headroomBasisPoints)
}

/**
 * The most energy, in whole Wh, that a meter may have counted in `seconds` at `ratedW`, with the headroom that
 * policy allows (in basis points, 1/10,000) and one Wh for the register's own rounding. The oracle contract
 * computes the same bound before it mints.
 */
export function ceilingWh(ratedW: number, seconds: number, headroomBasisPoints: number): bigint {
  if (seconds <= 0) return 0n
  return possibleUnits(ratedW, seconds, headroomBasisPoints) / unitsPerWh + 1n
}
