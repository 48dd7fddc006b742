import fc from "fast-check"
import t from "tap"
import { coins, gwei, offer, raisedOffer, weiOf } from "./fees.ts"

const wei = fc.bigInt({ min: 0n, max: 10n ** 13n })
const price = fc.record({ baseFee: wei, tip: wei })
const fees = fc.tuple(wei, wei).map(([a, b]) => ({ maxFeePerGas: a + b, maxPriorityFeePerGas: a }))

t.test("an offer pays what the chain asks now, and never more than the ceiling", async () => {
  fc.assert(
    fc.property(price, wei, (asked, ceiling) => {
      const made = offer(asked, ceiling)
      const cost = asked.baseFee + asked.tip
      if (!made) return cost > ceiling
      const { maxFeePerGas, maxPriorityFeePerGas } = made
      return maxFeePerGas >= cost && maxFeePerGas <= ceiling && maxPriorityFeePerGas <= maxFeePerGas
    }),
  )
})

t.test("an offer survives the base fee doubling where the ceiling allows it", async (t) => {
  t.same(offer({ baseFee: 30n, tip: 2n }, 1000n), { maxFeePerGas: 62n, maxPriorityFeePerGas: 2n })
  t.same(offer({ baseFee: 30n, tip: 2n }, 40n), { maxFeePerGas: 40n, maxPriorityFeePerGas: 2n })
})

t.test(
  "what replaces a transaction offers an eighth more in both parts, so that every node takes it",
  async () => {
    fc.assert(
      fc.property(fees, price, wei, (before, asked, ceiling) => {
        const after = raisedOffer(before, asked, ceiling)
        if (!after) return true
        const rises = (key: keyof typeof after) =>
          8n * after[key] >= 9n * before[key] && after[key] > before[key]
        return (
          rises("maxFeePerGas") &&
          rises("maxPriorityFeePerGas") &&
          after.maxFeePerGas <= ceiling &&
          after.maxPriorityFeePerGas <= after.maxFeePerGas &&
          after.maxFeePerGas >= asked.baseFee + asked.tip
        )
      }),
    )
  },
)

t.test("nothing is replaced above the ceiling", async (t) => {
  const before = { maxFeePerGas: 90n, maxPriorityFeePerGas: 1n }
  t.equal(raisedOffer(before, { baseFee: 10n, tip: 1n }, 100n), undefined)
  t.ok(raisedOffer(before, { baseFee: 10n, tip: 1n }, 102n))
  t.equal(raisedOffer(before, { baseFee: 200n, tip: 1n }, 200n), undefined)
})

t.test("a limit in gwei is taken to the wei", async (t) => {
  t.equal(weiOf(0.1), 100_000_000n)
  t.equal(weiOf(0.000000001), 1n)
  t.equal(weiOf(31.41592653), 31_415_926_530n)
  t.equal(weiOf(1_000_000), 10n ** 15n)
})

t.test("amounts are shown as people read them", async (t) => {
  t.equal(coins(0n), "0")
  t.equal(coins(10n ** 18n), "1")
  t.equal(coins(1_234_567n * 10n ** 12n), "1.234")
  t.equal(coins(12_345_600_000_000n), "0.00001234")
  t.equal(coins(123_456n * 10n ** 18n), "123456")
  t.equal(gwei(31_000_000_000n), "31 gwei")
  t.equal(gwei(50_000_000n), "0.05 gwei")
})
