import fc from "fast-check"
import t from "tap"
import { createAttempts } from "./attempts.ts"

const limits = { most: 5, refillSeconds: 12, mostOfAll: 60, refillOfAllSeconds: 2 }

/** How many of so many guesses are let through. */
function guesses(attempts: ReturnType<typeof createAttempts>, addresses: readonly string[]): number {
  let taken = 0
  for (const address of addresses)
    if (attempts.allowed(address)) {
      attempts.failed(address)
      taken++
    }
  return taken
}

t.test("an address uses up its own attempts and nobody else's, and gets one back at a time", async (t) => {
  let now = 0
  const attempts = createAttempts(() => now, limits)
  t.equal(guesses(attempts, Array(40).fill("192.168.1.66")), 5)
  t.equal(attempts.allowed("192.168.1.20"), true)
  now += 12
  t.equal(guesses(attempts, Array(40).fill("192.168.1.66")), 1)
  attempts.forgiven("192.168.1.66")
  t.equal(attempts.allowed("192.168.1.66"), true, "what was right costs nothing")
})

t.test("who has many addresses meets the limit for all; a network of IPv6 is one address", async (t) => {
  let now = 0
  const attempts = createAttempts(() => now, limits)
  const network = Array.from({ length: 40 }, (_, n) => `2001:db8:0:1::${n.toString(16)}`)
  t.equal(guesses(attempts, network), 5)
  t.equal(attempts.allowed("2001:db8:0:1:ffff:1:2:3"), false)
  t.equal(attempts.allowed("2001:db8:0:2::1"), true)
  t.equal(attempts.allowed("::1"), true)
  t.equal(attempts.allowed("::ffff:192.168.1.20"), true)
  t.equal(
    guesses(
      attempts,
      Array.from({ length: 200 }, (_, n) => `10.0.0.${n}`),
    ),
    55,
  )
  now += 2
  t.equal(
    guesses(
      attempts,
      Array.from({ length: 200 }, (_, n) => `10.0.1.${n}`),
    ),
    1,
  )
})

t.test("whatever comes from wherever, and whenever, no more is taken than the limits give", () => {
  const attempt = fc.record({ address: fc.constantFrom("a", "b", "c", "d"), wait: fc.nat({ max: 20 }) })
  fc.assert(
    fc.property(fc.array(attempt, { maxLength: 200 }), (all) => {
      let now = 0
      const attempts = createAttempts(() => now, limits)
      const taken = new Map<string, number>()
      for (const { address, wait } of all) {
        now += wait
        taken.set(address, (taken.get(address) ?? 0) + guesses(attempts, [address]))
      }
      for (const [, n] of taken) if (n > limits.most + now / limits.refillSeconds) return false
      return (
        [...taken.values()].reduce((a, b) => a + b, 0) <= limits.mostOfAll + now / limits.refillOfAllSeconds
      )
    }),
  )
  return Promise.resolve()
})
