import fc from "fast-check"
import t from "tap"
import type { HouseholdRecord } from "../protocol/evidence.ts"
import type { Hex } from "../protocol/hex.ts"
import { type Accounts, accountsShape, accountsWithin, priceAt, type Tariff } from "../protocol/tariff.ts"
import {
  type Accounting,
  accountStatements,
  booked,
  type Credits,
  noAccounting,
  statesAccounts,
  withIntervals,
} from "./accounts.ts"
import { netOf, shareProportionally } from "./sharing.ts"

const home = (n: number): Hex => `0x${String(n).padStart(40, "0")}`
const fund = home(99)
const noon = 1_782_043_200 // 21 June 2026, a Sunday, 12:00 UTC

const tariff: Tariff = { from: 0, unitsPerKWh: 150, periods: [], utcOffsetMinutes: 0, fundParts: 0 }
const creditsAfter = (
  credits: Credits,
  records: Parameters<typeof withIntervals>[1],
  rules: Accounts,
): Credits => booked(withIntervals({ ...noAccounting, credits }, records, rules), rules.fund).credits
const accounts = (...tariffs: Tariff[]): Accounts => ({ version: 1, fund, everySeconds: 86_400, tariffs })
const record = (start: number, givenWh: bigint, receivedWh: bigint): HouseholdRecord => ({
  start,
  energy: { generatedWh: 0n, importedWh: receivedWh, exportedWh: givenWh, givenWh, receivedWh },
})

t.test("who received pays the price, who gave has it, the fund has its part", async (t) => {
  const records = [
    { household: home(1), records: [record(noon, 4000n, 0n)] },
    { household: home(2), records: [record(noon, 0n, 1000n)] },
    { household: home(3), records: [record(noon, 0n, 3000n)] },
  ]
  t.same(
    [...creditsAfter(new Map(), records, accounts({ ...tariff, fundParts: 100_000 }))],
    [
      [fund, 60n],
      [home(1), 540n],
      [home(2), -150n],
      [home(3), -450n],
    ],
    "4 kWh at 150 units, a tenth for the fund",
  )
})

t.test("credits are cumulative", async (t) => {
  const records = [
    { household: home(1), records: [record(noon, 1000n, 0n)] },
    { household: home(2), records: [record(noon, 0n, 1000n)] },
  ]
  const once = creditsAfter(new Map(), records, accounts(tariff))
  const twice = creditsAfter(once, records, accounts(tariff))
  t.equal(twice.get(home(1)), 300n)
  t.equal(twice.get(home(2)), -300n)
  t.equal(creditsAfter(twice, [], accounts(tariff)).get(home(2)), -300n, "also of who was away")
})

t.test("less than a unit is not paid", async (t) => {
  const records = [
    { household: home(1), records: [record(noon, 6n, 0n)] },
    { household: home(2), records: [record(noon, 0n, 6n)] },
  ]
  t.same([...creditsAfter(new Map(), records, accounts(tariff)).values()], [0n, 0n, 0n])
})

t.test("but nothing of it is lost: what was shared is rounded once, when it is stated", async (t) => {
  const rules = accounts({ ...tariff, fundParts: 100_000 })
  const records = [
    { household: home(1), records: [record(noon, 6n, 0n)] },
    { household: home(2), records: [record(noon, 0n, 6n)] },
  ]
  let open: Accounting = noAccounting
  for (let batch = 0; batch < 100; batch++) open = withIntervals(open, records, rules)
  t.same([...open.credits.values()], [0n, 0n, 0n], "no money moves before it is stated")
  t.same(accountStatements(booked(open, fund).credits, noon), [
    { kind: 2, household: home(1), credit: 81n, time: noon },
    { kind: 2, household: home(2), credit: -90n, time: noon },
    { kind: 2, household: fund, credit: 9n, time: noon },
  ])
  t.same(booked(booked(open, fund), fund), booked(open, fund), "and booked once")
})

t.test("accounts are stated when a multiple of their time lies in the batch, and then alone", async (t) => {
  const day = 86_400
  const midnight = Math.floor(noon / day) * day
  const rules = accounts(tariff)
  t.equal(statesAccounts(rules, midnight - 3600, midnight), true, "the batch that ends then")
  t.equal(statesAccounts(rules, midnight, midnight + 3600), false, "not the one that begins then")
  t.equal(statesAccounts(rules, midnight - 3600, midnight + 7200), true, "a gateway was away at that moment")
  t.equal(statesAccounts(rules, midnight - 7200, midnight - 3600), false)
})

t.test(
  "a batch's accounts have the tariffs that are in force in it, and none before the first",
  async (t) => {
    const [early, late] = [
      { ...tariff, from: noon },
      { ...tariff, from: noon + 3600, unitsPerKWh: 200 },
    ]
    const rules = accounts(early, late)
    const within = (from: number, to: number) => accountsWithin(rules, from, to)?.tariffs
    t.equal(within(noon - 900, noon), undefined)
    t.same(within(noon - 900, noon + 900), [early])
    t.same(within(noon + 2700, noon + 4500), [early, late])
    t.same(within(noon + 3600, noon + 4500), [late])
  },
)

