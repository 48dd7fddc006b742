import { type Hex, toHex } from "../hex.ts"
import { type OracleAddress, type Proposal, proposalDigest } from "../proposal.ts"
import { bytesFor } from "./fixed-keys.ts"
import { noon } from "./readings.ts"
import { householdFor } from "./statements.ts"

/** A proposal as JSON, as it goes over the wire: the uint64 fields as decimal text. */
export interface ProposalFields extends Omit<Proposal, "number" | "time"> {
  number: string
  time: string
}

export interface ProposalVectors {
  about: string[]
  cases: ({ name: string; proposal: ProposalFields; digest: Hex } & OracleAddress)[]
}

export const oracle: OracleAddress = { chainId: 31337, oracle: householdFor("oracle") }

export const usualProposal: ProposalFields = {
  site: 1,
  number: "42",
  root: toHex(bytesFor("root")),
  evidence: toHex(bytesFor("evidence")),
  time: noon.toString(),
  leafCount: 17,
  validatorSet: 3,
}

export function proposalVectors(): ProposalVectors {
  const zero = toHex(new Uint8Array(32))
  const highest = toHex(new Uint8Array(32).fill(0xff))
  const of = (name: string, proposal: ProposalFields, at = oracle) => ({
    name,
    ...at,
    proposal,
    digest: proposalDigest(at, proposalOf(proposal)),
  })
  return {
    about: [
      "EIP-712 digests of proposals. SPEC.md, 6. number and time are decimal text.",
      "Each case differs from the first in one thing, and so does its digest.",
    ],
    cases: [
      of("a proposal", usualProposal),
      of("another chain", usualProposal, { ...oracle, chainId: 100 }),
      of("another contract", usualProposal, { ...oracle, oracle: householdFor("another oracle") }),
      of("another site", { ...usualProposal, site: 2 }),
      of("another number", { ...usualProposal, number: "43" }),
      of("another root", { ...usualProposal, root: zero }),
      of("another evidence", { ...usualProposal, evidence: highest }),
      of("another time", { ...usualProposal, time: (noon + 900).toString() }),
      of("another leaf count", { ...usualProposal, leafCount: 18 }),
      of("another validator set", { ...usualProposal, validatorSet: 4 }),
      of("everything at its smallest", {
        site: 0,
        number: "0",
        root: zero,
        evidence: zero,
        time: "0",
        leafCount: 0,
        validatorSet: 0,
      }),
      of("everything at its largest", {
        site: 2 ** 32 - 1,
        number: (2n ** 64n - 1n).toString(),
        root: highest,
        evidence: highest,
        time: (2n ** 64n - 1n).toString(),
        leafCount: 2 ** 32 - 1,
        validatorSet: 2 ** 32 - 1,
      }),
    ],
  }
}

export function proposalOf({ number, time, ...rest }: ProposalFields): Proposal {
  return { ...rest, number: BigInt(number), time: BigInt(time) }
}
