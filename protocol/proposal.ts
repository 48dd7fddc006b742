import { keccak_256 } from "@noble/hashes/sha3.js"
import { abiWord, concatBytes, type Hex, toHex } from "./hex.ts"

/** What validators sign: a batch's root put before the oracle contract. */
export interface Proposal {
  site: number
  /** Exactly the site's last number plus one. */
  number: bigint
  root: Hex
  /** The SHA-256 digest inside the CID of the evidence's root block. */
  evidence: Hex
  /** The batch's time, Unix seconds. */
  time: bigint
  leafCount: number
  /** Version of the validator set that signs. */
  validatorSet: number
}

/** Where the oracle contract lives. */
export interface OracleAddress {
  chainId: number
  oracle: Hex
}

/** EIP-712 types, as wallets and viem take them. */
export const proposalTypes = {
  Proposal: [
    { name: "site", type: "uint32" },
    { name: "number", type: "uint64" },
    { name: "root", type: "bytes32" },
    { name: "evidence", type: "bytes32" },
    { name: "time", type: "uint64" },
    { name: "leafCount", type: "uint32" },
    { name: "validatorSet", type: "uint32" },
  ],
} as const

/** EIP-712 domain, as wallets and viem take it. */
export function proposalDomain({ chainId, oracle }: OracleAddress) {
  return { name: "Commonwatt ImpactOracle", version: "1", chainId, verifyingContract: oracle } as const
}

const text = (s: string) => keccak_256(new TextEncoder().encode(s))
const domainType = text("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
const proposalType = text(
  `Proposal(${proposalTypes.Proposal.map(({ name, type }) => `${type} ${name}`).join(",")})`,
)

const refusalType = text("Refusal(bytes32 proposal,string[] reasons)")

/** The EIP-712 digest of a proposal: keccak256(0x1901 ‖ domain separator ‖ struct hash). */
export function proposalDigest(at: OracleAddress, proposal: Proposal): Hex {
  return digestOf(
    at,
    proposalType,
    abiWord(proposal.site),
    abiWord(proposal.number),
    abiWord(proposal.root),
    abiWord(proposal.evidence),
    abiWord(proposal.time),
    abiWord(proposal.leafCount),
    abiWord(proposal.validatorSet),
  )
}

/** The EIP-712 digest of refusing a proposal, for reasons in words: of its own type, so that it never passes for one. */
export function refusalDigest(at: OracleAddress, proposal: Proposal, reasons: readonly string[]): Hex {
  const said = keccak_256(concatBytes(...reasons.map(text)))
  return digestOf(at, refusalType, abiWord(proposalDigest(at, proposal)), said)
}

function digestOf(at: OracleAddress, ...struct: Uint8Array[]): Hex {
  const domain = keccak_256(
    concatBytes(
      domainType,
      text("Commonwatt ImpactOracle"),
      text("1"),
      abiWord(at.chainId),
      abiWord(at.oracle),
    ),
  )
  return toHex(keccak_256(concatBytes(Uint8Array.of(0x19, 0x01), domain, keccak_256(concatBytes(...struct)))))
}
