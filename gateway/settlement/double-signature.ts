import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { OracleAddress } from "../../protocol/proposal.ts"
import type { DoubleSignature } from "../journal/batches.ts"

/**
 * A proof file that stands on its own: two proposals that one validator signed with one number. `r` and `vs` are what
 * `Stakes.proveDoubleSignature` takes, and whoever shows it is paid from the validator's stake.
 */
export function proofFile({ chainId, oracle }: OracleAddress, { number, signer, signed }: DoubleSignature) {
  return {
    format: "commonwatt/double-signature/1",
    chainId,
    oracle,
    validator: signer,
    number: number.toString(),
    signed: signed.map(({ proposal, signature, source, seen }) => ({
      proposal: { ...proposal, number: proposal.number.toString(), time: proposal.time.toString() },
      r: `0x${signature.slice(2, 66)}`,
      vs: `0x${signature.slice(66)}`,
      source,
      seen,
    })),
  }
}

/** Writes each proof beside the journal, once. @returns the files. */
export function writeProofs(
  dataDir: string,
  at: OracleAddress,
  proofs: readonly DoubleSignature[],
): string[] {
  if (proofs.length === 0) return []
  const directory = join(dataDir, "proofs")
  mkdirSync(directory, { recursive: true })
  return proofs.map((proof) => {
    const file = join(directory, `double-signature-${proof.number}-${proof.signer}.json`)
    if (!existsSync(file)) writeFileSync(file, `${JSON.stringify(proofFile(at, proof), null, 2)}\n`)
    return file
  })
}
