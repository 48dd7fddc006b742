import fc from "fast-check"
import t from "tap"
import { hashTypedData } from "viem"
import { toHex } from "./hex.ts"
import {
  type OracleAddress,
  type Proposal,
  proposalDigest,
  proposalDomain,
  proposalTypes,
} from "./proposal.ts"
import { loadVectors } from "./vectors/load.ts"
import { type ProposalVectors, proposalOf } from "./vectors/proposals.ts"

const { cases } = loadVectors<ProposalVectors>("proposals")

const digestByViem = (at: OracleAddress, message: Proposal) =>
  hashTypedData({ domain: proposalDomain(at), types: proposalTypes, primaryType: "Proposal", message })

t.test("each proposal of the vectors has its digest, and each is another one", async (t) => {
  for (const { name, proposal, digest, ...at } of cases) {
    t.equal(proposalDigest(at, proposalOf(proposal)), digest, name)
    t.equal(digestByViem(at, proposalOf(proposal)), digest, `${name}: by viem`)
  }
  t.equal(new Set(cases.map(({ digest }) => digest)).size, cases.length)
})

const hex = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map(toHex)
const uint32 = fc.nat(2 ** 32 - 1)
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })

t.test("any proposal's digest is EIP-712's, as viem computes it", async () => {
  fc.assert(
    fc.property(
      fc.record({ chainId: fc.integer({ min: 1, max: 2 ** 50 }), oracle: hex(20) }),
      fc.record({
        site: uint32,
        number: uint64,
        root: hex(32),
        evidence: hex(32),
        time: uint64,
        leafCount: uint32,
        validatorSet: uint32,
      }),
      (at, proposal) => proposalDigest(at, proposal) === digestByViem(at, proposal),
    ),
    { numRuns: 200 },
  )
})
