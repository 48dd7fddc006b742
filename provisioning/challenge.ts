import { impactOracleAbi } from "../contracts/generated/impactOracle.ts"
import { stakesAbi } from "../contracts/generated/stakes.ts"
import type { SignedProposal, TwinReadings, TwinRoots } from "../protocol/equivocation.ts"
import { fromHex, type Hex, toHex } from "../protocol/hex.ts"
import { readSigned } from "../protocol/signed-reading.ts"
import { leafOf, type MeterStatement, type Statement } from "../protocol/statement.ts"
import { buildTree, proofOf } from "../protocol/tree.ts"
import type { Act } from "./operator.ts"

/** Two readings with one sequence number: the contract suspends their meter. */
export function proveTwinReadings(oracle: Hex, { meterId, scheme, a, b }: TwinReadings): Act {
  const timeOf = (bytes: Hex) => BigInt(readSigned(scheme, fromHex(bytes)).reading.time)
  return {
    says: `show two readings of meter ${meterId} with one sequence number`,
    address: oracle,
    abi: impactOracleAbi,
    functionName: "proveTwins",
    args: [meterId, timeOf(a), a, timeOf(b), b],
  }
}

/** Two roots with one number: the contract takes their validator's stake, half of it for who shows them. */
export function proveTwinRoots(stakes: Hex, { a, b }: TwinRoots): Act {
  const halves = ({ signature }: SignedProposal): [Hex, Hex] => [
    `0x${signature.slice(2, 66)}`,
    `0x${signature.slice(66)}`,
  ]
  return {
    says: `show two batches with number ${a.proposal.number} that one validator signed`,
    address: stakes,
    abi: stakesAbi,
    functionName: "proveDoubleSignature",
    args: [a.proposal, ...halves(a), b.proposal, ...halves(b)],
  }
}

/**
 * "Show me the reading behind this statement."
 * @param statements all of the batch, in the order of its tree. @param bond wei, as the rules of the proposal want it.
 */
export function doubt(
  oracle: Hex,
  { site, number, bond }: { site: number; number: bigint; bond: bigint },
  statements: readonly Statement[],
  which: MeterStatement,
): Act {
  const { kind: _, time, ...statement } = which
  const branch = proofOf(buildTree(statements.map(leafOf)), statements.indexOf(which)).map(toHex)
  return {
    says: `doubt what batch ${number} of site ${site} states of meter ${which.meterId}`,
    address: oracle,
    abi: impactOracleAbi,
    functionName: "challenge",
    args: [site, number, { ...statement, time: BigInt(time) }, branch],
    value: bond,
  }
}
