import { setMaxListeners } from "node:events"
import { Aedes, type AuthenticateError, type Client, type PublishPacket } from "aedes"
import type { Logger } from "pino"
import type { Meter } from "../../config.ts"
import type { Intake } from "../../intake.ts"
import { createAdmission } from "./admission.ts"
import { createBuckets } from "./bucket.ts"
import { Gate, TooFast } from "./gate.ts"
import { createHomeTopics, type Shown } from "./home-assistant.ts"
import { createIdentities, type Identity } from "./identity.ts"
import { type BrokerLimits, usualLimits } from "./limits.ts"
import { type Arrival, type Listener, listenPlain, listenTls } from "./listener.ts"
import { createOutbox } from "./outbox.ts"
import { PacketTooLarge } from "./packet-watch.ts"
import { createReceive } from "./receive.ts"
import { largestRecordPacket } from "./records.ts"
import type { Resends } from "./resends.ts"
import type { MqttSettings } from "./settings.ts"
import { receiptsTopic } from "./topics.ts"

/** A source of readings by MQTT. */
export interface MqttSource {
  /** Of the plain listener. */
  port: number | undefined
  tlsPort: number | undefined
  connections(): number
  /** Shows a meter's registers to its household's hub. */
  show(meter: Meter, shown: Shown): void
  close(): Promise<void>
}

export interface BrokerParts {
  site: number
  meters: readonly Meter[]
  intake: Intake
  resends: Resends
  /** As configured, at the pace of this gateway's time. */
  readingsPerMinute: number
  log: Logger
}

/** What the broker knows of a client. */
interface From {
  arrival: Arrival
  address: string
  identity: Identity
  /** What it calls itself; a session's name is the broker's to give. */
  saysItIs: string
  refused: number
  gone: AbortController
}

/** Home Assistant says on it that it is there; MQTT integrations publish this unasked. */
const hubBirthTopic = "homeassistant/status"

const hubTopics = /^(homeassistant|commonwatt)\//

const notAuthorized = (message: string): AuthenticateError =>
  Object.assign(new Error(message), { returnCode: 5 })

/**
 * The embedded broker, to which meters publish signed readings. A QoS 1 publish is acknowledged after its reading is
 * stored: aedes acknowledges once `authorizePublish` calls back, and that waits for the commit. Nothing that a client
 * publishes is ever passed on: what clients hear comes from the gateway alone.
 */
