import { privateKeyToAccount } from "viem/accounts"
import { signerOf, signProposal, signRefusal, speakerOf } from "../attestation.ts"
import { concatBytes, fromHex, type Hex, toHex } from "../hex.ts"
import type { OracleAddress } from "../proposal.ts"
import { bytesFor, number32, toNumber } from "./fixed-keys.ts"
import { oracle, type ProposalFields, proposalOf, usualProposal } from "./proposals.ts"
import { flip } from "./signatures.ts"

export interface AttestationVectors extends OracleAddress {
  about: string[]
  proposal: ProposalFields
  /** In ascending order of their addresses, as the contract keeps them. */
  validators: { address: Hex; secret: Hex }[]
  /** signer is null where nobody can have signed so. */
  cases: { name: string; signature: Hex; signer: Hex | null }[]
  /** What goes to the contract's propose: a bit for each signer, and the signatures in the order of the set. */
  packed: { by: Hex[]; signers: string; signatures: Hex }[]
  /** Signatures under a refusal of the proposal. */
  refusals: { name: string; refused: string[]; signature: Hex; signer: Hex }[]
}

/** The order of secp256k1 (SEC 2, 2.4.1). */
const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

export async function attestationVectors(): Promise<AttestationVectors> {
  const validators = ["validator 1", "validator 2", "validator 3"]
    .map((name) => {
      const secret = toHex(bytesFor(name))
      return { address: privateKeyToAccount(secret).address.toLowerCase() as Hex, secret }
    })
    .sort((a, b) => (a.address < b.address ? -1 : 1))
  const proposal = proposalOf(usualProposal)
  const signatures = await Promise.all(validators.map(({ secret }) => signProposal(oracle, proposal, secret)))
  const signature = fromHex(signatures[0]!, 64)
  const [r, vs] = [signature.subarray(0, 32), signature.subarray(32)]
  const s = toNumber(vs) % 2n ** 255n
  const nobody = (name: string, bytes: Uint8Array) => ({ name, signature: toHex(bytes), signer: null })
  const refusal = async (name: string, refused: string[], signed = refused) => {
    const signature = await signRefusal(oracle, proposal, signed, validators[0]!.secret)
    const signer = (await speakerOf(oracle, proposal, { refused, signature }))!
    return { name, refused, signature, signer }
  }
  const why = "site 1 batch 42: entry 0: claimed 1001, the readings give 1000"
  const late = "time 1782043200 is in the future"
  const subsets = [[0, 1], [0, 2], [1, 2], [0, 1, 2], [2]]
  return {
    about: [
      "Validators' signatures of one proposal: r and yParity-and-s (ERC-2098), over the EIP-712 digest. SPEC.md, 7.",
      "The secrets are for tests alone.",
    ],
    ...oracle,
    proposal: usualProposal,
    validators,
    cases: [
      ...validators.map(({ address }, i) => ({
        name: `signed by validator ${i}`,
        signature: signatures[i]!,
        signer: address,
      })),
      {
        name: "the parity bit flipped: a signature by another address",
        signature: toHex(flip(signature, 32 * 8 + 7)),
        signer: (await signerOf(oracle, proposal, toHex(flip(signature, 32 * 8 + 7))))!,
      },
      {
        name: "n - s does not fit: its top bit is taken for the parity, and another address comes out",
        signature: toHex(concatBytes(r, number32(order - s))),
        signer: (await signerOf(oracle, proposal, toHex(concatBytes(r, number32(order - s)))))!,
      },
      nobody(
        "s = half of the order, rounded up, which fits beside the parity bit",
        concatBytes(r, number32(order / 2n + 1n)),
      ),
      nobody("r = 0", concatBytes(new Uint8Array(32), vs)),
      nobody("s = 0", concatBytes(r, new Uint8Array(32))),
      nobody("r = n", concatBytes(number32(order), vs)),
      nobody("r is the x of no point", concatBytes(number32(5n), vs)),
      nobody("all zero", new Uint8Array(64)),
      nobody("63 bytes", signature.subarray(0, 63)),
      nobody("65 bytes: r, s, v", concatBytes(r, number32(s), Uint8Array.of(27 + (vs[0]! >> 7)))),
    ],
    packed: subsets.map((subset) => ({
      by: subset.map((i) => validators[i]!.address),
      signers: subset.reduce((bits, i) => bits | (1n << BigInt(i)), 0n).toString(),
      signatures: toHex(concatBytes(...subset.map((i) => fromHex(signatures[i]!)))),
    })),
    refusals: [
      await refusal("for one reason", [why]),
      await refusal("for two reasons, in other letters too", [late, "Zählerstand ⚡ fällt"]),
      await refusal("the reasons in another order: nobody's who is known", [late, why], [why, late]),
      await refusal("two reasons run into one: nobody's who is known", [late + why], [late, why]),
      {
        ...(await refusal("what signs the proposal signs no refusal", [why])),
        signature: signatures[0]!,
        signer: (await speakerOf(oracle, proposal, { refused: [why], signature: signatures[0]! }))!,
      },
    ],
  }
}
