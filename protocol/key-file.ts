import { readFileSync } from "node:fs"
import { PersonError } from "./error.ts"
import type { Hex } from "./hex.ts"

/**
 * Reads the secret key of an account from its file: 32 bytes of hexadecimal behind 0x, and nothing else.
 * @param whose for the message, as "The site's key". What the file holds is never shown.
 * @throws PersonError
 */
export function readAccountKey(file: string, whose: string): Hex {
  let text: string
  try {
    text = readFileSync(file, "utf8").trim()
  } catch (cause) {
    throw new PersonError(`${whose} cannot be read.`, { context: [`${file}: ${(cause as Error).message}`] })
  }
  if (!/^0x[0-9a-f]{64}$/i.test(text))
    throw new PersonError(`${whose} is not a key.`, {
      context: [`${file} must hold 32 bytes of hexadecimal behind 0x, and nothing else.`],
      next: "Make one with: commonwatt provision key --kind account --out FILE",
    })
  return text as Hex
}
