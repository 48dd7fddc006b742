import { secp256k1 } from "@noble/curves/secp256k1.js"
import { keccak_256 } from "@noble/hashes/sha3.js"
import { HDKey } from "@scure/bip32"
import { entropyToMnemonic, mnemonicToEntropy, mnemonicToSeedSync, validateMnemonic } from "@scure/bip39"
import { wordlist } from "@scure/bip39/wordlists/english.js"
import { fromHex, type Hex, toHex } from "../../../protocol/hex.ts"

/** Where wallets look for an Ethereum account's first key (BIP-44): the words open it in any of them. */
const path = "m/44'/60'/0'/0/0"

export interface Account {
  address: Hex
  /** r ‖ s ‖ v over a digest of 32 bytes. */
  sign(digest: Hex): Hex
}

/** The account of 16 bytes of entropy. */
export function accountOf(entropy: Uint8Array): Account {
  const key = HDKey.fromMasterSeed(mnemonicToSeedSync(wordsOf(entropy).join(" "))).derive(path).privateKey
  if (!key) throw new Error("These words have no key.")
  // Uncompressed: 0x04 and two coordinates.
  const point = secp256k1.getPublicKey(key, false)
  return {
    address: toHex(keccak_256(point.subarray(1)).subarray(12)),
    sign(digest) {
      const [recovery, ...rs] = secp256k1.sign(fromHex(digest, 32), key, {
        prehash: false,
        format: "recovered",
      })
      return toHex(Uint8Array.of(...rs, 27 + recovery!))
    },
  }
}

/** The twelve words of 16 bytes of entropy (BIP-39, English). */
export function wordsOf(entropy: Uint8Array): string[] {
  if (entropy.length !== 16) throw new RangeError("Twelve words are 16 bytes.")
  return entropyToMnemonic(entropy, wordlist).split(" ")
}

/** What is wrong with words that a person typed. */
export type WordsTrouble = { trouble: "count" | "checksum" } | { trouble: "unknown"; word: string }

/** Reads twelve words, however they are spaced and whatever their case. */
export function entropyFrom(text: string): Uint8Array | WordsTrouble {
  const words = text
    .normalize("NFKD")
    .toLowerCase()
    .split(/[\s,.;:\d]+/)
    .filter(Boolean)
  const word = words.find((word) => !wordlist.includes(word))
  if (word !== undefined) return { trouble: "unknown", word }
  if (words.length !== 12) return { trouble: "count" }
  const mnemonic = words.join(" ")
  return validateMnemonic(mnemonic, wordlist)
    ? mnemonicToEntropy(mnemonic, wordlist)
    : { trouble: "checksum" }
}
