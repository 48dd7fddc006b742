import { PersonError } from "../protocol/error.ts"
import { readAccountKey } from "../protocol/key-file.ts"
import type { Identity } from "../protocol/seal.ts"
import { siteIdentity } from "../protocol/site-identity.ts"
import { optional, readGiven, type Values } from "./command.ts"

/**
 * The identities that `--identity FILE` (age's) and `--site-key FILE` (the key that the gateway proposes with) name.
 * @throws PersonError when there is none.
 */
export async function identitiesOf(values: Values): Promise<Identity[]> {
  const identities: Identity[] = []
  const file = optional(values, "identity")
  if (file !== undefined) {
    const lines = readGiven(file, "age identity")
      .split("\n")
      .map((line) => line.trim())
    identities.push(...lines.filter((line) => line.startsWith("AGE-SECRET-KEY-")))
    if (identities.length === 0)
      throw new PersonError(`There is no age identity in ${file}.`, {
        next: "It holds a line that begins with AGE-SECRET-KEY-1.",
      })
  }
  const key = optional(values, "site-key")
  if (key !== undefined) identities.push((await siteIdentity(readAccountKey(key, "The site's key"))).identity)
  if (identities.length === 0)
    throw new PersonError("Nothing was given that opens a back-up.", {
      next: "Give --identity FILE of one of its recipients, or --site-key FILE. See --help for an example.",
    })
  return identities
}
