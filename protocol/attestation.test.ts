import t from "tap"
import { signerOf, signProposal, signRefusal, speakerOf } from "./attestation.ts"
import { toHex } from "./hex.ts"
import { proposalDigest } from "./proposal.ts"
import type { AttestationVectors } from "./vectors/attestations.ts"
import { loadVectors } from "./vectors/load.ts"
import { proposalOf } from "./vectors/proposals.ts"

const { chainId, oracle, proposal, validators, cases, packed, refusals } =
  loadVectors<AttestationVectors>("attestations")
const at = { chainId, oracle }

t.test("each signature of the vectors is by its signer, or by nobody", async (t) => {
  for (const { name, signature, signer } of cases)
    t.equal((await signerOf(at, proposalOf(proposal), signature)) ?? null, signer, name)
})

t.test("a validator's signature is the same each time, and says who signed", async (t) => {
  for (const [i, { address, secret }] of validators.entries()) {
    const signature = await signProposal(at, proposalOf(proposal), secret)
    t.equal(signature, cases[i]!.signature)
    t.equal(await signerOf(at, proposalOf(proposal), signature), address)
  }
})

t.test("a refusal is of this proposal and for these reasons, and never passes for a signature", async (t) => {
  const refused = proposalOf(proposal)
  for (const { name, signer, ...verdict } of refusals)
    t.equal(await speakerOf(at, refused, verdict), signer, name)
  const [{ signer, ...verdict }] = refusals as [(typeof refusals)[number]]
  t.equal(signer, validators[0]!.address)
  t.equal(await signRefusal(at, refused, verdict.refused, validators[0]!.secret), verdict.signature)
  t.not(await signerOf(at, refused, verdict.signature), signer)
  t.not(await speakerOf(at, { ...refused, number: refused.number + 1n }, verdict), signer)
  t.not(await speakerOf({ ...at, chainId: 1 }, refused, verdict), signer)
  t.not(await speakerOf(at, refused, { ...verdict, refused: [...verdict.refused, "more"] }), signer)
})

t.test("the contract's order is that of the addresses, lowest bit first", async (t) => {
  t.same(
    validators.map(({ address }) => address),
    validators.map(({ address }) => address).sort(),
  )
  for (const { by, signers, signatures } of packed) {
    const bits = validators.flatMap(({ address }, i) =>
      (BigInt(signers) >> BigInt(i)) & 1n ? [address] : [],
    )
    t.same(bits, by)
    for (const [n, address] of by.entries()) {
      const compact = `0x${signatures.slice(2 + 128 * n, 2 + 128 * (n + 1))}` as const
      t.equal(await signerOf(at, proposalOf(proposal), compact), address)
    }
  }
})

t.test("a signature is worth nothing for any other proposal, chain or contract", async (t) => {
  const { signature, signer } = cases[0]!
  const signed = proposalOf(proposal)
  const others = [
    [at, { ...signed, number: signed.number + 1n }],
    [at, { ...signed, root: toHex(new Uint8Array(32)) }],
    [at, { ...signed, validatorSet: signed.validatorSet + 1 }],
    [{ ...at, chainId: 1 }, signed],
    [{ ...at, oracle: validators[0]!.address }, signed],
  ] as const
  for (const [place, other] of others) {
    t.not(proposalDigest(place, other), proposalDigest(at, signed))
    t.not(await signerOf(place, other, signature), signer)
  }
})
