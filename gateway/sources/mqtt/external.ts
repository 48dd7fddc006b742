import { readFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { connect, type IClientOptions, type IPublishPacket, type MqttClient } from "mqtt"
import { readSecret } from "../../../protocol/sealed-secret.ts"
import type { Meter } from "../../config.ts"
import type { BrokerParts, MqttSource } from "./broker.ts"
import { createHomeTopics, type Shown } from "./home-assistant.ts"
import { createReceive, WrongTopic } from "./receive.ts"
import type { MqttSettings } from "./settings.ts"
import { incomingTopics, receiptsTopic } from "./topics.ts"

export type BrokerSettings = NonNullable<MqttSettings["broker"]>

const firstPauseMs = 500
const longestPauseMs = 60_000
/** As many as the broker may have under way to us; MQTT 5 says it in CONNECT, mosquitto's own bound is 20. */
const receiveMaximum = 20

/**
 * Readings from a broker of the operator's own. The session outlasts the connection, and a message is acknowledged
 * after its commit: while the gateway is away, and where it dies between receipt and commit, the broker keeps what
 * meters said. mqtt.js acknowledges once `handleMessage` calls back, and takes the next message after that.
 */
export function connectBroker(
  settings: BrokerSettings,
  { site, meters, intake, resends, log }: BrokerParts,
): MqttSource {
  const { url, homeAssistant = false } = settings
  const source = `mqtt ${new URL(url).host}`
  const stopping = new AbortController()
  let client: MqttClient | undefined
  let home = createHomeTopics(site, meters)
  const latest = new Map<Meter, Shown>()
  let pauseMs = firstPauseMs
  let complained = false

  const receive = createReceive({
    meters,
    intake,
    resends,
    // One subscription carries all meters: to make one wait would make all wait.
    readingsPerMinute: Infinity,
    onReceipt: (meterId, receipt) => say(receiptsTopic(meterId), JSON.stringify(receipt), false),
  })

  function say(topic: string, payload: string, retain: boolean): void {
    if (client?.connected) client.publish(topic, payload, { qos: 0, retain })
  }

  /** Until it is stored, or this connection is over: then the broker sends it again. */
  async function take(packet: IPublishPacket, from: MqttClient): Promise<void> {
    for (let wait = firstPauseMs; from === client; wait = Math.min(2 * wait, longestPauseMs)) {
      try {
        await receive({
          topic: packet.topic,
          bytes: Uint8Array.from(Buffer.from(packet.payload)),
          source,
          // A meter that sends once more does so to its broker: here every message may be a repeat.
          connection: packet,
          sender: packet.topic,
          ownMeter: false,
          redelivered: packet.dup || packet.retain,
          signal: stopping.signal,
        })
        return
      } catch (error) {
        if (error instanceof WrongTopic) return
        log.error({ reason: (error as Error).message }, "a message is not stored yet; trying again")
        await sleep(wait, undefined, { signal: stopping.signal }).catch(() => {})
      }
    }
    // Never answered: an answer would acknowledge it.
    await new Promise(() => {})
  }

  /** Each connection has a client of its own, made with the files as they are by then. */
  function open(): void {
    let opened: MqttClient
    try {
      opened = connect(url, optionsOf(settings, home.statusTopic))
    } catch (error) {
      return void lost((error as Error).message)
    }
    client = opened
    let reason = "connection closed"
    opened.handleMessage = (packet, done) => {
      void take(packet as IPublishPacket, opened).then(() => done())
    }
    opened.on("error", (error) => {
      reason = error.message || reason
    })
    opened.on("connect", () => {
      opened.subscribe(incomingTopics, { qos: 1 }, (error, granted) => {
        const denied = granted?.filter(({ qos }) => qos > 2) ?? []
        if (error || denied.length > 0)
          log.error({ broker: url, reason: error?.message }, "the broker does not let this gateway subscribe")
      })
      log.info({ broker: url }, "connected to the broker")
      pauseMs = firstPauseMs
      complained = false
      say(home.statusTopic, "online", true)
      // The broker may have lost what it kept.
      home = createHomeTopics(site, meters)
      for (const [meter, shown] of latest) tell(meter, shown)
    })
    opened.on("close", () => {
      opened.end(true)
      if (opened === client) lost(reason)
    })
  }

  function lost(reason: string): void {
    client = undefined
    if (stopping.signal.aborted) return
    if (!complained) log.error({ broker: url, reason }, "no connection to the broker; trying again")
    complained = true
    const wait = pauseMs
    pauseMs = Math.min(2 * pauseMs, longestPauseMs)
    sleep(wait, undefined, { signal: stopping.signal }).then(open, () => {})
  }

  function tell(meter: Meter, shown: Shown): void {
    if (homeAssistant && client?.connected)
      for (const { topic, payload } of home.messages(meter, shown)) say(topic, payload, true)
  }

  open()
  return {
    port: undefined,
    tlsPort: undefined,
    connections: () => (client?.connected ? 1 : 0),
    show(meter, shown) {
      latest.set(meter, shown)
      tell(meter, shown)
    },
    async close() {
      const last = client
      say(home.statusTopic, "offline", true)
      stopping.abort()
      client = undefined
      // Without the DISCONNECT the broker would say it: the will is the same word.
      await last?.endAsync(!last.connected)
    },
  }
}

function optionsOf(settings: BrokerSettings, statusTopic: string): IClientOptions {
  const { clientId, version = "3.1.1", username, passwordFile, caFile, certFile, keyFile } = settings
  return {
    clientId,
    clean: false,
    protocolVersion: version === "5" ? 5 : 4,
    // Without an expiry a session of MQTT 5 ends with its connection (3.1.2.11.2); this one never does.
    ...(version === "5" && { properties: { sessionExpiryInterval: 0xffff_ffff, receiveMaximum } }),
    reconnectPeriod: 0,
    connectTimeout: 10_000,
    keepalive: 30,
    resubscribe: false,
    queueQoSZero: false,
    will: { topic: statusTopic, payload: Buffer.from("offline"), qos: 1, retain: true },
    ...(username !== undefined && { username }),
    ...(passwordFile && { password: readSecret(passwordFile, "The password of mqtt.broker") }),
    ...(caFile && { ca: readFileSync(caFile) }),
    ...(certFile && { cert: readFileSync(certFile) }),
    ...(keyFile && { key: readSecret(keyFile, "The key of mqtt.broker") }),
  }
}