t.test("a gap costs nothing", async (t) => {
  const records = [
    { household: home(1), records: [{ start: noon, energy: undefined }] },
    { household: home(2), records: [record(noon, 0n, 0n)] },
  ]
  t.same([...creditsAfter(new Map(), records, accounts(tariff)).values()], [0n, 0n, 0n])
})

t.test("the price is that of the interval, by the tariff's own local time", async (t) => {
  const dual: Tariff = {
    ...tariff,
    utcOffsetMinutes: 120,
    periods: [
      { fromMinute: 0, toMinute: 1440, days: [0], unitsPerKWh: 90 },
      { fromMinute: 1020, toMinute: 1260, unitsPerKWh: 250 },
    ],
  }
  const day = 86_400
  t.equal(priceAt(dual, noon), 90, "Sunday")
  t.equal(priceAt(dual, noon + day), 150, "Monday, 14:00 local")
  t.equal(priceAt(dual, noon + day + 3 * 3600 - 1), 150, "16:59:59 local")
  t.equal(priceAt(dual, noon + day + 3 * 3600), 250, "17:00 local")
  t.equal(priceAt(dual, noon + day + 7 * 3600), 150, "21:00 local")
  t.equal(priceAt(dual, noon - 14 * 3600 - 1), 150, "Saturday, 23:59:59 local")
  t.equal(priceAt(dual, noon - 14 * 3600), 90, "Sunday, 00:00 local")
})

t.test("a further tariff is in force from its moment on", async (t) => {
  const later: Tariff = { ...tariff, from: noon + 900, unitsPerKWh: 300 }
  const records = [
    { household: home(1), records: [record(noon, 1000n, 0n), record(noon + 900, 1000n, 0n)] },
    { household: home(2), records: [record(noon, 0n, 1000n), record(noon + 900, 0n, 1000n)] },
  ]
  t.equal(creditsAfter(new Map(), records, accounts(tariff, later)).get(home(1)), 450n)
  t.equal(
    creditsAfter(new Map(), records, accounts(later)).get(home(1)),
    300n,
    "before the first tariff nothing has a price",
  )
})

t.test("all credits together are zero, and nobody pays more than what it received is worth", async (t) => {
  const wh = fc.bigInt({ min: 0n, max: 9000n })
  const intervals = fc.array(fc.array(fc.tuple(wh, wh), { minLength: 5, maxLength: 5 }), { maxLength: 12 })
  const tariffs = fc
    .array(
      fc.record({
        unitsPerKWh: fc.nat({ max: 500 }),
        fundParts: fc.nat({ max: 1_000_000 }),
        after: fc.integer({ min: 1, max: 5 }),
      }),
      { minLength: 1, maxLength: 3 },
    )
    .map((list) =>
      list.map(({ after, ...each }, i) => ({ ...tariff, ...each, from: noon + 900 * i * after })),
    )
    .filter((list) => list.every(({ from }, i) => i === 0 || from > list[i - 1]!.from))
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(intervals, tariffs, (list, tariffs) => {
        const records = [0, 1, 2, 3, 4].map((n) => ({ household: home(n), records: [] as HouseholdRecord[] }))
        list.forEach((energies, i) => {
          const shares = shareProportionally(
            energies.map(([exported, imported], n) => netOf(home(n), exported, imported)),
          )
          shares.forEach(({ givenWh, receivedWh }, n) => {
            records[n]!.records.push(record(noon + i * 900, givenWh, receivedWh))
          })
        })
        const credits = creditsAfter(new Map(), records, accounts(...tariffs))
        const dearest = BigInt(Math.max(...tariffs.map(({ unitsPerKWh }) => unitsPerKWh)))
        return (
          [...credits.values()].reduce((a, b) => a + b, 0n) === 0n &&
          records.every(({ household, records }) => {
            const received = records.reduce((sum, { energy }) => sum + energy!.receivedWh, 0n)
            return -credits.get(household)! * 1000n <= received * dearest
          })
        )
      }),
      { numRuns: 500 },
    ),
  )
})

t.test("accounts that make no sense are refused", async (t) => {
  t.ok(accountsShape.safeParse(accounts(tariff)).success)
  for (const wrong of [
    { ...accounts(tariff), fund: "0x12" },
    { ...accounts(tariff), tariffs: [] },
    accounts(tariff, tariff),
    accounts({ ...tariff, fundParts: 1_000_001 }),
    accounts({ ...tariff, unitsPerKWh: 0.5 }),
    accounts({ ...tariff, periods: [{ fromMinute: 600, toMinute: 600, unitsPerKWh: 1 }] }),
  ])
    t.notOk(accountsShape.safeParse(wrong).success, JSON.stringify(wrong).slice(0, 80))
})
