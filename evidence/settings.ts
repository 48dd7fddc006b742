import { z } from "zod"

/** `replicate:` in the configuration of a gateway or a validator. */
export const replicateShape = z
  .strictObject({
    factor: z
      .int()
      .min(1)
      .max(20)
      .default(2)
      .describe("In how many places each batch should be, this one among them."),
    peers: z
      .array(z.url({ protocol: /^https?$/ }))
      .min(1)
      .describe("Gateways and validators that keep the same evidence."),
    everySeconds: z.int().min(1).default(600).describe("How often peers are asked what they have, seconds."),
  })
  .refine(({ factor, peers }) => factor <= new Set(peers).size + 1, {
    path: ["factor"],
    message: "there are not so many places: the peers and this one",
  })

export type ReplicateSettings = z.output<typeof replicateShape>
