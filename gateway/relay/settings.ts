import { z } from "zod"

/** The account that pays for households' transactions, and how much of it households may use. */
export const relayShape = z.strictObject({
  /** An account of its own, so that households' transactions never stand in the way of a batch. */
  keyFile: z.string(),
  /** Intents that one household may hand in within 24 hours. */
  perDay: z.int().positive().default(20),
  /** The same for all households together. */
  allPerDay: z.int().positive().default(200),
  /** While gas costs more than this, intents wait. */
  maxFeeGwei: z.number().positive().max(1_000_000).exactOptional(),
  /** Blocks above a transaction after which it is not looked at again. */
  confirmations: z.int().nonnegative().default(12),
})

export type RelaySettings = z.output<typeof relayShape>
