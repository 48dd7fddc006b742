import type { Hex } from "../protocol/hex.ts"
import { inForce } from "./meter-life.ts"
import type { History } from "./record.ts"

/** How a validator's signatures fared. Nobody can sell it: it is counted anew from what the oracles accepted. */
export interface ValidatorRecord {
  validator: Hex
  /** Proposals made while it was in the set in force. */
  asked: number
  /** Those that carried its signature. A proposal carries no more than the threshold, and the set takes turns. */
  signed: number
  /** Those of them that were cancelled because of a false statement: not by the guardian, nor for a register that fell. */
  cancelled: number
}

/** Every validator that ever was in a set, in the order of their coming. */
export function validatorRecords({
  proposals,
  validators,
}: Pick<History, "proposals" | "validators">): ValidatorRecord[] {
  const records = new Map<Hex, ValidatorRecord>()
  for (const validator of validators.flatMap((change) => change.validators))
    records.set(validator, { validator, asked: 0, signed: 0, cancelled: 0 })
  for (const { oracle, at, signers, signersFault } of proposals) {
    const set = inForce(
      validators.filter((change) => change.oracle === oracle),
      at,
    )
    for (const [i, validator] of (set?.validators ?? []).entries()) {
      const record = records.get(validator)!
      record.asked++
      if (((signers >> BigInt(i)) & 1n) === 0n) continue
      record.signed++
      if (signersFault) record.cancelled++
    }
  }
  return [...records.values()]
}
