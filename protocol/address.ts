import { keccak_256 } from "@noble/hashes/sha3.js"
import { utf8ToBytes } from "@noble/hashes/utils.js"
import { PersonError } from "./error.ts"
import { concatBytes, fromHex, type Hex, toHex } from "./hex.ts"

/** An address with the capitals that are its checksum (EIP-55). */
export function checksumAddress(address: Hex): Hex {
  const digits = address.slice(2).toLowerCase()
  const hash = toHex(keccak_256(utf8ToBytes(digits))).slice(2)
  const capitals = [...digits].map((digit, i) =>
    Number.parseInt(hash[i]!, 16) >= 8 ? digit.toUpperCase() : digit,
  )
  return `0x${capitals.join("")}`
}

/**
 * Reads an address that a person typed, pasted or scanned; lower case, as everywhere in the program. Written all in one
 * case it has no checksum and is taken as it is.
 * @throws PersonError
 */
export function readAddress(text: string): Hex {
  const trimmed = text.trim()
  if (!/^0x[0-9a-fA-F]{40}$/.test(trimmed))
    throw new PersonError("This is not an address.", {
      context: [trimmed.slice(0, 80)],
      next: "An address is 0x and 40 digits or letters from a to f.",
    })
  const digits = trimmed.slice(2)
  const lower = trimmed.toLowerCase() as Hex
  const mixed = digits !== digits.toLowerCase() && digits !== digits.toUpperCase()
  if (mixed && checksumAddress(lower) !== trimmed)
    throw new PersonError("A letter or digit of this address is wrong: its checksum does not fit.", {
      context: [trimmed],
      next: "Copy or scan it again; do not type it.",
    })
  if (/^0x0{40}$/.test(lower)) throw new PersonError("This is the address of nobody.")
  return lower
}

/**
 * Six digits by which a household and its operator see that they speak of one account, "482 913": it finds a slip, not
 * an attacker.
 */
export function accountCode(address: Hex): string {
  const hash = keccak_256(concatBytes(utf8ToBytes("commonwatt account/1"), fromHex(address, 20)))
  const digits = (BigInt(toHex(hash)) % 1_000_000n).toString().padStart(6, "0")
  return `${digits.slice(0, 3)} ${digits.slice(3)}`
}
