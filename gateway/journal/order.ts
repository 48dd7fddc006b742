import type { Numbered } from "../verify/examine.ts"

/** Sequence numbers are below this (SPEC.md, 3.2). */
const numbersPerKey = 2n ** 53n

/** Key and sequence number as one number, in the order in which a meter uses them. */
export function orderOf({ keyIndex, sequence }: Numbered): bigint {
  return BigInt(keyIndex) * numbersPerKey + BigInt(sequence)
}

/** What the journal has before a meter's first reading is below every number of its first key. */
export function fromOrder(order: bigint): Numbered {
  if (order < 0n) return { keyIndex: 0, sequence: Number(order) }
  return { keyIndex: Number(order / numbersPerKey), sequence: Number(order % numbersPerKey) }
}
