import { readFileSync, renameSync, writeFileSync } from "node:fs"
import { PersonError } from "../protocol/error.ts"

/**
 * Counts a boot in a file and returns the count, this boot included; 1 without a file. Written beside and
 * renamed, so that a kill leaves the old count or the new one.
 * @throws PersonError when the file holds something else.
 */
export function countBoot(file: string | undefined): number {
  if (file === undefined) return 1
  const boots = readBoots(file) + 1
  writeFileSync(`${file}.new`, `${JSON.stringify({ boots })}\n`)
  renameSync(`${file}.new`, file)
  return boots
}

function readBoots(file: string): number {
  let text: string
  try {
    text = readFileSync(file, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0
    throw error
  }
  const boots: unknown = /^\{"boots":\d{1,9}\}\n$/.test(text) ? JSON.parse(text).boots : undefined
  if (typeof boots !== "number")
    throw new PersonError(`${file} does not hold the simulator's boot count.`, {
      next: "Delete it to start anew.",
    })
  return boots
}
