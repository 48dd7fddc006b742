import { readFileSync, unwatchFile, watchFile } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { createServer as createTlsServer, type PeerCertificate, type Server as TlsServer } from "node:tls"
import type { Logger } from "pino"
import { PersonError } from "../../../protocol/error.ts"
import { readSecret } from "../../../protocol/sealed-secret.ts"
import type { Admission } from "./admission.ts"
import { createBuckets } from "./bucket.ts"
import type { ShownCertificate } from "./identity.ts"

export interface Listener {
  port: number
  close(): Promise<void>
}

export interface Arrival {
  /** What to talk over. */
  socket: Socket
  /** What was admitted: the same, or what TLS runs on. */
  admitted: Socket
  secure: boolean
  certificate?: ShownCertificate
}

type OnArrival = (arrival: Arrival) => void
interface Place {
  host: string
  port: number
}

async function open(server: Server, { host, port }: Place): Promise<Listener> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(port, host, resolve)
  })
  return {
    port: (server.address() as { port: number }).port,
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}

/** Anyone who comes over TCP. */
export function listenPlain(place: Place, admission: Admission, onArrival: OnArrival): Promise<Listener> {
  // An acknowledgement is written in pieces: with Nagle's algorithm it would take 40 ms.
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {})
    if (!admission.admit(socket)) return void socket.destroy()
    onArrival({ socket, admitted: socket, secure: false })
  })
  return open(server, place)
}

export interface TlsFiles {
  certFile: string
  keyFile: string
  caFile: string
}

export interface TlsOptions extends TlsFiles {
  /** Clients without a certificate may come in; they have yet to log in. */
  withoutCertificate: boolean
  /** From the first byte to the last of a handshake. */
  handshakeMs: number
  /** At most so many handshakes are under way; the oldest makes room. */
  handshakes: number
  /** How often the files are looked at. */
  reloadMs: number
}

/** A handshake costs this side some milliseconds: an address that asks for more than this is turned away. */
const handshakeRate = { perSecond: 10, burst: 128 }

/** Those whose certificate one of our issuers vouches for. New files are taken up while it runs. */
export async function listenTls(
  place: Place,
  options: TlsOptions,
  admission: Admission,
  onArrival: OnArrival,
  log: Logger,
): Promise<Listener> {
  const { handshakeMs, handshakes, withoutCertificate } = options
  const secure = createTlsServer({
    ...read(options),
    requestCert: true,
    rejectUnauthorized: !withoutCertificate,
    minVersion: "TLSv1.2",
  })
  const underWay = new Map<string, { socket: Socket; timer: NodeJS.Timeout }>()
  const rates = createBuckets(handshakeRate, () => performance.now())
  /** The two ends of a connection: TLS does not tell which socket it runs on. */
  const nameOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`

  function done(name: string): Socket | undefined {
    const entry = underWay.get(name)
    clearTimeout(entry?.timer)
    underWay.delete(name)
    return entry?.socket
  }

  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {})
    const name = nameOf(socket)
    const address = socket.remoteAddress ?? ""
    if (rates.take(address, 1) > 0) {
      rates.giveBack(address, 1)
      return void socket.destroy()
    }
    if (!admission.admit(socket)) return void socket.destroy()
    if (underWay.size >= handshakes) {
      const [oldest] = underWay.keys()
      done(oldest!)?.destroy()
    }
    underWay.set(name, { socket, timer: setTimeout(() => done(name)?.destroy(), handshakeMs) })
    socket.on("close", () => {
      if (underWay.get(name)?.socket === socket) done(name)
    })
    secure.emit("connection", socket)
  })
  secure.on("tlsClientError", (error, socket) => {
    log.info({ source: socket.remoteAddress, reason: error.message }, "mqtt client cut in its TLS handshake")
    socket.destroy()
  })
  secure.on("secureConnection", (socket) => {
    socket.on("error", () => {})
    const admitted = done(nameOf(socket))
    if (!admitted) return void socket.destroy()
    const shown = socket.getPeerCertificate()
    const certificate = socket.authorized ? shownBy(shown) : undefined
    if (!certificate && Object.keys(shown).length > 0) {
      const reason = String(socket.authorizationError ?? "its certificate names nobody")
      log.info({ source: socket.remoteAddress, reason }, "mqtt client cut in its TLS handshake")
      return void socket.destroy()
    }
    onArrival({ socket, admitted, secure: true, ...(certificate && { certificate }) })
  })

  const stopWatching = watch(options, secure, options.reloadMs, log)
  try {
    const listener = await open(server, place)
    return {
      port: listener.port,
      async close() {
        stopWatching()
        for (const name of underWay.keys()) done(name)?.destroy()
        await listener.close()
      },
    }
  } catch (error) {
    stopWatching()
    throw error
  }
}

function shownBy({ subject, fingerprint256 }: PeerCertificate): ShownCertificate | undefined {
  const name: unknown = subject?.CN
  // More than one common name is a list, and a way to be two.
  return typeof name === "string" ? { commonName: name, fingerprint: fingerprint256 } : undefined
}

function read({ certFile, keyFile, caFile }: TlsFiles): { cert: Buffer; key: Buffer; ca: Buffer } {
  try {
    const key = Buffer.from(readSecret(keyFile, "The key of mqtt.tls"))
    return { cert: readFileSync(certFile), key, ca: readFileSync(caFile) }
  } catch (cause) {
    if (cause instanceof PersonError) throw cause
    throw new PersonError("A file of mqtt.tls cannot be read.", {
      context: [(cause as Error).message],
      next: "Make a certificate for the gateway: docs/operators.md shows how.",
    })
  }
}

/** Certificates are renewed while a box runs for years. Half-written files are left for the next look. */
function watch(options: TlsFiles, server: TlsServer, interval: number, log: Logger): () => void {
  const files = [options.certFile, options.keyFile, options.caFile]
  const reload = () => {
    try {
      server.setSecureContext(read(options))
      log.info({ files }, "mqtt certificates reloaded")
    } catch (error) {
      log.error({ files, reason: (error as Error).message }, "mqtt certificates could not be reloaded")
    }
  }
  for (const file of files) watchFile(file, { interval, persistent: false }, reload)
  return () => {
    for (const file of files) unwatchFile(file, reload)
  }
}
