import { z } from "zod"

/** The account that pays for households' transactions, and how much of it households may use. */
export const relayShape = z.strictObject({
  keyFile: z
    .string()
    .min(1)
    .describe(
      "An account of its own, so that households' transactions never stand in the way of a batch. Plain or sealed.",
    ),
  perDay: z.int().positive().default(20).describe("Intents that one household may hand in within 24 hours."),
  allPerDay: z.int().positive().default(200).describe("The same for all households together."),
  maxFeeGwei: z
    .number()
    .positive()
    .max(1_000_000)
    .exactOptional()
    .describe("While gas costs more than this, intents wait."),
  confirmations: z
    .int()
    .nonnegative()
    .default(12)
    .describe("Blocks above a transaction after which it is not looked at again."),
})

export type RelaySettings = z.output<typeof relayShape>
