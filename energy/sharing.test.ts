import fc from "fast-check"
import t from "tap"
import { divide, type HouseholdNet, netOf, shareProportionally } from "./sharing.ts"

const sum = (values: readonly bigint[]) => values.reduce((a, b) => a + b, 0n)
const least = (values: bigint[]) => values.sort((a, b) => (a < b ? -1 : 1))[0]!

const wh = fc.oneof(
  fc.bigInt({ min: 0n, max: 5n }),
  fc.bigInt({ min: 0n, max: 20_000n }),
  fc.bigInt({ min: 0n, max: 2n ** 63n }),
)
const community = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 0, max: 999 }), wh, wh), {
    selector: ([n]) => n,
    maxLength: 30,
    size: "max",
  })
  .map((homes) =>
    homes.map(([n, exported, imported]) => netOf(`0x${String(n).padStart(3, "0")}`, exported, imported)),
  )

t.test("what is given is what is received: the smaller of surplus and deficit, to the Wh", async (t) => {
  let shared = 0
  fc.assert(
    fc.property(community, (nets) => {
      const shares = shareProportionally(nets)
      const most = least([sum(nets.map((net) => net.surplusWh)), sum(nets.map((net) => net.deficitWh))])
      if (most > 0n) shared++
      return (
        sum(shares.map((share) => share.givenWh)) === most &&
        sum(shares.map((share) => share.receivedWh)) === most
      )
    }),
    { numRuns: 1000 },
  )
  t.ok(shared > 300, `${shared} communities had something to share`)
})

t.test(
  "nobody gives more than his surplus or receives more than his deficit, and nobody does both",
  async (t) => {
    t.doesNotThrow(() =>
      fc.assert(
        fc.property(community, (nets) =>
          shareProportionally(nets).every(
            ({ household, givenWh, receivedWh }, i) =>
              household === nets[i]!.household &&
              givenWh >= 0n &&
              receivedWh >= 0n &&
              givenWh <= nets[i]!.surplusWh &&
              receivedWh <= nets[i]!.deficitWh,
          ),
        ),
        { numRuns: 1000 },
      ),
    )
  },
)

t.test("the shares do not depend on the order of households", async (t) => {
  const byName = (nets: readonly HouseholdNet[]) =>
    Object.fromEntries(shareProportionally(nets).map(({ household, ...share }) => [household, share]))
  const shuffled = community.chain((nets) =>
    fc.tuple(
      fc.constant(nets),
      fc.shuffledSubarray(nets, { minLength: nets.length, maxLength: nets.length }),
    ),
  )
  fc.assert(
    fc.property(shuffled, ([nets, others]) => {
      const [one, other] = [byName(nets), byName(others)]
      return nets.every(
        ({ household }) =>
          one[household]!.givenWh === other[household]!.givenWh &&
          one[household]!.receivedWh === other[household]!.receivedWh,
      )
    }),
    { numRuns: 500 },
  )
  t.same(byName([netOf("b", 3n, 0n), netOf("a", 0n, 9n)]), {
    a: { givenWh: 0n, receivedWh: 3n },
    b: { givenWh: 3n, receivedWh: 0n },
  })
})

t.test("among equal remainders the name that sorts first has the Wh that is left", async (t) => {
  t.same(divide(10n, [1n, 1n, 1n], ["c", "a", "b"]), [3n, 4n, 3n])
  t.same(divide(11n, [1n, 1n, 1n], ["c", "a", "b"]), [3n, 4n, 4n])
  t.same(divide(1n, [5n, 5n], ["0xbb", "0xaa"]), [0n, 1n])
  t.same(divide(5n, [0n, 0n], ["a", "b"]), [0n, 0n], "nobody has a weight")
  t.same(divide(0n, [3n, 4n], ["a", "b"]), [0n, 0n])
  t.same(divide(7n, [], []), [])
  t.same(divide(2n ** 70n, [1n, 2n ** 64n], ["a", "b"]), [64n, 2n ** 70n - 64n], "exact where a float is not")
})

/** The largest-remainder rule one unit at a time: whoever is furthest below his exact share, and the first by name. */
function naively(amount: number, weights: readonly number[], names: readonly string[]): number[] {
  const total = weights.reduce((a, b) => a + b, 0)
  const parts = weights.map((weight) => (total === 0 ? 0 : Math.floor((amount * weight) / total)))
  const had = [...parts]
  let left = total === 0 ? 0 : amount - parts.reduce((a, b) => a + b, 0)
  for (; left > 0; left--) {
    let best = -1
    for (let i = 0; i < weights.length; i++) {
      if (parts[i] !== had[i]) continue
      // Compared as whole numbers: weight × amount − part × total.
      const short = (j: number) => amount * weights[j]! - parts[j]! * total
      if (best < 0 || short(i) > short(best) || (short(i) === short(best) && names[i]! < names[best]!))
        best = i
    }
    parts[best]! += 1
  }
  return parts
}

t.test("dividing follows the largest-remainder rule, as a naive implementation of it does", async (t) => {
  const few = fc.uniqueArray(fc.tuple(fc.string({ minLength: 1, maxLength: 3 }), fc.nat({ max: 40 })), {
    selector: ([name]) => name,
    maxLength: 12,
    size: "max",
  })
  let leftOver = 0
  fc.assert(
    fc.property(fc.nat({ max: 300 }), few, (amount, parts) => {
      const names = parts.map(([name]) => name)
      const weights = parts.map(([, weight]) => weight)
      const divided = divide(BigInt(amount), weights.map(BigInt), names)
      const total = weights.reduce((a, b) => a + b, 0)
      if (total > 0 && weights.some((weight) => (amount * weight) % total)) leftOver++
      return (
        divided.join() === naively(amount, weights, names).join() &&
        sum(divided) === (total === 0 ? 0n : BigInt(amount))
      )
    }),
    { numRuns: 2000 },
  )
  t.ok(leftOver > 500, `${leftOver} divisions did not come out even`)
})

t.test("a household is netted over all its meters: it has a surplus or a deficit, never both", async (t) => {
  t.same(netOf("a", 7n, 5n), { household: "a", surplusWh: 2n, deficitWh: 0n })
  t.same(netOf("a", 5n, 7n), { household: "a", surplusWh: 0n, deficitWh: 2n })
  t.same(netOf("a", 5n, 5n), { household: "a", surplusWh: 0n, deficitWh: 0n })
})
