import { z } from "zod"

/** `replicate:` in the configuration of a gateway or a validator. */
export const replicateShape = z
  .strictObject({
    /** In how many places each batch should be, this one among them. */
    factor: z.int().min(1).max(20).default(2),
    /** Gateways and validators that keep the same evidence. */
    peers: z.array(z.url({ protocol: /^https?$/ })).min(1),
    /** How often peers are asked what they have, seconds. */
    everySeconds: z.int().min(1).default(600),
  })
  .refine(({ factor, peers }) => factor <= new Set(peers).size + 1, {
    path: ["factor"],
    message: "there are not so many places: the peers and this one",
  })

export type ReplicateSettings = z.output<typeof replicateShape>
