import { PersonError } from "./error.ts"
import type { Hex } from "./hex.ts"
import { readSecret } from "./sealed-secret.ts"

/**
 * Reads the secret key of an account from its file, plain or sealed: 32 bytes of hexadecimal behind 0x, and nothing
 * else.
 * @param whose for the message, as "The site's key". What the file holds is never shown.
 * @throws PersonError
 */
export function readAccountKey(file: string, whose: string): Hex {
  const text = readSecret(file, whose)
  if (!/^0x[0-9a-f]{64}$/i.test(text))
    throw new PersonError(`${whose} is not a key.`, {
      context: [`${file} must hold 32 bytes of hexadecimal behind 0x, and nothing else.`],
      next: "Make one with: commonwatt provision key --kind account --out FILE",
    })
  return text as Hex
}