export async function startBroker(
  settings: MqttSettings,
  { site, meters, intake, resends, readingsPerMinute, log }: BrokerParts,
  limits: BrokerLimits = usualLimits,
): Promise<MqttSource> {
  const { host, port, tls, anonymous = true, allowPlainPasswords = false } = settings
  const identities = createIdentities(settings, meters)
  const home = createHomeTopics(site, meters)
  const admission = createAdmission(limits)
  const packetBytes = Math.max(limits.packetBytes, largestRecordPacket(meters))
  const hasHubs = (settings.hubs ?? []).length > 0
  const known = new WeakMap<object, From>()
  const fromOf = (client: Client): From => known.get(client.conn)!

  const receive = createReceive({
    meters,
    intake,
    resends,
    readingsPerMinute,
    onReceipt(meterId, receipt) {
      if (!(sessions.get(`meter ${meterId}`)?.size ?? 0)) return
      say({ topic: receiptsTopic(meterId), payload: JSON.stringify(receipt), retain: false })
    },
  })

  const broker = await Aedes.createBroker({
    connectTimeout: limits.connectTimeoutMs,
    drainTimeout: 10_000,
    keepaliveLimit: 900,
    queueLimit: 16,
    maxInflightInbound: 32,
    preConnect(client, packet, done) {
      const from = fromOf(client)
      from.saysItIs = packet.clientId
      // With its own choice of name one client could push another out.
      packet.clientId = sourceOf(from)
      // Home Assistant always has a will for its own topic, which is of no use to anybody here.
      if (from.arrival.secure || packet.password) Reflect.deleteProperty(packet, "will")
      const wrong = packet.will ? "wills" : packet.clean ? undefined : "persistent sessions"
      done(wrong ? new Error(`${wrong} are not offered`) : null, !wrong)
    },
    authenticate(client, user, password, done) {
      authenticate(fromOf(client), user, password).then(
        (identity) => {
          if (!identity)
            return done(notAuthorized("neither a certificate nor a password that is known"), false)
          enter(client, identity)
          done(null, true)
        },
        (error: Error) => done(notAuthorized(error.message), false),
      )
    },
    authorizePublish(client, packet, done) {
      if (!client) return done(new Error("not allowed"))
      take(client, packet).then(
        () => done(),
        (error: Error) => done(error),
      )
    },
    // Answered with a failure code (MQTT 3.1.1, 3.9.3) and no more: a meter that also listens may still report.
    authorizeSubscribe(client, subscription, done) {
      const { identity } = fromOf(client)
      const subscriptions = (client as unknown as { subscriptions: object }).subscriptions
      const allowed =
        (identity.kind === "meter" && subscription.topic === receiptsTopic(identity.meterId)) ||
        // Hubs subscribe by wildcards: what they hear is chosen when it is sent.
        (identity.kind === "hub" &&
          hubTopics.test(subscription.topic) &&
          Object.keys(subscriptions).length < limits.subscriptions)
      done(null, allowed ? subscription : null)
    },
    authorizeForward(client, packet) {
      if ((packet as { clientId?: string }).clientId) return null
      const from = fromOf(client)
      const { conn } = client
      if (isRevoked(from.arrival)) {
        conn.destroy()
        return null
      }
      if (conn.writableLength + from.arrival.socket.writableLength > limits.unreadBytes) {
        log.info({ source: sourceOf(from), reason: "it does not read" }, "mqtt client cut")
        conn.destroy()
        return null
      }
      return mayHear(from.identity, packet.topic) ? packet : null
    },
  })

  /** On the plain listener a name without a password is no more than a name. */
  async function authenticate(
    { arrival, address }: From,
    user: string | undefined,
    password: Buffer | undefined,
  ): Promise<Identity | undefined> {
    if (isRevoked(arrival)) throw new Error("its certificate is revoked")
    if (arrival.certificate) return identities.byCertificate(arrival.certificate)
    if (password === undefined) return !arrival.secure && anonymous ? { kind: "anyone" } : undefined
    if (!arrival.secure && !allowPlainPasswords) throw new Error("passwords are not taken without TLS")
    return identities.byPassword(user ?? "", password, address)
  }

  function isRevoked({ certificate }: Arrival): boolean {
    return certificate !== undefined && identities.isRevoked(certificate)
  }

  /** The connections of each who logged in, oldest first. */
  const sessions = new Map<string, Set<Client>>()

  function enter(client: Client, identity: Identity): void {
    const from = fromOf(client)
    from.identity = identity
    // It may have left while its password was looked at.
    if (identity.kind === "anyone" || client.conn.destroyed) return
    admission.proved(from.arrival.admitted)
    const key = identity.kind === "meter" ? `meter ${identity.meterId}` : `hub ${identity.name}`
    const open = sessions.get(key) ?? new Set()
    sessions.set(key, open)
    open.add(client)
    client.conn.once("close", () => open.delete(client))
    if (open.size > limits.connectionsPerIdentity) {
      const [oldest] = open
      open.delete(oldest!)
      oldest!.conn.destroy()
    }
  }

  function mayHear(identity: Identity, topic: string): boolean {
    if (identity.kind === "meter") return topic === receiptsTopic(identity.meterId)
    if (identity.kind === "anyone") return false
    const owner = home.ownerOf(topic)
    return owner === "everyone" || owner === identity.household
  }

  /** An error cuts the client: what it sent goes no further, and least of all to the broker's own `$SYS` topics. */
  async function take(client: Client, packet: PublishPacket): Promise<void> {
    const from = fromOf(client)
    const { identity, arrival, gone } = from
    if (isRevoked(arrival)) throw new Error("its certificate is revoked")
    packet.retain = false
    if (identity.kind === "hub" && packet.topic === hubBirthTopic) return
    const bytes = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload
    const source = `mqtt ${from.address}`
    if (identity.kind !== "anyone" && !packet.topic.startsWith(topicsOf(identity))) {
      const detail = `${identity.name} published to ${JSON.stringify(packet.topic.slice(0, 100))}, which is not its topic`
      await intake.turnAway({ source, reason: "wrong-topic", detail, size: bytes.length })
      throw new Error(detail)
    }
    const outcome = await receive({
      topic: packet.topic,
      bytes: Uint8Array.from(bytes),
      source,
      connection: client,
      sender: senderOf(from),
      ownMeter: identity.kind === "meter",
      redelivered: packet.dup ?? false,
      signal: gone.signal,
    })
    if (outcome.kind === "authentic") admission.proved(arrival.admitted)
    if (outcome.kind !== "refused") return
    from.refused++
    if (from.refused >= limits.refusedMessages) throw new Error(`${from.refused} messages were refused`)
  }

  broker.on("clientError", (client, error) => {
    if (error.name === "AbortError") return
    log.info({ source: sourceOf(fromOf(client)), reason: error.message }, "mqtt client cut")
  })

  const now = () => performance.now()
  const perAddress = {
    bytes: createBuckets(limits.addressBytes, now),
    messages: createBuckets(limits.addressMessages, now),
  }

  function onArrival(arrival: Arrival): void {
    const address = plain(arrival.admitted.remoteAddress ?? "unknown")
    const own = { bytes: createBuckets(limits.bytes, now), messages: createBuckets(limits.messages, now) }
    const gate = new Gate(arrival.socket, {
      packetBytes,
      patienceMs: limits.patienceMs,
      unreadBytes: limits.unreadBytes,
      now,
      charge: (bytes, packets) =>
        Math.max(
          own.bytes.take("", bytes),
          own.messages.take("", packets),
          perAddress.bytes.take(address, bytes),
          perAddress.messages.take(address, packets),
        ),
    })
    const gone = new AbortController()
    setMaxListeners(0, gone.signal)
    known.set(gate, { arrival, address, identity: { kind: "anyone" }, saysItIs: "", refused: 0, gone })
    gate.once("close", () => gone.abort())
    gate.on("error", (error) => {
      if (!(error instanceof PacketTooLarge || error instanceof TooFast)) return
      log.info({ source: `mqtt ${address}`, reason: error.message }, "mqtt client cut")
      if (error instanceof PacketTooLarge)
        intake
          .turnAway({
            source: `mqtt ${address}`,
            reason: "oversized",
            detail: `${error.message}; the connection was cut`,
            size: error.announced,
          })
          .catch((cause: unknown) => log.error({ cause }, "quarantine could not be written"))
    })
    broker.handle(gate)
  }

  const say = createOutbox(({ topic, payload, retain }, done) => {
    const packet = {
      cmd: "publish" as const,
      topic,
      payload: Buffer.from(payload),
      qos: 1 as const,
      retain,
      dup: false,
    }
    broker.publish(packet, (error) => {
      if (error && !broker.closed)
        log.error({ topic, reason: error.message }, "mqtt message could not be published")
      done()
    })
  })

  const listeners: { plain?: Listener; tls?: Listener } = {}
  const closeListeners = () =>
    Promise.all([listeners.plain?.close(), listeners.tls?.close()].filter((closed) => closed !== undefined))
  try {
    if (host !== undefined && port !== undefined)
      listeners.plain = await listenPlain({ host, port }, admission, onArrival)
    if (tls)
      listeners.tls = await listenTls(
        { host: tls.host ?? host ?? "0.0.0.0", port: tls.port },
        {
          ...tls,
          withoutCertificate: tls.passwords ?? false,
          handshakeMs: limits.connectTimeoutMs,
          handshakes: limits.handshakes,
          reloadMs: limits.reloadMs,
        },
        admission,
        onArrival,
        log,
      )
  } catch (error) {
    await closeListeners()
    await new Promise<void>((resolve) => broker.close(() => resolve()))
    throw error
  }
  if (hasHubs) say({ ...home.status(true), retain: true })

  return {
    port: listeners.plain?.port,
    tlsPort: listeners.tls?.port,
    connections: () => broker.connectedClients,
    show(meter, shown) {
      if (hasHubs) for (const message of home.messages(meter, shown)) say({ ...message, retain: true })
    },
    async close() {
      const closed = closeListeners()
      await new Promise<void>((resolve) => broker.close(() => resolve()))
      // aedes knows of those alone that have said CONNECT.
      admission.closeAll()
      await closed
    },
  }
}

const topicsOf = (identity: Exclude<Identity, { kind: "anyone" }>) =>
  identity.kind === "meter" ? `meters/${identity.meterId}/` : hubBirthTopic

/** On the plain listener a meter that comes back has its address and its own choice of name, or cannot be told. */
function senderOf({ identity, address, saysItIs }: From): string | undefined {
  if (identity.kind === "meter") return identity.meterId
  return saysItIs === "" ? undefined : `${address} ${saysItIs}`
}

/** An IPv4 address as people write it, also on a socket that takes IPv6 too. */
function plain(address: string): string {
  return address.replace(/^::ffff:/, "")
}

function sourceOf({ address, arrival }: From): string {
  return `${address}:${arrival.admitted.remotePort}`
}
