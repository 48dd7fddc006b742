import { keccak_256 } from "@noble/hashes/sha3.js"
import { abiWord, concatBytes, type Hex, toHex } from "./hex.ts"
import type { HouseholdRecord } from "./household-record.ts"
import { buildTree, proofOf, rootFromProof, rootOf } from "./tree.ts"

/**
 * A household's interval records as a public commitment: one hash that fixes every record and shows none. Each record is
 * hashed with a salt of its own, so that one can be shown to somebody, with its proof, and the others stay hidden; and
 * without the salts nobody can try out what they might be.
 */

/** Statements are of kinds 1 and 2; this word keeps a record from being read as one of them. */
const recordKind = 3

export const seedBytes = 32

/** A record's salt. From one salt neither the seed follows nor another salt. */
export function saltOf(seed: Uint8Array, start: number): Uint8Array {
  return keccak_256(concatBytes(seed, abiWord(start)))
}

/**
 * The leaf of a record: keccak256(keccak256(abi.encode(3, salt, household, start, known, generatedWh, importedWh,
 * exportedWh, givenWh, receivedWh))), types (uint8, bytes32, address, uint64, bool, uint64 five times); a gap is not
 * known, and all zero.
 */
export function recordLeaf(household: Hex, { start, energy }: HouseholdRecord, salt: Uint8Array): Uint8Array {
  const values = energy
    ? [energy.generatedWh, energy.importedWh, energy.exportedWh, energy.givenWh, energy.receivedWh]
    : [0n, 0n, 0n, 0n, 0n]
  const words = [recordKind, toHex(salt), household, start, energy ? 1 : 0, ...values]
  return keccak_256(keccak_256(concatBytes(...words.map(abiWord))))
}

function treeOf(household: Hex, records: readonly HouseholdRecord[], seed: Uint8Array) {
  return buildTree(records.map((record) => recordLeaf(household, record, saltOf(seed, record.start))))
}

/** The root over a household's records; 32 zero bytes where there are none. */
export function commitmentTo(household: Hex, records: readonly HouseholdRecord[], seed: Uint8Array): Hex {
  if (records.length === 0) return toHex(new Uint8Array(32))
  return toHex(rootOf(treeOf(household, records, seed)))
}

/** What proves one record of a household: its salt, and the way from its leaf to the root. */
export interface RecordProof {
  salt: Hex
  proof: Hex[]
}

/** @throws RangeError when there is no record with that start. */
export function proveRecord(
  household: Hex,
  records: readonly HouseholdRecord[],
  seed: Uint8Array,
  start: number,
): RecordProof {
  const place = records.findIndex((record) => record.start === start)
  if (place < 0) throw new RangeError(`There is no record that begins at ${start}.`)
  return {
    salt: toHex(saltOf(seed, start)),
    proof: proofOf(treeOf(household, records, seed), place).map(toHex),
  }
}

/** The root that a record and its proof lead to. */
export function commitmentBy(
  household: Hex,
  record: HouseholdRecord,
  salt: Uint8Array,
  proof: readonly Uint8Array[],
): Hex {
  return toHex(rootFromProof(recordLeaf(household, record, salt), proof))
}
