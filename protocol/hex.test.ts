import fc from "fast-check"
import t from "tap"
import { encodeAbiParameters } from "viem"
import { abiWord, equalBytes, fromHex, toHex } from "./hex.ts"

t.test("bytes come back from their hexadecimal, with and without 0x, in either case", async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const hex = toHex(bytes)
      return [hex, hex.slice(2), `0x${hex.slice(2).toUpperCase()}`].every((text) =>
        equalBytes(fromHex(text), bytes),
      )
    }),
  )
  t.equal(toHex(new Uint8Array()), "0x")
})

t.test("what is not hexadecimal, or not of the length asked for, is refused", async (t) => {
  for (const text of ["0x1", "zz", "0X00", "0x00 ", " 00", "0x0x00", "00\n"])
    t.throws(() => fromHex(text), /is not hexadecimal/, JSON.stringify(text))
  t.throws(() => fromHex("0x0011", 3), /Expected 3 bytes of hexadecimal, got 2/)
})

t.test("an ABI word is viem's, for whole numbers of either sign and for addresses", async (t) => {
  const [low, high] = [-(2n ** 255n), 2n ** 256n - 1n]
  fc.assert(
    fc.property(fc.bigInt({ min: low, max: high }), (value) => {
      const type = value < 0n ? "int256" : "uint256"
      return toHex(abiWord(value)) === encodeAbiParameters([{ type }], [value])
    }),
  )
  const address = `0x${"5a".repeat(20)}` as const
  t.equal(toHex(abiWord(address)), encodeAbiParameters([{ type: "address" }], [address]))
  for (const value of [high + 1n, low - 1n]) t.throws(() => abiWord(value), /does not fit/)
})

t.test("bytes are equal when each byte is", async (t) => {
  t.ok(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2)))
  t.notOk(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3)))
  t.notOk(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 0)))
})
