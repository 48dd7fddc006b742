import { signerOf, type Verdict } from "../../protocol/attestation.ts"
import {
  type AttestationAnswer,
  type AttestationRequest,
  mostAnswerBytes,
  readAnswer,
  writeRequest,
} from "../../protocol/attestation-messages.ts"
import type { Hex } from "../../protocol/hex.ts"
import type { OracleAddress, Proposal } from "../../protocol/proposal.ts"
import type { Attestation } from "../journal/batches.ts"

const patienceMs = 60_000

/**
 * Asks one validator over HTTP. A refusal is an answer, with its reasons. Who signed either is for who asks to see.
 * @throws Error when it cannot be reached, cannot judge now, or answers nonsense.
 */
export async function askValidator(url: string, request: AttestationRequest): Promise<Verdict> {
  const response = await fetch(new URL("/attestations", url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: writeRequest(request),
    signal: AbortSignal.timeout(patienceMs),
  })
  const text = await textOf(response)
  const answer = parse(text)
  if (answer && !("error" in answer)) return answer
  throw new Error(`it answers ${response.status}: ${text.slice(0, 200)}`)
}

/** What `propose` takes besides the proposal. */
export interface Signatures {
  /** Bit i is set when validator i of the set signed. */
  signers: bigint
  /** Compact signatures (EIP-2098), 64 bytes each, in the order of the set. */
  packed: Hex
}

/**
 * Puts signatures into the order of the validator set, leaving out any that is not by one of them, or not needed.
 * @returns undefined while fewer than `threshold` are there.
 */
export async function collectSignatures(
  at: OracleAddress,
  proposal: Proposal,
  attestations: readonly Attestation[],
  set: { addresses: readonly Hex[]; threshold: number },
): Promise<Signatures | undefined> {
  const byIndex = new Map<number, Hex>()
  for (const { signature } of attestations) {
    if (!signature) continue
    const signer = await signerOf(at, proposal, signature)
    const index = signer ? set.addresses.indexOf(signer) : -1
    if (index >= 0) byIndex.set(index, signature)
  }
  if (byIndex.size < set.threshold) return undefined
  // No more than are needed, by turns: every validator's signature is seen on chain.
  const size = set.addresses.length
  const turn = (index: number) => (index + Number(proposal.number % BigInt(size))) % size
  const carried = [...byIndex].sort(([a], [b]) => turn(a) - turn(b)).slice(0, set.threshold)
  const chosen = carried.sort(([a], [b]) => a - b)
  return {
    signers: chosen.reduce((bits, [index]) => bits | (1n << BigInt(index)), 0n),
    packed: `0x${chosen.map(([, signature]) => signature.slice(2)).join("")}`,
  }
}

/** A liar may answer without end. */
async function textOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of response.body ?? []) {
    length += part.length
    if (length > mostAnswerBytes) throw new Error(`the answer is longer than ${mostAnswerBytes} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString("utf8")
}

function parse(text: string): AttestationAnswer | undefined {
  try {
    return readAnswer(text)
  } catch {
    return undefined
  }
}
