import type { Hex } from "../../../protocol/hex.ts"

/** More than a client has under way at once: mosquitto's window and our simulated meters' are 20. */
const remembered = 64
const mostSenders = 1024

/**
 * Tells an honest repeat from a replay. A client that lost its connection before the acknowledgement came sends the
 * reading once more, and many do so without the DUP flag (mqtt.js is one). Such a repeat comes from the same sender,
 * on a later connection, before anything new (MQTT 3.1.1, 4.4). What was stored before this gateway started may be
 * repeated by anyone: who lost an acknowledgement when it ended is not known any more.
 */
export interface Resends {
  /** To be asked for each message as it arrives. @param sender undefined where nobody can tell it from others. */
  isResend(connection: object, sender: string | undefined, digest: Hex): boolean
  /** What was refused is nobody's to send again. */
  forget(sender: string | undefined, digest: Hex): void
}

export function createResends(storedBefore: Iterable<Hex> = []): Resends {
  const before = new Set(storedBefore)
  const senders = new Map<string, Map<Hex, object>>()
  /** Connections that have brought something new. */
  const goneOn = new WeakSet<object>()

  function remember(connection: object, sender: string, digest: Hex): void {
    const sent = senders.get(sender) ?? new Map<Hex, object>()
    senders.delete(sender)
    senders.set(sender, sent)
    sent.delete(digest)
    sent.set(digest, connection)
    for (const [oldest] of sent) {
      if (sent.size <= remembered) break
      sent.delete(oldest)
    }
    for (const [oldest] of senders) {
      if (senders.size <= mostSenders) break
      senders.delete(oldest)
    }
  }

  return {
    isResend(connection, sender, digest) {
      const last = sender === undefined ? undefined : senders.get(sender)?.get(digest)
      const repeats = before.has(digest) || (last !== undefined && last !== connection)
      const resend = repeats && !goneOn.has(connection)
      if (!repeats) goneOn.add(connection)
      if (sender !== undefined) remember(connection, sender, digest)
      return resend
    },
    forget(sender, digest) {
      if (sender !== undefined) senders.get(sender)?.delete(digest)
    },
  }
}
