import { keccak_256 } from "@noble/hashes/sha3.js"
import { utf8ToBytes } from "@noble/hashes/utils.js"
import { PersonError } from "./error.ts"
import { type Hex, toHex } from "./hex.ts"

/** What retired energy is claimed for. The chain keeps the hash of its text alone. */
export interface Claim {
  /** Whom it is for, as people call them. */
  beneficiary: string
  reason: string
  /** 16 random bytes of hexadecimal: without them a short text could be guessed from its hash. */
  salt: string
}

const first = "commonwatt claim/1"
const most = { beneficiary: 80, reason: 200 }

/**
 * The text whose keccak256 is a retirement's `statement`: four lines, UTF-8, each ended by a line feed.
 * @throws PersonError for what does not fit into a line.
 */
export function claimText({ beneficiary, reason, salt }: Claim): string {
  if (!/^[0-9a-f]{32}$/.test(salt)) throw new RangeError("A salt is 16 bytes of hexadecimal.")
  return `${first}\nfor: ${line("beneficiary", beneficiary)}\nbecause: ${line("reason", reason)}\nsalt: ${salt}\n`
}

/** @returns undefined for a text that `claimText` would not write. */
export function readClaim(text: string): Claim | undefined {
  const found = /^[^\n]*\nfor: ([^\n]*)\nbecause: ([^\n]*)\nsalt: ([^\n]*)\n$/.exec(text)
  if (!found) return undefined
  const claim = { beneficiary: found[1]!, reason: found[2]!, salt: found[3]! }
  try {
    return claimText(claim) === text ? claim : undefined
  } catch {
    return undefined
  }
}

export function claimHash(text: string): Hex {
  return toHex(keccak_256(utf8ToBytes(text)))
}

function line(name: "beneficiary" | "reason", value: string): string {
  const clean = value.normalize("NFC").trim()
  const what = name === "beneficiary" ? "Whom it is for" : "The reason"
  if (clean === "") throw new PersonError(`${what} is missing.`)
  if ([...clean].length > most[name])
    throw new PersonError(`${what} is too long.`, { next: `Say it in ${most[name]} letters.` })
  // Marks that turn the direction of writing could make one text look like another.
  if (/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u.test(clean))
    throw new PersonError(`${what} must be one line of plain text.`)
  return clean
}
