import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import t from "tap"
import { Gate } from "./gate.ts"
import type { PacketTooLarge } from "./packet-watch.ts"

const most = 1024

/** The length as MQTT writes it, in `width` bytes or as many as it takes. */
function lengthBytes(length: number, width: number): number[] {
  const bytes: number[] = []
  do {
    bytes.push((length % 128) | 128)
    length = Math.floor(length / 128)
  } while (length > 0 || bytes.length < width)
  bytes[bytes.length - 1]! &= 127
  return bytes
}

/** A server behind the limit, and what became of its one connection. */
async function limitedServer() {
  const cut: PacketTooLarge[] = []
  let taken = 0
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    const limited = new Gate(socket, {
      packetBytes: most,
      unreadBytes: 1024,
      charge: () => 0,
      patienceMs: 0,
      now: () => 0,
    })
    limited.on("data", (chunk: Buffer) => {
      taken += chunk.length
      limited.write(chunk)
    })
    limited.on("error", (error) => cut.push(error as PacketTooLarge))
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  return { port: (server.address() as AddressInfo).port, server, cut, sockets, taken: () => taken }
}

t.test("a CONNECT that announces 200 MB is cut at its header, and its body is not gathered", async (t) => {
  const { port, server, cut, sockets, taken } = await limitedServer()
  t.teardown(() => server.close())
  const socket = connect(port, "127.0.0.1")
  socket.on("error", () => {})
  const before = process.memoryUsage().arrayBuffers
  socket.write(Uint8Array.from([0x10, ...lengthBytes(200_000_000, 1)]))
  const block = Buffer.alloc(65_536)
  const closed = new Promise((resolve) => socket.once("close", resolve))
  const pour = () => {
    while (!socket.destroyed && socket.bytesWritten < 200_000_000 && socket.write(block));
  }
  socket.on("drain", pour)
  pour()
  await closed
  t.match(cut, [{ name: "PacketTooLarge" }])
  t.ok(cut[0]!.announced > most)
  t.equal(taken(), 0, "nothing came through")
  t.ok(sockets[0]!.bytesRead <= 2 * 65_536, `${sockets[0]!.bytesRead} bytes were read`)
  t.ok(process.memoryUsage().arrayBuffers - before < 20_000_000)
})

t.test("what is within the limit comes through unchanged, both ways, byte by byte too", async (t) => {
  const { port, server, cut } = await limitedServer()
  t.teardown(() => server.close())
  const sent = Uint8Array.from([
    0x10,
    ...lengthBytes(most, 1),
    ...Array.from({ length: most }, (_, i) => i % 256),
    0xc0,
    0,
    0x30,
    ...lengthBytes(3, 1),
    1,
    2,
    3,
  ])
  const socket = connect(port, "127.0.0.1")
  socket.setNoDelay()
  let back = Buffer.alloc(0)
  const all = new Promise<void>((resolve) => {
    socket.on("data", (chunk) => {
      back = Buffer.concat([back, chunk])
      if (back.length === 2 * sent.length) resolve()
    })
  })
  socket.write(sent)
  for (const byte of sent) socket.write(Uint8Array.of(byte))
  await all
  t.same(back, Buffer.concat([sent, sent]))
  t.same(cut, [])
  socket.destroy()
})

/** Both ends of a connection, the far one behind a gate. */
async function gated(
  t: { teardown(after: () => void): void },
  charge: (bytes: number, packets: number) => number,
  patienceMs = 1e9,
) {
  const server = createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const arrived = once(server, "connection") as Promise<[Socket]>
  const near = connect((server.address() as AddressInfo).port, "127.0.0.1")
  near.on("error", () => {})
  const [far] = await arrived
  let now = 0
  const gate = new Gate(far, { packetBytes: most, unreadBytes: 1024, charge, patienceMs, now: () => now })
  t.teardown(() => {
    near.destroy()
    gate.destroy()
    server.close()
  })
  return { near, far, gate, later: (ms: number) => (now += ms) }
}

const pings = (n: number) => Buffer.alloc(2 * n, Buffer.from([0xc0, 0]))

t.test("who is over its rate is not read from, and what waits stays on its own side", async (t) => {
  const charged: number[] = []
  const { near, far, gate } = await gated(t, (bytes) => {
    charged.push(bytes)
    return charged.length > 1 ? 3_600_000 : 0
  })
  let passed = 0
  gate.on("data", (chunk: Buffer) => {
    passed += chunk.length
  })
  const flood = pings(8_000_000)
  let drained = false
  near.write(flood, () => {
    drained = true
  })
  while (charged.length < 2) await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.equal(charged.length, 2)
  t.same(passed, charged[0]! + charged[1]!)
  t.ok(far.bytesRead <= 2 * 65_536, `${far.bytesRead} bytes were taken in`)
  t.ok(far.isPaused())
  t.notOk(drained, "the rest is the sender's to hold")
})

t.test("everything comes through in the end, in small pieces, each charged with its packets", async (t) => {
  let [bytes, packets, largest] = [0, 0, 0]
  const { near, gate } = await gated(t, (some, begun) => {
    bytes += some
    packets += begun
    largest = Math.max(largest, some)
    return bytes % 5 === 0 ? 1 : 0
  })
  let passed = 0
  const all = new Promise<void>((resolve) => {
    gate.on("data", (chunk: Buffer) => {
      passed += chunk.length
      if (passed === 100_000) resolve()
    })
  })
  near.write(pings(50_000))
  await all
  t.same({ passed, bytes, packets }, { passed: 100_000, bytes: 100_000, packets: 50_000 })
  t.ok(largest <= 4096)
})

t.test("who stays over its rate is cut; a break makes good", async (t) => {
  let over = true
  const { near, gate, later } = await gated(t, () => (over ? 1 : 0), 60_000)
  const seen = async () => {
    const came = once(gate, "data")
    near.write(pings(1))
    await came
  }
  gate.resume()
  await seen()
  later(59_000)
  await seen()
  over = false
  await seen()
  over = true
  later(59_000)
  await seen()
  later(59_000)
  await seen()
  later(2_000)
  const error = once(gate, "error")
  near.write(pings(1))
  t.match(await error, [{ name: "TooFast", message: "over its rate for 61 s" }])
})

t.test("what a client said before it left is heard; of one that is held back, nothing more", async (t) => {
  const polite = await gated(t, () => 0)
  let passed = 0
  polite.gate.on("data", (chunk: Buffer) => {
    passed += chunk.length
  })
  const ended = once(polite.gate, "end")
  polite.near.end(pings(10_000))
  await ended
  t.equal(passed, 20_000)

  const hasty = await gated(t, () => 3_600_000)
  hasty.gate.resume()
  const closed = once(hasty.gate, "close")
  hasty.near.end(pings(10_000))
  await closed
  t.pass("its gate is closed with it")
})
