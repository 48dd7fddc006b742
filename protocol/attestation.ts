import {
  compactSignatureToSignature,
  hexToCompactSignature,
  recoverAddress,
  serializeCompactSignature,
  serializeSignature,
  signatureToCompactSignature,
} from "viem"
import { sign } from "viem/accounts"
import type { Hex } from "./hex.ts"
import { type OracleAddress, type Proposal, proposalDigest } from "./proposal.ts"

/** Signs a proposal as a validator: 64 bytes, r and yParity-and-s (EIP-2098), over its EIP-712 digest. */
export async function signProposal(at: OracleAddress, proposal: Proposal, privateKey: Hex): Promise<Hex> {
  const signature = await sign({ hash: proposalDigest(at, proposal), privateKey })
  return serializeCompactSignature(signatureToCompactSignature({ ...signature, yParity: signature.yParity ?? 0 }))
}

/** Who signed a proposal, in lower case; undefined when nobody can have signed so. */
export async function signerOf(at: OracleAddress, proposal: Proposal, compact: Hex): Promise<Hex | undefined> {
  try {
    const signature = serializeSignature(compactSignatureToSignature(hexToCompactSignature(compact)))
    return (await recoverAddress({ hash: proposalDigest(at, proposal), signature })).toLowerCase() as Hex
  } catch {
    return undefined
  }
}
