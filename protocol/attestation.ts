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
import { type OracleAddress, type Proposal, proposalDigest, refusalDigest } from "./proposal.ts"

/** Signs a proposal as a validator: 64 bytes, r and yParity-and-s (EIP-2098), over its EIP-712 digest. */
export function signProposal(at: OracleAddress, proposal: Proposal, privateKey: Hex): Promise<Hex> {
  return signDigest(proposalDigest(at, proposal), privateKey)
}

/** Signs that a validator does not sign a proposal, and why: in the form of an attestation, over a digest of its own. */
export function signRefusal(
  at: OracleAddress,
  proposal: Proposal,
  reasons: readonly string[],
  privateKey: Hex,
): Promise<Hex> {
  return signDigest(refusalDigest(at, proposal, reasons), privateKey)
}

async function signDigest(hash: Hex, privateKey: Hex): Promise<Hex> {
  const signature = await sign({ hash, privateKey })
  return serializeCompactSignature(
    signatureToCompactSignature({ ...signature, yParity: signature.yParity ?? 0 }),
  )
}

/** Half of the order of secp256k1, rounded down. The contract takes no higher s (ERC-2, OpenZeppelin's ECDSA). */
const halfOrder = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n

/** Who signed a proposal, in lower case; undefined when nobody can have signed so. */
export function signerOf(at: OracleAddress, proposal: Proposal, compact: Hex): Promise<Hex | undefined> {
  return recovered(proposalDigest(at, proposal), compact)
}

/** What a validator signs: the proposal, or where there are reasons in words, that it does not sign it. */
export interface Verdict {
  refused?: string[]
  signature: Hex
}

/** Whose verdict on a proposal it is, in lower case; undefined when nobody can have signed so. */
export function speakerOf(
  at: OracleAddress,
  proposal: Proposal,
  { refused, signature }: Verdict,
): Promise<Hex | undefined> {
  return refused
    ? recovered(refusalDigest(at, proposal, refused), signature)
    : signerOf(at, proposal, signature)
}

async function recovered(hash: Hex, compact: Hex): Promise<Hex | undefined> {
  if (!/^0x[0-9a-f]{128}$/i.test(compact)) return undefined
  const s = BigInt(`0x${compact.slice(66)}`) & (2n ** 255n - 1n)
  if (s > halfOrder) return undefined
  try {
    const signature = serializeSignature(compactSignatureToSignature(hexToCompactSignature(compact)))
    return (await recoverAddress({ hash, signature })).toLowerCase() as Hex
  } catch {
    return undefined
  }
}
