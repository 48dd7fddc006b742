import fc from "fast-check"
import t from "tap"
import type { Hex } from "../protocol/hex.ts"
import {
  keyWithin,
  type Part,
  type SharingKey,
  sharingKeyShape,
  wholeParts,
} from "../protocol/sharing-key.ts"
import { balanceFor, type HouseholdNet, shareBy } from "./sharing.ts"

const sum = (values: readonly bigint[]) => values.reduce((a, b) => a + b, 0n)
const least = (a: bigint, b: bigint) => (a < b ? a : b)
const home = (n: number): Hex => `0x${String(n).padStart(40, "0")}`
const start = 1_782_043_200

const household = fc.integer({ min: 0, max: 11 }).map(home)
const wh = fc.oneof(fc.bigInt({ min: 0n, max: 5n }), fc.bigInt({ min: 0n, max: 20_000n }))
const energies = fc.uniqueArray(fc.record({ household, exportedWh: wh, importedWh: wh }), {
  selector: (home) => home.household,
  maxLength: 12,
  size: "max",
})

/** Parts of one whole for distinct names: cuts of the range at random places. */
const parts: fc.Arbitrary<Part[]> = fc
  .uniqueArray(fc.tuple(household, fc.integer({ min: 0, max: wholeParts })), {
    selector: ([name]) => name,
    minLength: 1,
    maxLength: 8,
  })
  .map((cuts) => {
    const ends = cuts.map(([, cut]) => cut).sort((a, b) => a - b)
    return cuts.map(([household], i) => ({ household, parts: ends[i]! - (ends[i - 1] ?? 0) }))
  })
const version = 1
const row = parts.map((parts) => ({ start, parts }))
const pairs = fc
  .uniqueArray(fc.tuple(household, parts), { selector: ([producer]) => producer, minLength: 1, maxLength: 5 })
  .map((all) =>
    all.flatMap(([producer, list]) =>
      list.map(({ household, parts }) => ({ producer, consumer: household, parts })),
    ),
  )
const key: fc.Arbitrary<SharingKey> = fc.oneof(
  fc.constantFrom<SharingKey>(
    { name: "proportional", version },
    { name: "minimum", version },
    { name: "equal", version },
  ),
  parts.map((parts): SharingKey => ({ name: "static", version, parts })),
  row.map((row): SharingKey => ({ name: "table", version, seconds: 900, rows: [row] })),
  pairs.map((pairs): SharingKey => ({ name: "pairs", version, seconds: 900, rows: [{ start, pairs }] })),
  fc.uniqueArray(household, { minLength: 1, maxLength: 6 }).map(
    (names): SharingKey => ({
      name: "priority",
      version,
      ranks: names.length > 2 ? [names.slice(0, 2), names.slice(2)] : [names],
    }),
  ),
)
const balances = (
  key: SharingKey,
  homes: readonly { household: Hex; exportedWh: bigint; importedWh: bigint }[],
) => homes.map(({ household, exportedWh, importedWh }) => balanceFor(key, household, exportedWh, importedWh))

t.test("under every key what is given is what is received, within each household's means", async (t) => {
  const shared = new Map<string, number>()
  fc.assert(
    fc.property(key, energies, (key, homes) => {
      const nets = balances(key, homes)
      const shares = shareBy(key, nets, start)
      const given = sum(shares.map((share) => share.givenWh))
      if (given > 0n) shared.set(key.name, (shared.get(key.name) ?? 0) + 1)
      return (
        given === sum(shares.map((share) => share.receivedWh)) &&
        shares.every(
          ({ household, givenWh, receivedWh }, i) =>
            household === nets[i]!.household &&
            givenWh >= 0n &&
            receivedWh >= 0n &&
            givenWh <= nets[i]!.surplusWh &&
            receivedWh <= nets[i]!.deficitWh,
        )
      )
    }),
    { numRuns: 3000 },
  )
  for (const name of ["proportional", "minimum", "equal", "static", "table", "pairs", "priority"])
    t.ok((shared.get(name) ?? 0) > 50, `${name} shared something ${shared.get(name)} times`)
})

t.test("under every key the order of households does not matter", async (t) => {
  const byName = (shares: ReturnType<typeof shareBy>) =>
    new Map(shares.map(({ household, ...share }) => [household, share]))
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        key,
        energies.chain((homes) =>
          fc.tuple(
            fc.constant(homes),
            fc.shuffledSubarray(homes, { minLength: homes.length, maxLength: homes.length }),
          ),
        ),
        (key, [homes, others]) => {
          const one = byName(shareBy(key, balances(key, homes), start))
          const other = byName(shareBy(key, balances(key, others), start))
          return homes.every(({ household }) => {
            const [a, b] = [one.get(household)!, other.get(household)!]
            return a.givenWh === b.givenWh && a.receivedWh === b.receivedWh
          })
        },
      ),
      { numRuns: 1000 },
    ),
  )
})

t.test("keys that offer everything to everyone share all that can be shared", async (t) => {
  const whole = fc.constantFrom<SharingKey>(
    { name: "proportional", version },
    { name: "minimum", version },
    { name: "equal", version },
    { name: "priority", version, ranks: [[home(3), home(1)], [home(7)]] },
  )
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(whole, energies, (key, homes) => {
        const nets = balances(key, homes)
        const most = least(sum(nets.map((net) => net.surplusWh)), sum(nets.map((net) => net.deficitWh)))
        return sum(shareBy(key, nets, start).map((share) => share.givenWh)) === most
      }),
      { numRuns: 1000 },
    ),
  )
})

