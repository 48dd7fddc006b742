import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import fc from "fast-check"
import t from "tap"
import { limitPackets, PacketTooLarge, packetWatch } from "./packet-limit.ts"

const most = 1024

/** Independently, over the whole stream at once: where a header announces too much, and how much. */
function tooLargeAt(bytes: Uint8Array, most: number): { at: number; announced: number } | undefined {
  let i = 0
  while (i < bytes.length) {
    i += 1
    let announced = 0
    for (let n = 0; ; n++) {
      if (i >= bytes.length) return undefined
      const byte = bytes[i]!
      announced += (byte % 128) * 128 ** n
      // MQTT 3.1.1, 2.2.3: a length has four bytes at most.
      if (announced > most || n === 4) return { at: i, announced }
      i += 1
      if (byte < 128) break
    }
    i += announced
  }
  return undefined
}

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

const packet = fc
  .tuple(
    fc.nat({ max: 255 }),
    fc.oneof(fc.nat({ max: 40 }), fc.integer({ min: 1000, max: 1100 })),
    fc.integer({ min: 1, max: 4 }),
  )
  .map(([type, length, width]) => [
    type,
    ...lengthBytes(length, width),
    ...new Array<number>(length).fill(0x80),
  ])
const stream = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .array(packet, { maxLength: 12, size: "max" })
      .map((packets) => Uint8Array.from(packets.flat())),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300, size: "max" }) },
)

t.test(
  "however a stream is split, its packets are followed and the first that is too large is caught",
  async (t) => {
    let caught = 0
    let passed = 0
    fc.assert(
      fc.property(stream, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (bytes, sizes) => {
        const expected = tooLargeAt(bytes, most)
        const watch = packetWatch(most)
        for (let [at, n] = [0, 0]; at < bytes.length; n++) {
          const chunk = bytes.subarray(at, at + sizes[n % sizes.length]!)
          try {
            watch(chunk)
          } catch (error) {
            caught++
            return (
              error instanceof PacketTooLarge &&
              expected !== undefined &&
              at <= expected.at &&
              expected.at < at + chunk.length &&
              error.announced === expected.announced
            )
          }
          at += chunk.length
          if (expected && expected.at < at) return false
        }
        passed++
        return expected === undefined
      }),
      { numRuns: 2000 },
    )
    t.ok(caught > 200 && passed > 200, `${caught} caught, ${passed} passed`)
  },
)

t.test("a packet of the most bytes passes, one byte more does not", async (t) => {
  const watch = packetWatch(most)
  watch(Uint8Array.from([0x30, ...lengthBytes(most, 1), ...new Uint8Array(most)]))
  t.throws(() => watch(Uint8Array.from([0x30, ...lengthBytes(most + 1, 1)])), {
    name: "PacketTooLarge",
    announced: most + 1,
    message: "1025 bytes announced, a packet has at most 1024",
  })
})

/** A server behind the limit, and what became of its one connection. */
async function limitedServer() {
  const cut: PacketTooLarge[] = []
  let taken = 0
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    const limited = limitPackets(socket, most, (error) => cut.push(error))
    limited.on("data", (chunk: Buffer) => {
      taken += chunk.length
      limited.write(chunk)
    })
    limited.on("error", () => {})
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
