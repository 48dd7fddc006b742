import fc from "fast-check"
import t from "tap"
import { concatBytes, fromHex } from "../hex.ts"
import { hex } from "../ocmf/sign.test.support.ts"
import { crc16, joinFrames, readFrame } from "./frames.ts"
import { modelHeader } from "./layout.ts"
import { readSnapshotLines } from "./lines.ts"
import { frame, frames, image, someSignature } from "./snapshot.test.support.ts"

const good = image({}, someSignature)

t.test("the CRC is that of Modbus", async (t) => {
  t.equal(crc16(new TextEncoder().encode("123456789")), 0x4b37, "the check value of CRC-16/MODBUS")
  t.same(readFrame(fromHex("2a03020000 9c42".replace(" ", ""))), { unit: 42, registers: new Uint8Array(2) })
})

t.test("three replies are joined to one image", async (t) => {
  t.same(joinFrames(frames(good)), good)
})

t.test("no change of a byte of a frame is accepted", async () => {
  const [first] = frames(good)
  fc.assert(
    fc.property(fc.nat(first!.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
      const bytes = first!.slice()
      bytes[at] = bytes[at]! ^ by
      try {
        readFrame(bytes)
        return false
      } catch (error) {
        return (error as Error).name === "MalformedBsm"
      }
    }),
    { numRuns: 1000 },
  )
})

t.test("frames that are not a snapshot's are refused", async (t) => {
  const [a, b, c] = frames(good) as [Uint8Array, Uint8Array, Uint8Array]
  const withCrc = (body: Uint8Array) => {
    const crc = crc16(body)
    return concatBytes(body, Uint8Array.of(crc & 0xff, crc >> 8))
  }
  const cases: [string, Uint8Array[], RegExp][] = [
    ["one missing", [a, b], /hold 450 bytes of registers, a snapshot has 504/],
    ["one twice", [a, b, c, c], /hold 558 bytes/],
    ["another unit's", [a, frames(good, 43)[1]!, c], /different Modbus units/],
    ["an exception", [withCrc(Uint8Array.of(42, 0x83, 2))], /not a reply to a read/],
    ["a wrong byte count", [withCrc(Uint8Array.of(42, 3, 4, 0, 0))], /byte count/],
    ["an odd byte count", [withCrc(Uint8Array.of(42, 3, 1, 0))], /byte count/],
    ["nothing", [], /hold 0 bytes/],
  ]
  for (const [what, given, why] of cases)
    t.throws(() => joinFrames(given), { name: "MalformedBsm", message: why }, what)
})

t.test("a file has snapshots as images or as frames, a line each", async (t) => {
  const replies = frames(good).map(hex).join("\n")
  t.same(readSnapshotLines(replies), [good])
  t.same(readSnapshotLines(`${replies}\n${replies}\r\n`), [good, good])
  t.same(readSnapshotLines(hex(good)), [good])
  t.same(readSnapshotLines(`0x${hex(good).toUpperCase()}\n\n${replies}`), [good, good])
  t.same(readSnapshotLines(hex(good).replace(/.{4}/g, "$& ")), [good], "white space counts for nothing")
  t.same(readSnapshotLines(hex(concatBytes(modelHeader, good))), [concatBytes(modelHeader, good)])
  t.same(readSnapshotLines("\n \n"), [])
})

t.test("an image that begins like a frame is an image", async (t) => {
  const start = image({ numbers: { Typ: 3 } }, someSignature)
  t.equal(start[1], 3)
  t.same(readSnapshotLines(hex(start)), [start])
})

t.test("lines that are no snapshot are each said, and spoil none of the others", async (t) => {
  const [a, b, c] = frames(good).map(hex) as [string, string, string]
  t.match(readSnapshotLines(`nonsense\n${a}\n${b}\n\n${hex(good)}\n${a}\n${b}\n${c.slice(0, -2)}00\n00`), [
    { message: /^Line 1 is neither/ },
    { message: /hold 450 bytes/ },
    good,
    { message: /CRC is wrong/ },
    { message: /^Line 9 is neither/ },
  ])
  t.match(readSnapshotLines(hex(frame(new Uint8Array(250)))), [{ message: /hold 250 bytes/ }])
})
