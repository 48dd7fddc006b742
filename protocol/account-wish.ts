import { keccak_256 } from "@noble/hashes/sha3.js"
import { utf8ToBytes } from "@noble/hashes/utils.js"
import { checksumAddress } from "./address.ts"
import { concatBytes, type Hex, toHex } from "./hex.ts"

/**
 * What a new account signs when a household asks its operator to make it the household's (EIP-191, as wallets show it):
 * nobody can ask for an account whose key he does not have.
 */
export function accountWish(site: number, household: Hex, account: Hex): string {
  return [
    "Commonwatt: make this the account of my household.",
    `Site: ${site}`,
    `Until now: ${checksumAddress(household)}`,
    `From now on: ${checksumAddress(account)}`,
  ].join("\n")
}

/** The digest of a text as `personal_sign` signs it (EIP-191, version 0x45). */
export function personalDigest(text: string): Hex {
  const bytes = utf8ToBytes(text)
  return toHex(keccak_256(concatBytes(utf8ToBytes(`\x19Ethereum Signed Message:\n${bytes.length}`), bytes)))
}
