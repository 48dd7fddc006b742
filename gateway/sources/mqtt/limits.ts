import type { Rate } from "./bucket.ts"

/** What the embedded broker bears. */
export interface BrokerLimits {
  /** A reading of 256 bytes, its topic of 84 and MQTT's own; a CONNECT is no longer. Larger where a meter's records are. */
  packetBytes: number
  connections: number
  connectionsPerAddress: number
  /** One that logs in once more than this pushes out its own oldest connection. */
  connectionsPerIdentity: number
  /** A client that sends this many messages that are refused is cut; it may come back. */
  refusedMessages: number
  /** A connection that has not said CONNECT by then is cut; so is a TLS handshake that is not done by then. */
  connectTimeoutMs: number
  handshakes: number
  bytes: Rate
  messages: Rate
  addressBytes: Rate
  addressMessages: Rate
  /** A client that is over its rates for so long without a break is cut; until then it is only not read from. */
  patienceMs: number
  /** A client that leaves this much unread is cut. */
  unreadBytes: number
  subscriptions: number
  reloadMs: number
}

export const usualLimits: BrokerLimits = {
  packetBytes: 1024,
  connections: 512,
  connectionsPerAddress: 128,
  connectionsPerIdentity: 4,
  refusedMessages: 100,
  connectTimeoutMs: 5_000,
  handshakes: 32,
  bytes: { perSecond: 64 * 1024, burst: 512 * 1024 },
  messages: { perSecond: 200, burst: 2_000 },
  addressBytes: { perSecond: 256 * 1024, burst: 2 * 1024 * 1024 },
  addressMessages: { perSecond: 1_000, burst: 10_000 },
  patienceMs: 60_000,
  unreadBytes: 64 * 1024,
  subscriptions: 32,
  reloadMs: 60_000,
}
