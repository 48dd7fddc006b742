import { createServer, type Server, type Socket } from "node:net"
import { Aedes, type AuthenticateError, type Client, type PublishPacket } from "aedes"
import type { Logger } from "pino"
import type { Hex } from "../../../protocol/hex.ts"
import type { Intake } from "../../intake.ts"
import { limitPackets } from "./packet-limit.ts"

/** A meter publishes its readings here; nothing else may be published and nobody may listen. */
const readingsTopic = /^meters\/(0x[0-9a-f]{64})\/readings$/

/** A reading of 256 bytes, its topic of 84 and MQTT's own; a CONNECT is no longer. */
const mostPacketBytes = 1024
const mostConnections = 512
const mostConnectionsPerAddress = 128
/** A client that sends this many messages that are refused is cut; it may come back. */
const mostRefused = 100

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
): Promise<Broker> {
  const refused = new WeakMap<Client, number>()
  const broker = await Aedes.createBroker({
    connectTimeout: 5_000,
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
    authorizeSubscribe(_client, _subscription, done) {
      done(notAuthorised(), null)
    },
  })

  async function take(client: Client, packet: PublishPacket): Promise<void> {
    const source = `mqtt ${addressOf(client)}`
    const meter = readingsTopic.exec(packet.topic)
    if (!meter) throw new Error(`publishing to ${packet.topic.slice(0, 100)} is not allowed`)
    packet.retain = false
    const bytes = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload
    const outcome = await intake.submit({
      source,
      bytes: Uint8Array.from(bytes ?? []),
      claimedMeter: meter[1] as Hex,
      redelivered: packet.dup,
    })
    if (outcome.kind !== "refused") return
    const times = (refused.get(client) ?? 0) + 1
    refused.set(client, times)
    if (times >= mostRefused) throw new Error(`${times} messages were refused`)
  }

  broker.on("clientError", (client, error) => {
    log.info({ source: sourceOf(client), reason: error.message }, "mqtt client cut")
  })

  const perAddress = new Map<string, number>()
  const server: Server = createServer((socket: Socket) => {
    const address = socket.remoteAddress ?? "unknown"
    const open = (perAddress.get(address) ?? 0) + 1
    if (open > mostConnectionsPerAddress) return void socket.destroy()
    perAddress.set(address, open)
    socket.on("close", () => {
      const left = (perAddress.get(address) ?? 1) - 1
      if (left > 0) perAddress.set(address, left)
      else perAddress.delete(address)
    })
    const from = { remoteAddress: address, remotePort: socket.remotePort }
    const limited = limitPackets(socket, mostPacketBytes, (error) => {
      intake
        .turnAway({
          source: `mqtt ${address}`,
          reason: "oversized",
          detail: `${error.message}; the connection was cut`,
          size: error.announced,
        })
        .catch((cause: unknown) => log.error({ cause }, "quarantine could not be written"))
    })
    broker.handle(Object.assign(limited, from))
  })
  server.maxConnections = mostConnections
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(port, host, resolve)
  })

  return {
    port: (server.address() as { port: number }).port,
    connections: () => broker.connectedClients,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      await new Promise<void>((resolve) => broker.close(() => resolve()))
      await closed
    },
  }
}

interface From {
  remoteAddress?: string
  remotePort?: number
}

function addressOf(client: Client): string {
  return ((client as unknown as { conn: From }).conn.remoteAddress ?? "unknown").replace(/^::ffff:/, "")
}

function sourceOf(client: Client): string {
  return `${addressOf(client)}:${(client as unknown as { conn: From }).conn.remotePort ?? 0}`
}

function notAuthorised(): AuthenticateError {
  return Object.assign(new Error("nobody may listen here"), { returnCode: 5 })
}
