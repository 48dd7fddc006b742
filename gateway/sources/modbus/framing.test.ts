import fc from "fast-check"
import t from "tap"
import { BrokenFrame, crc16, hasGoodCrc, rtuFraming, tcpFraming, withCrc } from "./framing.ts"

const request = (unit: number, code: number, address: number, count: number) =>
  withCrc(Buffer.from([unit, code, address >> 8, address & 0xff, count >> 8, count & 0xff]))
const reply = (unit: number, code: number, words: readonly number[]) =>
  withCrc(Buffer.from([unit, code, 2 * words.length, ...words.flatMap((word) => [word >> 8, word & 0xff])]))

t.test("the CRC is that of the Modbus specification's example", async (t) => {
  // MODBUS over Serial Line V1.02, appendix B: 02 07 gives 0x1241.
  t.equal(crc16(Uint8Array.of(0x02, 0x07)), 0x1241)
  t.ok(hasGoodCrc(Buffer.from("010300000002c40b", "hex")))
  t.notOk(hasGoodCrc(Buffer.from("010300000002c40c", "hex")))
})

const bytes = (most: number) => fc.uint8Array({ maxLength: most })
const word = fc.integer({ min: 0, max: 0xffff })
const exchange = fc
  .record({
    unit: fc.integer({ min: 1, max: 247 }),
    code: fc.constantFrom(3, 4),
    address: word,
    words: fc.array(word, { minLength: 1, maxLength: 125 }),
  })
  .map(({ unit, code, address, words }) => ({
    asked: request(unit, code, address, words.length),
    answer: reply(unit, code, words),
  }))

t.test(
  "a reply in RTU is found behind noise, however it comes in pieces, and never before it is whole",
  async () => {
    fc.assert(
      fc.property(exchange, bytes(20), fc.nat(), ({ asked, answer }, noise, n) => {
        const whole = Buffer.concat([noise, answer])
        const part = whole.subarray(0, n % whole.length)
        return (
          rtuFraming.find(part, asked, 1) === undefined && rtuFraming.find(whole, asked, 1)?.equals(answer)
        )
      }),
    )
  },
)

t.test("a reply in RTU of which any one bit is wrong is none", async () => {
  fc.assert(
    fc.property(exchange, fc.nat(), ({ asked, answer }, n) => {
      const bit = n % (8 * answer.length)
      const disturbed = Buffer.from(answer)
      disturbed[bit >> 3]! ^= 1 << (bit & 7)
      return rtuFraming.find(disturbed, asked, 1) === undefined
    }),
    { numRuns: 1000 },
  )
})

t.test(
  "the reply to a request of another unit, function or length is never taken, in either framing",
  async () => {
    const differ = (a: Buffer, b: Buffer) =>
      a[0] !== b[0] || a[1] !== b[1] || !a.subarray(4, 6).equals(b.subarray(4, 6))
    fc.assert(
      fc.property(exchange, exchange, (one, other) => {
        fc.pre(differ(one.asked, other.asked))
        if (rtuFraming.find(other.answer, one.asked, 1)) return false
        try {
          return tcpFraming.find(tcpFraming.wrap(other.answer, 1), one.asked, 1) === undefined
        } catch (error) {
          return error instanceof BrokenFrame
        }
      }),
    )
  },
)

t.test(
  "a reply in TCP is taken by its number alone, past those of others, and the number has 16 bits",
  async () => {
    fc.assert(
      fc.property(exchange, fc.integer({ min: 257, max: 200_000 }), ({ asked, answer }, number) => {
        const of = (n: number) => tcpFraming.wrap(answer, n)
        return (
          tcpFraming.find(Buffer.concat([of(number - 1), of(number - 256)]), asked, number) === undefined &&
          tcpFraming.find(Buffer.concat([of(number + 1), of(number)]), asked, number)?.equals(answer) ===
            true &&
          tcpFraming.find(of(number).subarray(0, -1), asked, number) === undefined
        )
      }),
    )
  },
)

t.test("an exception is a reply, of the unit and the function that were asked alone", async (t) => {
  const asked = request(7, 4, 52, 2)
  const exception = (unit: number, code: number) => withCrc(Buffer.from([unit, code, 2]))
  t.same(rtuFraming.find(exception(7, 0x84), asked, 1), exception(7, 0x84))
  t.notOk(rtuFraming.find(exception(8, 0x84), asked, 1))
  t.notOk(rtuFraming.find(exception(7, 0x83), asked, 1))
  t.throws(() => tcpFraming.find(tcpFraming.wrap(exception(8, 0x84), 1), asked, 1), /unit 8 answered/)
})

t.test("a write is answered with what it wrote, and where", async (t) => {
  const asked = withCrc(Buffer.from([42, 16, 0, 50, 0, 1, 2, 0, 7]))
  const answer = (address: number, count: number) => withCrc(Buffer.from([42, 16, 0, address, 0, count]))
  t.same(rtuFraming.find(answer(50, 1), asked, 1), answer(50, 1))
  t.notOk(rtuFraming.find(answer(51, 1), asked, 1))
  t.notOk(rtuFraming.find(answer(50, 2), asked, 1))
})

t.test("whatever comes, nothing but a sound reply is taken and nothing but BrokenFrame thrown", async () => {
  fc.assert(
    fc.property(exchange, bytes(300), ({ asked }, garbage) => {
      if (rtuFraming.find(Buffer.from(garbage), asked, 1)) return false
      try {
        const found = tcpFraming.find(Buffer.from(garbage), asked, 1)
        return found === undefined || found[0] === asked[0]
      } catch (error) {
        return error instanceof BrokenFrame
      }
    }),
    { numRuns: 1000 },
  )
})
