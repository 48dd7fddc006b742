import { keccak256, stringToHex } from "viem"
import type { OpenedEvidence } from "../protocol/evidence.ts"
import type { Hex } from "../protocol/hex.ts"
import type { OracleAddress, Proposal } from "../protocol/proposal.ts"

/** What a batch's evidence must say of itself. */
export interface ExpectedHeader extends OracleAddress {
  headroomBasisPoints: number | undefined
  /** keccak256 of the name of the sharing key that the policy prescribes; undefined where it prescribes none. */
  sharingKey: Hex | undefined
}

/** What the evidence says of itself against what is proposed, and the rules in force. */
export function headerFaults(
  evidence: OpenedEvidence,
  proposal: Proposal,
  expected: ExpectedHeader,
): string[] {
  const faults: string[] = []
  const same = (name: string, claimed: unknown, proposed: unknown) => {
    if (String(claimed) !== String(proposed)) faults.push(`says ${name} ${claimed}, proposed was ${proposed}`)
  }
  same("chain", evidence.chainId, expected.chainId)
  same("oracle", evidence.oracle, expected.oracle)
  same("site", evidence.site, proposal.site)
  same("number", evidence.number, proposal.number)
  same("time", evidence.time, proposal.time)
  same("root", evidence.root, proposal.root)
  same("leaf count", evidence.statements.length, proposal.leafCount)
  same("headroom", evidence.rules.headroomBasisPoints, expected.headroomBasisPoints)
  const { name } = evidence.rules.sharingKey
  if (expected.sharingKey && keccak256(stringToHex(name)) !== expected.sharingKey)
    faults.push(`shares by the key "${name}", which is not the one that the policy prescribes`)
  return faults
}
