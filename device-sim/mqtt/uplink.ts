import { connect, type MqttClient } from "mqtt"
import type { Message } from "../faults/message.ts"
import type { Connection } from "./connection.ts"

/** A meter's way to its broker. */
export interface Uplink {
  /** Queues messages behind those that wait. False when there is no room: then none of them is taken. */
  send(messages: readonly Message[]): boolean
  /** Connects when it is time to. To be called every now and then. */
  tick(wallMs: number): void
  /** Messages that the broker has not acknowledged. */
  readonly waiting: number
  close(): void
}

/** At the bound the oldest are kept and the newest are not taken: a visible gap in the sequence. */
export const maxWaiting = 5000

/** A window of unacknowledged publishes; MQTT keeps their order (3.1.1, 4.6). */
const maxInFlight = 20
const firstPauseMs = 200
const longestPauseMs = 5000

interface Waiting extends Message {
  sent: boolean
  acknowledged: boolean
}

/**
 * Publishes with QoS 1 on the meter's topic, in order. After a lost connection everything that was not
 * acknowledged is sent again from the oldest; a lie that was sent is not, so that a broker which answers a lie by
 * cutting the connection meets it once. Nothing else is under way beside a lie: the cut takes no other with it. Each connection has a client of its own: mqtt.js would re-send from its
 * own store, lies included.
 */
export function createUplink(
  { url, ...identity }: Connection,
  topic: string,
  name: string,
  log: (line: string) => void,
): Uplink {
  let client: MqttClient | undefined
  let connected = false
  let closed = false
  let queue: Waiting[] = []
  let inFlight = 0
  let pauseMs = firstPauseMs
  let connectAt = 0
  let complained = false
  let reason = "connection closed"

  function open(): void {
    const opened = connect(url, {
      ...identity,
      clean: true,
      reconnectPeriod: 0,
      connectTimeout: 10_000,
      keepalive: 60,
    })
    client = opened
    opened.on("error", (error) => {
      reason = error.message || reason
    })
    opened.on("connect", () => {
      if (opened !== client) return
      if (complained) log(`${name}: connected to the broker again.`)
      complained = false
      connected = true
      pump()
    })
    opened.on("close", () => {
      if (opened === client) lost()
      opened.end(true)
    })
  }

  function lost(): void {
    client = undefined
    connected = false
    inFlight = 0
    queue = queue.filter(({ sent, once, acknowledged }) => !acknowledged && !(sent && once))
    connectAt = Date.now() + pauseMs
    pauseMs = Math.min(2 * pauseMs, longestPauseMs)
    if (!complained && !closed) log(`${name}: no connection to the broker (${reason}); trying again.`)
    complained = true
    reason = "connection closed"
  }

  function pump(): void {
    while (connected && client && inFlight < maxInFlight && inFlight < queue.length) {
      const message = queue[inFlight]!
      if (inFlight > 0 && (message.once || queue[0]!.once)) return
      const publisher = client
      inFlight++
      message.sent = true
      publisher.publish(topic, Buffer.from(message.payload), { qos: 1 }, (error) => {
        if (!error && publisher === client) acknowledge(message)
      })
    }
  }

  function acknowledge(message: Waiting): void {
    message.acknowledged = true
    pauseMs = firstPauseMs
    let done = 0
    while (queue[done]?.acknowledged) done++
    queue.splice(0, done)
    inFlight -= done
    pump()
  }

  return {
    get waiting() {
      return queue.length
    },
    send(messages) {
      if (queue.length + messages.length > maxWaiting) return false
      for (const message of messages) queue.push({ ...message, sent: false, acknowledged: false })
      pump()
      return true
    },
    tick(wallMs) {
      if (!client && !closed && wallMs >= connectAt) open()
    },
    close() {
      closed = true
      client?.end(true)
    },
  }
}
