import { z } from "zod"
import { isPasswordHash } from "../password.ts"

const port = z.int().min(0).max(65535).describe("Its port; 0 for any free one.")
const file = z.string().min(1)

/** Where the gateway's pages are served. */
export const webShape = z.strictObject({
  host: z.string().describe("The address it listens on; 0.0.0.0 for all."),
  port,
  operatorPassword: z
    .string()
    .refine(isPasswordHash, 'must be a scrypt hash: "$scrypt$ln=14,r=8,p=1$salt$hash"')
    .exactOptional()
    .describe(
      "The hash of the password for the operator's page, from `commonwatt provision password`. Left out: nobody sees that page.",
    ),
  origin: z
    .url({ protocol: /^https?$/ })
    .refine(
      (text) => new URL(text).origin === text,
      "must be a scheme, a host and perhaps a port, and no path",
    )
    .exactOptional()
    .describe(
      "The address that people see, as `https://house.example`: for a proxy on this machine that speaks TLS for the gateway. Left out, it is the one that a browser asked for.",
    ),
  tls: z
    .strictObject({
      host: z.string().exactOptional().describe("The address it listens on; `host` if left out."),
      port,
      certFile: file.describe("Its certificate, with the chain to the authority, PEM."),
      keyFile: file.describe("The certificate's key, plain or sealed."),
    })
    .exactOptional()
    .describe(
      "A second listener, with TLS: browsers keep keys and log in with passkeys there only, and on localhost.",
    ),
})

export type WebSettings = z.output<typeof webShape>
