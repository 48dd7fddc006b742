import { z } from "zod"

const port = z.int().min(0).max(65535)

/** Where the gateway's pages are served. */
export const webShape = z.strictObject({
  host: z.string(),
  port,
  /**
   * The address that people see, as `https://house.example`: for a proxy on this machine that speaks TLS for the
   * gateway. Left out, it is the one that a browser asked for.
   */
  origin: z
    .url({ protocol: /^https?$/ })
    .refine(
      (text) => new URL(text).origin === text,
      "must be a scheme, a host and perhaps a port, and no path",
    )
    .exactOptional(),
  /** A second listener, with TLS: browsers keep keys and log in with passkeys there only, and on localhost. */
  tls: z
    .strictObject({ host: z.string().exactOptional(), port, certFile: z.string(), keyFile: z.string() })
    .exactOptional(),
})

export type WebSettings = z.output<typeof webShape>
