import { createServer, type Server, type Socket } from "node:net"
import { Aedes, type Client, type PublishPacket } from "aedes"
import type { Logger } from "pino"
import type { Hex } from "../../../protocol/hex.ts"
import type { Intake } from "../../intake.ts"
import { limitPackets } from "./packet-limit.ts"

/** A meter publishes its readings here; nothing else may be published and nobody may listen. */
const readingsTopic = /^meters\/(0x[0-9a-f]{64})\/readings$/

export interface BrokerLimits {
  /** A reading of 256 bytes, its topic of 84 and MQTT's own; a CONNECT is no longer. */
  packetBytes: number
  connections: number
  connectionsPerAddress: number
  /** A client that sends this many messages that are refused is cut; it may come back. */
  refusedMessages: number
  /** A connection that has not said CONNECT by then is cut. */
  connectTimeoutMs: number
}

const usualLimits: BrokerLimits = {
  packetBytes: 1024,
  connections: 512,
  connectionsPerAddress: 128,
  refusedMessages: 100,
  connectTimeoutMs: 5_000,
}

export interface Broker {
  port: number
  connections(): number
  close(): Promise<void>
}

/**
 * The embedded broker, to which meters publish signed readings. Anyone who reaches it may connect: what counts is
 * the meter's signature. A QoS 1 publish is acknowledged after its reading is stored: aedes acknowledges once
 * `authorizePublish` calls back, and that waits for the commit.
 */
export async function startBroker(
  { host, port }: { host: string; port: number },
  intake: Intake,
  log: Logger,
  limits: BrokerLimits = usualLimits,
): Promise<Broker> {
  const refused = new WeakMap<Client, number>()
  const broker = await Aedes.createBroker({
    connectTimeout: limits.connectTimeoutMs,
    drainTimeout: 10_000,
    keepaliveLimit: 900,
    queueLimit: 16,
    maxInflightInbound: 16,
    preConnect(client, packet, done) {
      // A session's name is ours to give: with its own choice of name one client could push another out.
      packet.clientId = sourceOf(client)
      const wrong = packet.will ? "wills" : packet.clean ? undefined : "persistent sessions"
      done(wrong ? new Error(`${wrong} are not offered`) : null, !wrong)
    },
    authorizePublish(client, packet, done) {
      if (!client) return done(new Error("not allowed"))
      take(client, packet).then(
        () => done(),
        (error: Error) => done(error),
      )
    },
    // Answered with a failure code (MQTT 3.1.1, 3.9.3) and no more: a meter that also listens may still report.
    authorizeSubscribe: (_client, _subscription, done) => done(null, null),
  })

  /** An error cuts the client: what it sent goes no further, and least of all to the broker's own `$SYS` topics. */
  async function take(client: Client, packet: PublishPacket): Promise<void> {
    const source = `mqtt ${addressOf(client)}`
    const bytes = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload
    const meter = readingsTopic.exec(packet.topic)
    if (!meter) {
      const detail = `published to ${JSON.stringify(packet.topic.slice(0, 100))}, which is no meter's topic`
      await intake.turnAway({ source, reason: "wrong-topic", detail, size: bytes.length })
      throw new Error(detail)
    }
    packet.retain = false
    const outcome = await intake.submit({
      source,
      bytes: Uint8Array.from(bytes),
      claimedMeter: meter[1] as Hex,
      redelivered: packet.dup,
    })
    if (outcome.kind === "authentic") unproven.delete(fromOf(client).socket)
    if (outcome.kind !== "refused") return
    const times = (refused.get(client) ?? 0) + 1
    refused.set(client, times)
    if (times >= limits.refusedMessages) throw new Error(`${times} messages were refused`)
  }

  broker.on("clientError", (client, error) => {
    log.info({ source: sourceOf(client), reason: error.message }, "mqtt client cut")
  })

  const sockets = new Set<Socket>()
  /** Those that have not sent a new reading yet, oldest first: the first to go when there are too many. */
  const unproven = new Set<Socket>()
  const perAddress = new Map<string, number>()

  /** @returns false where there is no room for one more from there. */
  function admit(socket: Socket, address: string): boolean {
    const open = (perAddress.get(address) ?? 0) + 1
    if (open > limits.connectionsPerAddress) return false
    if (sockets.size >= limits.connections) {
      // One neighbour has as many addresses as he likes, and silent connections cost him nothing.
      const [oldest] = unproven
      if (!oldest) return false
      oldest.destroy()
      leave(oldest)
    }
    sockets.add(socket)
    unproven.add(socket)
    perAddress.set(address, open)
    return true
  }

  function leave(socket: Socket): void {
    if (!sockets.delete(socket)) return
    unproven.delete(socket)
    const address = addresses.get(socket)!
    const left = (perAddress.get(address) ?? 1) - 1
    if (left > 0) perAddress.set(address, left)
    else perAddress.delete(address)
  }

  const addresses = new WeakMap<Socket, string>()
  // An acknowledgement is written in pieces: with Nagle's algorithm it would take 40 ms.
  const server: Server = createServer({ noDelay: true }, (socket: Socket) => {
    socket.on("error", () => {})
    const address = socket.remoteAddress ?? "unknown"
    addresses.set(socket, address)
    if (!admit(socket, address)) return void socket.destroy()
    socket.on("close", () => leave(socket))
    const limited = limitPackets(socket, limits.packetBytes, (error) => {
      intake
        .turnAway({
          source: `mqtt ${plain(address)}`,
          reason: "oversized",
          detail: `${error.message}; the connection was cut`,
          size: error.announced,
        })
        .catch((cause: unknown) => log.error({ cause }, "quarantine could not be written"))
    })
    const from: From = { remoteAddress: address, remotePort: socket.remotePort ?? 0, socket }
    broker.handle(Object.assign(limited, from))
  })
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => broker.close(() => reject(error)))
    server.listen(port, host, resolve)
  })

  return {
    port: (server.address() as { port: number }).port,
    connections: () => broker.connectedClients,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      await new Promise<void>((resolve) => broker.close(() => resolve()))
      // aedes knows of those alone that have said CONNECT.
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

interface From {
  remoteAddress: string
  remotePort: number
  socket: Socket
}

function fromOf(client: Client): From {
  return (client as unknown as { conn: From }).conn
}

function addressOf(client: Client): string {
  return plain(fromOf(client).remoteAddress)
}

/** An IPv4 address as people write it, also on a socket that takes IPv6 too. */
function plain(address: string): string {
  return address.replace(/^::ffff:/, "")
}

function sourceOf(client: Client): string {
  return `${addressOf(client)}:${fromOf(client).remotePort}`
}
