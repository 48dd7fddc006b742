import { z } from "zod"
import { fromHex, toHex } from "../../protocol/hex.ts"

const address = z
  .string()
  .regex(/^(0x)?[0-9a-fA-F]{40}$/, "must be 20 bytes of hexadecimal")
  .transform((text) => toHex(fromHex(text)))

/** `keepBackups:` of a gateway that keeps others' back-ups. */
export const keepBackupsShape = z.strictObject({
  directory: z.string().min(1).describe("Where they are put, in a folder for each gateway."),
  for: z
    .array(address)
    .min(1)
    .refine((all) => new Set(all).size === all.length, "must name each gateway once")
    .describe("Whose: the addresses of their sites' keys. Nobody else's is taken, or given out."),
  keep: z
    .int()
    .min(1)
    .max(100)
    .default(2)
    .describe("So many of each gateway are kept; older ones are removed."),
  eachMB: z
    .int()
    .min(1)
    .max(8192)
    .default(512)
    .describe(
      "How large one may be; a larger one is refused. A gateway takes this `keep` + 1 times at most.",
    ),
})

export type KeepBackups = z.output<typeof keepBackupsShape>
