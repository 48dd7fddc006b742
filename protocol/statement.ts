import { keccak_256 } from "@noble/hashes/sha3.js"
import { abiWord, concatBytes, type Hex } from "./hex.ts"

/** "This meter's generation register stood at so many Wh at that time", quoting one signed reading. */
export interface MeterStatement {
  kind: 1
  meterId: Hex
  generatedWh: bigint
  time: number
  /** keccak256 of the reading's bytes. */
  reading: Hex
}

/** A household's cumulative credit up to the end of an interval, in whole token units; negative is debt. */
export interface AccountStatement {
  kind: 2
  household: Hex
  credit: bigint
  time: number
}

export type Statement = MeterStatement | AccountStatement

export const isMeterStatement = (statement: Statement): statement is MeterStatement => statement.kind === 1
export const isAccountStatement = (statement: Statement): statement is AccountStatement =>
  statement.kind === 2

/**
 * The leaf of a statement: keccak256(keccak256(abi.encode(kind, …))), as OpenZeppelin's StandardMerkleTree
 * hashes it. Types: meter (uint8, bytes32, uint64, uint64, bytes32), account (uint8, address, int256, uint64).
 */
export function leafOf(statement: Statement): Uint8Array {
  const words =
    statement.kind === 1
      ? [1, statement.meterId, statement.generatedWh, statement.time, statement.reading]
      : [2, statement.household, statement.credit, statement.time]
  return keccak_256(keccak_256(concatBytes(...words.map(abiWord))))
}
