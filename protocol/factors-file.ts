import { readFileSync } from "node:fs"
import { PersonError } from "./error.ts"
import { type NamedFactors, namedFactors } from "./factors-in-evidence.ts"

/** Reads a file with a table of emission factors. @throws PersonError naming the file and what is wrong with it. */
export function readFactorsFile(file: string): NamedFactors {
  let bytes: Uint8Array
  try {
    bytes = Uint8Array.from(readFileSync(file))
  } catch (cause) {
    throw new PersonError(`The table ${file} cannot be read.`, { context: [(cause as Error).message], cause })
  }
  try {
    return namedFactors(bytes)
  } catch (cause) {
    throw new PersonError(`${file} is not a table of emission factors.`, {
      context: [(cause as Error).message],
      next: "The format is in docs/impact.md.",
      cause,
    })
  }
}
