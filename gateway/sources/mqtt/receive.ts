import { setTimeout as sleep } from "node:timers/promises"
import type { Hex } from "../../../protocol/hex.ts"
import { readingDigest } from "../../../protocol/reading.ts"
import type { Meter } from "../../config.ts"
import type { Intake, Outcome } from "../../intake.ts"
import { createBuckets } from "./bucket.ts"
import { type Receipt, receiptOf } from "./receipt.ts"
import { nativeFormats } from "./records.ts"
import type { Resends } from "./resends.ts"
import { incomingFrom } from "./topics.ts"

/** A publish, whoever's broker it came by. */
export interface Publish {
  topic: string
  bytes: Uint8Array
  /** For people: "mqtt 192.0.2.7". */
  source: string
  connection: object
  /** Who sent it, as far as that can be told on the next connection too. */
  sender: string | undefined
  /** It came over the claimed meter's own log-in or certificate. */
  ownMeter: boolean
  /** The transport says that this is not the first time. */
  redelivered: boolean
  /** Ends the wait for a meter's rate when there is nobody left to answer. */
  signal: AbortSignal
}

export type Receive = (publish: Publish) => Promise<Outcome>

/** A publish to where no meter publishes. */
export class WrongTopic extends Error {
  override name = "WrongTopic"
}

export interface ReceiveOptions {
  meters: readonly Meter[]
  intake: Intake
  resends: Resends
  /** How fast one meter's own readings are stored; Infinity where nobody can be made to wait. */
  readingsPerMinute: number
  onReceipt(meterId: Hex, receipt: Receipt): void
  /** Monotonic milliseconds. */
  now?: () => number
}

/** A meter that was offline sends this many minutes' worth at once. */
const burstMinutes = 10

/** The way of a publish into the journal. Resolves after the commit: what calls this acknowledges then and not before. */
export function createReceive(options: ReceiveOptions): Receive {
  const { meters, intake, resends, readingsPerMinute, onReceipt, now = () => performance.now() } = options
  const rates = createBuckets(
    { perSecond: readingsPerMinute / 60, burst: burstMinutes * readingsPerMinute },
    now,
  )

  const formats = nativeFormats(meters)

  /** Lets one message through as soon as its meter owes nothing. */
  async function waitForTurn(meterId: Hex, signal: AbortSignal): Promise<void> {
    for (let wait = rates.take(meterId, 1); wait > 0; wait = rates.take(meterId, 1)) {
      rates.giveBack(meterId, 1)
      await sleep(wait, undefined, { signal })
    }
  }

  return async ({ topic, bytes, source, connection, sender, ownMeter, redelivered, signal }) => {
    const from = incomingFrom(topic)
    if (!from) {
      const detail = `published to ${JSON.stringify(topic.slice(0, 100))}, which is no meter's topic`
      await intake.turnAway({ source, reason: "wrong-topic", detail, size: bytes.length })
      throw new WrongTopic(detail)
    }
    const { meterId, kind } = from
    const format = kind === "records" ? formats.get(meterId) : undefined
    const digest = readingDigest(bytes)
    const resend = resends.isResend(connection, sender, digest)
    const limited = Number.isFinite(readingsPerMinute)
    if (limited) await waitForTurn(meterId, signal)
    let outcome: Outcome | undefined
    try {
      const message = {
        source,
        bytes,
        ...(format && { format }),
        claimedMeter: meterId,
        redelivered: redelivered || ownMeter || resend,
      }
      // Where nobody can be made to wait, messages come one after the other, each after the one before is stored.
      outcome = await intake.submit(message, { now: !limited })
    } finally {
      // Only what its own key signed is a meter's to pay for: nobody else can use up its rate.
      if (limited && outcome?.kind !== "authentic") rates.giveBack(meterId, 1)
    }
    if (outcome.kind === "refused") resends.forget(sender, digest)
    // Rubbish that others publish in a meter's name is not the meter's to hear of.
    if (ownMeter || outcome.kind !== "refused") onReceipt(meterId, receiptOf(digest, outcome))
    return outcome
  }
}
