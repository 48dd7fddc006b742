import type { Socket } from "node:net"
import type { Context } from "hono"

/** Who asks, and how: what a route needs to know of the connection behind a request. */
export interface Asker {
  /** Its address on the network, for limits. */
  address: string
  /** Whether nobody on the way can read along: TLS, or this machine itself. */
  privately: boolean
  /** Whether the browser was reached by HTTPS. */
  https: boolean
  /** The origin that a page of ours has in this browser: scheme, host and port. */
  origin: string
}

/** @param origin the address that people see, where a proxy stands in front. */
export function askerOf(c: Context, origin: string | undefined): Asker {
  // Requests without a connection are made inside this process.
  const socket = (c.env as { incoming?: { socket: Socket & { encrypted?: boolean } } } | undefined)?.incoming
    ?.socket
  const address = socket?.remoteAddress ?? "127.0.0.1"
  const encrypted = socket?.encrypted === true
  const https = encrypted || (origin?.startsWith("https:") ?? false)
  return {
    address,
    privately: encrypted || isLoopback(address),
    https,
    origin: origin ?? `${encrypted ? "https" : "http"}://${c.req.header("host") ?? new URL(c.req.url).host}`,
  }
}

function isLoopback(address: string): boolean {
  return address === "::1" || /^(::ffff:)?127\./.test(address)
}
