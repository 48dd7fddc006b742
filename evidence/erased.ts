import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs"
import { join } from "node:path"
import { z } from "zod"
import type { Hex } from "../protocol/hex.ts"

/** A household whose sealed parts are to be nowhere any more, in the batches up to a time. */
export interface Erased {
  household: Hex
  /** Unix seconds; a household that comes back is not erased from then on. */
  upTo: number
}

const name = "erased.json"
const format = "commonwatt/erased/1"
const shape = z.strictObject({
  format: z.literal(format),
  erased: z.array(
    z.strictObject({
      household: z
        .string()
        .regex(/^0x[0-9a-f]{40}$/)
        .transform((text) => text as Hex),
      upTo: z.int().nonnegative(),
    }),
  ),
})

/**
 * Who is erased from a directory of evidence. @throws Error when that cannot be read: what is erased must not come back
 * because nobody knows of it.
 */
export function readErased(directory: string): Erased[] {
  const file = join(directory, name)
  if (!existsSync(file)) return []
  try {
    return shape.parse(JSON.parse(readFileSync(file, "utf8"))).erased
  } catch (cause) {
    throw new Error(`${file} says who was erased, and cannot be read`, { cause })
  }
}

/** Adds to them, each household once, up to the latest time. Whole on the disk when it returns, or not at all. */
export function noteErased(directory: string, more: readonly Erased[]): void {
  const all = new Map(readErased(directory).map((one) => [one.household, one.upTo]))
  for (const { household, upTo } of more) all.set(household, Math.max(upTo, all.get(household) ?? 0))
  const erased = [...all].map(([household, upTo]) => ({ household, upTo }))
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const handle = openSync(join(directory, `${name}.new`), "w", 0o600)
  try {
    writeSync(handle, `${JSON.stringify({ format, erased }, null, 1)}\n`)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(join(directory, `${name}.new`), join(directory, name))
}
