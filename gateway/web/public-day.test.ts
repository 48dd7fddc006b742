import fc from "fast-check"
import t from "tap"
import type { Hex } from "../../protocol/hex.ts"
import type { HomeDaySum, PublicDay } from "../journal/days.ts"
import { createDays } from "./days.ts"
import { groupFor, publicDay } from "./public-day.ts"
import { midnight, openVillage } from "./village.test.support.ts"

const day = "2026-06-21"
const home = (n: number): Hex => `0x${n.toString(16).padStart(40, "0")}`
const roofs = (count: number) => new Set(Array.from({ length: count }, (_, n) => home(n)))

/** A home's day; the first `producing` of a list feed in. */
function sum(n: number, used: bigint, producing = 99): HomeDaySum {
  const given = n < producing ? used / 2n : 0n
  const exchange = { used, given, received: used / 4n, toGrid: given, fromGrid: used / 2n }
  return {
    household: home(n),
    day,
    known: 96,
    missing: 0,
    energy: { generated: n < producing ? used : 0n, exchange },
  }
}

const gapOf = (n: number): HomeDaySum => ({
  household: home(n),
  day,
  known: 0,
  missing: 96,
  energy: undefined,
})

t.test("a sum of two homes is not told, a sum of three is", async (t) => {
  const days = [0, 1, 2].map((n) => sum(n, 5000n))
  t.match(publicDay(day, days.slice(0, 2), [], roofs(3)), { homes: [], used: undefined, shared: undefined })
  t.match(publicDay(day, days, [], roofs(3)), {
    used: 15_000n,
    shared: 7500n,
    toGrid: 7500n,
    fromGrid: 7500n,
  })
})

t.test("a home that uses nearly all of it keeps its secret", async (t) => {
  const day1 = [sum(0, 90_000n), sum(1, 9000n), sum(2, 1000n)]
  t.match(publicDay(day, day1, [], roofs(3)), { homes: [], used: undefined })
})

t.test(
  "where fewer than three have a roof, what is fed in is not told: it would be one roof's",
  async (t) => {
    const days = [0, 1, 2, 3].map((n) => sum(n, 5000n, 1))
    t.match(publicDay(day, days, [], roofs(1)), {
      used: 20_000n,
      shared: undefined,
      toGrid: undefined,
      fromGrid: undefined,
    })
  },
)

t.test("what went between the homes in a sum and one outside of it is not told", async (t) => {
  const days = [0, 1, 2, 3].map((n) => sum(n, 5000n))
  const before = [0, 1, 2].map(home)
  t.match(publicDay(day, days, [before], roofs(4)), { homes: before, used: 15_000n, shared: undefined })
})

t.test("a gap of one home does not give the others' difference away", async (t) => {
  const all = [0, 1, 2, 3, 4].map(home)
  t.same(groupFor(all, [], true), all)
  t.equal(groupFor(all.slice(1), [], false), undefined, "the first sum waits for a day without a gap")
  t.equal(groupFor(all.slice(1), [all], false), undefined)
  t.equal(groupFor(all.slice(1), [all], true), undefined, "of who leaves the difference would tell")
  t.same(groupFor([...all, home(9)], [all], true), all, "who joins alone is not in the sum yet")
  t.same(
    groupFor([...all, home(7), home(8), home(9)], [all], true)?.length,
    8,
    "who joins with two others is",
  )
})

/** Whether a sum over one home alone can be made of the sums published, by adding and subtracting them in any way. */
function isolates(groups: readonly (readonly Hex[])[], target: Hex, homes: readonly Hex[]): boolean {
  const rows = groups.map((group) => homes.map((one) => (group.includes(one) ? 1 : 0)))
  const rank = (matrix: number[][]) => {
    const left = matrix.map((row) => [...row])
    let found = 0
    for (let column = 0; column < homes.length; column++) {
      const pivot = left.findIndex((row, i) => i >= found && Math.abs(row[column]!) > 1e-9)
      if (pivot < 0) continue
      ;[left[found], left[pivot]] = [left[pivot]!, left[found]!]
      for (let i = 0; i < left.length; i++) {
        if (i === found) continue
        const factor = left[i]![column]! / left[found]![column]!
        for (let j = 0; j < homes.length; j++) left[i]![j]! -= factor * left[found]![j]!
      }
      found++
    }
    return found
  }
  const alone = homes.map((one) => (one === target ? 1 : 0))
  return rows.length > 0 && rank([...rows, alone]) === rank(rows)
}

t.test("whoever comes, goes and fails to report, no sums together give one home's load away", async (t) => {
  const homes = Array.from({ length: 8 }, (_, n) => home(n))
  // Each uses the same every day, the worst case: differences over days are exact.
  const loads = homes.map((_, n) => 4000n + 531n * BigInt(n))
  const aDay = fc.record({
    present: fc.subarray([...homes.keys()], { minLength: 1 }),
    /** Whether who is not there has left; else it has a gap. */
    gone: fc.boolean(),
  })
  const presence = fc.array(aDay, { minLength: 1, maxLength: 12 })
  let told = 0
  fc.assert(
    fc.property(presence, (days) => {
      const published: PublicDay[] = []
      for (const { present, gone } of days) {
        const groups = published.flatMap(({ homes }) => (homes.length > 0 ? [homes] : []))
        published.push(
          publicDay(
            day,
            [...homes.keys()].flatMap((n) =>
              present.includes(n) ? [sum(n, loads[n]!, 5)] : gone ? [] : [gapOf(n)],
            ),
            groups,
            roofs(5),
          ),
        )
      }
      const used = published.flatMap((one) => (one.used === undefined ? [] : [one.homes]))
      const fedIn = published.flatMap((one) =>
        one.toGrid === undefined ? [] : [one.homes.filter((one) => roofs(5).has(one))],
      )
      told += used.length
      return homes.every((one) => !isolates(used, one, homes) && !isolates(fedIn, one, homes))
    }),
    { numRuns: 300 },
  )
  t.ok(told > 100, `${told} sums were told`)
  t.ok(isolates([homes, homes.slice(1)], homes[0]!, homes), "the attack works where there is no rule")
})

t.test("what is told of a day is never told differently afterwards", async (t) => {
  const village = openVillage({ intervalSeconds: 3600 })
  t.teardown(() => village.close())
  const days = createDays(village.context)
  const late = (meter: string, time: number) => meter === "The Old Bakery grid" && time > midnight + 3600
  await village.live(midnight - 25 * 3600, midnight + 49 * 3600, 3600, late)
  while (days.keep());
  const told = () => days.published("2026-06-20", "2026-06-21")
  const before = told()
  t.match(before, [{ homes: { length: 6 } }, { homes: [], used: undefined }])
  t.ok(before[0]!.used! > 0n)
  const last = village.journal.readings.lastCounted(village.meterNamed("The Old Bakery grid").key.meterId)!
  await village.submit("The Old Bakery grid", {
    time: midnight + 48 * 3600,
    importedWh: last.registers.importedWh! + 9000n,
    exportedWh: 0n,
  })
  while (days.keep());
  t.same(told(), before)
})
