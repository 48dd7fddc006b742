import t from "tap"
import { gasAccount, statusAtStart, warningsOf } from "./status.ts"

const address = `0x${"11".repeat(20)}` as const
const milli = 10n ** 15n

t.test("the account is enough for as many batches as it pays for at what the last ones cost", async (t) => {
  t.same(gasAccount(address, 100n * milli, [2n * milli, 4n * milli], 30), {
    address,
    wei: 100n * milli,
    enoughFor: 33,
    low: false,
  })
  t.equal(gasAccount(address, 100n * milli, [4n * milli], 30).low, true)
})

t.test("before the first batch nobody knows what one costs, and only an empty account is low", async (t) => {
  t.match(gasAccount(address, 1n, [], 30), { enoughFor: undefined, low: false })
  t.match(gasAccount(address, 0n, [], 30), { low: true })
})

t.test("what a person should see to is said in words", async (t) => {
  const warnings = (over: object) => warningsOf({ ...statusAtStart(), ...over })
  t.same(warnings({}), [])
  t.match(warnings({ account: gasAccount(address, 10n * milli, [4n * milli], 30) }), [
    /has 0\.01 left, enough for about 2 more batches: send it gas money/,
  ])
  t.match(warnings({ account: gasAccount(address, 0n, [], 30) }), [/is empty: nothing is settled/])
  t.match(
    warnings({
      nodes: [
        { name: "one.example", state: "good", detail: undefined },
        { name: "two.example", state: "behind", detail: "400 s behind" },
      ],
    }),
    [/the node two\.example is not used: behind \(400 s behind\)/],
  )
})
