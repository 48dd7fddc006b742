import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  type Equivocation,
  judgeEquivocation,
  nameOfEquivocation,
  readEquivocation,
  writeEquivocation,
} from "../protocol/equivocation.ts"
import { PersonError } from "../protocol/error.ts"

/** @throws PersonError when it is no proof. */
export function proofIn(text: string, file: string): Equivocation {
  try {
    return readEquivocation(text)
  } catch (cause) {
    throw new PersonError(`${file} is not a proof.`, { context: [(cause as Error).message], cause })
  }
}

/** Writes each proof that holds to a file of its own. @returns the files. */
export async function writeProofs(directory: string, proofs: readonly Equivocation[]): Promise<string[]> {
  mkdirSync(directory, { recursive: true })
  const files: string[] = []
  for (const proof of proofs) {
    const judged = await judgeEquivocation(proof)
    if (!judged.proven) continue
    const file = join(directory, nameOfEquivocation(proof, judged))
    writeFileSync(file, writeEquivocation(proof))
    files.push(file)
  }
  return files
}
