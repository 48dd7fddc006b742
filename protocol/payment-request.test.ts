import fc from "fast-check"
import t from "tap"
import { PersonError } from "./error.ts"
import { mostWh } from "./green.ts"
import { toHex } from "./hex.ts"
import { paymentLink, readPaymentRequest } from "./payment-request.ts"

const token = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
const where = { chainId: 31_337, token } as const
const to = "0xfb6916095ca1df60bb79ce92ce3ea74c37c5d359"
const address = fc
  .uint8Array({ minLength: 20, maxLength: 20 })
  .map(toHex)
  .filter((text) => !/^0x0+$/.test(text))

t.test("a request that was made is read as it was meant", async () => {
  const request = fc.record({
    to: address,
    wh: fc.option(fc.bigInt({ min: 1n, max: mostWh }), { nil: undefined }),
  })
  fc.assert(
    fc.property(request, (request) => {
      const read = readPaymentRequest(paymentLink(request, where), where)
      return read.to === request.to && read.wh === request.wh
    }),
  )
})

t.test("the link is one of EIP-681", async (t) => {
  t.equal(
    paymentLink({ to, wh: 3214n }, where),
    "ethereum:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed@31337/transfer?address=0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359&uint256=3214",
  )
})

t.test("an address alone asks for any amount, and numbers may be written with an exponent", async (t) => {
  t.same(readPaymentRequest(to, where), { to, wh: undefined })
  t.same(readPaymentRequest(`ethereum:${to}`, where), { to, wh: undefined })
  const asked = (amount: string) => `ethereum:${token}/transfer?address=${to}&uint256=${amount}`
  t.equal(readPaymentRequest(asked("3.2e3"), where).wh, 3200n)
  t.equal(readPaymentRequest(asked("5"), where).wh, 5n)
})

t.test("what asks for another currency, another chain, or something twice is refused", async (t) => {
  const wrong = [
    `ethereum:${to}?value=1e18`,
    `ethereum:${to}@31337/transfer?address=${to}&uint256=1`,
    `ethereum:${token}@1/transfer?address=${to}&uint256=1`,
    `ethereum:${token}@31337/approve?address=${to}&uint256=1`,
    `ethereum:${token}@31337/transfer?uint256=1`,
    `ethereum:${token}@31337/transfer?address=${to}&address=${token}&uint256=1`,
    `ethereum:${token}@31337/transfer?address=${to}&uint256=1.5`,
    `ethereum:${token}@31337/transfer?address=${to}&uint256=1e99`,
    `ethereum:${token}@31337/transfer?address=${to}&uint256=0`,
    `bitcoin:${to}`,
    "https://example.org/",
  ]
  for (const text of wrong) t.throws(() => readPaymentRequest(text, where), PersonError, text)
})
