import fc from "fast-check"
import t from "tap"
import { PacketTooLarge, packetWatch } from "./packet-watch.ts"

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

t.test("packets are counted by their headers, however they come", async (t) => {
  const two = Uint8Array.from([0x30, ...lengthBytes(200, 1), ...new Uint8Array(200).fill(0x30), 0xc0, 0])
  const whole = packetWatch(most)
  t.same(whole(two), { bytes: two.length, packets: 2 })
  const split = packetWatch(most)
  t.equal(
    [...two].reduce((sum, byte) => sum + split(Uint8Array.of(byte)).packets, 0),
    2,
  )
})

t.test("a chunk is looked at up to the packet that would be one too many", async (t) => {
  const watch = packetWatch(most, 3)
  const pings = Uint8Array.from([0xc0, 0, 0xc0, 0, 0xc0, 0, 0xc0, 0, 0xc0])
  t.same(watch(pings), { bytes: 6, packets: 3 })
  t.same(watch(pings.subarray(6)), { bytes: 3, packets: 2 })
  t.same(watch(Uint8Array.of(0, 0xc0)), { bytes: 2, packets: 1 })
})