t.test("equal shares: nobody has more than another who would have used it, but for one Wh", async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(energies, (homes) => {
        const key: SharingKey = { name: "equal", version }
        const nets = balances(key, homes)
        const shares = shareBy(key, nets, start)
        return shares.every(({ receivedWh }) =>
          shares.every(
            (other, i) => other.receivedWh === nets[i]!.deficitWh || other.receivedWh >= receivedWh - 1n,
          ),
        )
      }),
      { numRuns: 1000 },
    ),
  )
})

t.test("priority: a later rank has nothing while an earlier one still needs something", async (t) => {
  const ranks = [[home(3), home(1)], [home(7)]]
  const rankOf = (household: string) => {
    const rank = ranks.findIndex((names) => names.some((name) => name === household))
    return rank < 0 ? ranks.length : rank
  }
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(energies, (homes) => {
        const key: SharingKey = { name: "priority", version, ranks }
        const nets = balances(key, homes)
        const shares = shareBy(key, nets, start)
        const short = nets.filter((net, i) => shares[i]!.receivedWh < net.deficitWh)
        const first = Math.min(...short.map((net) => rankOf(net.household)))
        return shares.every((share) => share.receivedWh === 0n || rankOf(share.household) <= first)
      }),
      { numRuns: 1000 },
    ),
  )
})

t.test("a row is in force from its start until its seconds are over", async (t) => {
  const only = (n: number) => [{ household: home(n), parts: wholeParts }]
  const key: SharingKey = {
    name: "table",
    version,
    seconds: 3600,
    rows: [
      { start, parts: only(1) },
      { start: start + 7200, parts: only(2) },
    ],
  }
  const nets: HouseholdNet[] = [
    { household: home(1), surplusWh: 0n, deficitWh: 100n },
    { household: home(2), surplusWh: 0n, deficitWh: 100n },
    { household: home(3), surplusWh: 100n, deficitWh: 0n },
  ]
  const received = (time: number) => shareBy(key, nets, time).map((share) => share.receivedWh)
  t.same(received(start - 900), [50n, 50n, 0n], "before the first row: proportional")
  t.same(received(start), [100n, 0n, 0n])
  t.same(received(start + 2700), [100n, 0n, 0n])
  t.same(received(start + 3600), [50n, 50n, 0n], "between rows: proportional")
  t.same(received(start + 7200), [0n, 100n, 0n])
  t.same(received(start + 10_800), [50n, 50n, 0n], "after the last row: proportional")
})

t.test("a batch holds the rows that are in force in it, and no others", async (t) => {
  const rows = [0, 1, 2, 3].map((n) => ({
    start: start + n * 3600,
    parts: [{ household: home(n), parts: 1 }],
  }))
  const key: SharingKey = { name: "table", version, seconds: 3600, rows }
  t.same(keyWithin(key, start + 4500, start + 7200), { ...key, rows: [rows[1]] })
  t.same(keyWithin(key, start + 3600, start + 7201), { ...key, rows: [rows[1], rows[2]] })
  const other: SharingKey = { name: "equal", version }
  t.equal(keyWithin(other, 0, 1), other)
})

t.test("a key that is none is refused, with the reason", async (t) => {
  const cases: [unknown, RegExp][] = [
    [{ name: "proportional" }, /version/],
    [{ name: "fair", version }, /name/],
    [{ name: "equal", version, parts: [] }, /parts/],
    [{ name: "static", version, parts: [] }, /parts/],
    [{ name: "static", version, parts: [{ household: home(1), parts: 0.5 }] }, /parts/],
    [{ name: "static", version, parts: [{ household: "0x12", parts: 5 }] }, /20 bytes/],
    [
      {
        name: "static",
        version,
        parts: [
          { household: home(1), parts: 1 },
          { household: home(1), parts: 1 },
        ],
      },
      /there twice/,
    ],
    [
      {
        name: "static",
        version,
        parts: [
          { household: home(1), parts: 700_000 },
          { household: home(2), parts: 300_001 },
        ],
      },
      /1000001 millionths/,
    ],
    [
      {
        name: "table",
        version,
        seconds: 900,
        rows: [{ start: start + 1, parts: [{ household: home(1), parts: 1 }] }],
      },
      /multiple of 900/,
    ],
    [
      {
        name: "table",
        version,
        seconds: 900,
        rows: [
          { start, parts: [{ household: home(1), parts: 1 }] },
          { start, parts: [{ household: home(1), parts: 1 }] },
        ],
      },
      /in order of time/,
    ],
    [{ name: "priority", version, ranks: [[home(1)], [home(1)]] }, /there twice/],
    [
      {
        name: "pairs",
        version,
        seconds: 900,
        rows: [
          {
            start,
            pairs: [
              { producer: home(1), consumer: home(2), parts: 600_000 },
              { producer: home(1), consumer: home(3), parts: 600_000 },
            ],
          },
        ],
      },
      /1200000 millionths/,
    ],
  ]
  for (const [value, reason] of cases) {
    const result = sharingKeyShape.safeParse(value)
    t.notOk(result.success, JSON.stringify(value).slice(0, 80))
    t.match(JSON.stringify(result.error?.issues), reason)
  }
})
