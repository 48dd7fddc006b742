import t from "tap"
import type { Hex } from "../protocol/hex.ts"
import type { ProvenBatch } from "./books.ts"
import { keyOf } from "./books.ts"
import type { CheckResult } from "./checks.ts"
import type { Position } from "./meter-life.ts"
import { checkPool } from "./pool.ts"
import type { PoolEvent, PoolHistory } from "./pool-history.ts"
import type { Proposed } from "./record.ts"

const address = (n: number): Hex => `0x${n.toString(16).padStart(40, "0")}`
const [oracle, issuance, token, giver, taker] = [1, 2, 3, 4, 5].map(address) as [Hex, Hex, Hex, Hex, Hex]
const at = (n: number): Position => ({ block: BigInt(n), log: 0, transaction: `0x${n}` })
const proposal = { oracle, site: 1, number: 1n, at: at(1), cancelled: undefined } as Proposed
const history = { issuance, token, oracles: [{ oracle, at: at(0) }], proposals: [proposal] }
const stated = { kind: 2, household: giver, credit: 90n, time: 3600 } as const
const proven = new Map<string, ProvenBatch>([
  [
    keyOf(proposal),
    {
      statements: [],
      unproven: new Set(),
      accounts: [stated, { ...stated, household: taker, credit: -90n }],
    },
  ],
])
const settled = (household: Hex, credit: bigint, over = {}): PoolEvent => ({
  kind: "settled",
  household,
  number: 1n,
  before: 0n,
  credit,
  time: 3600,
  at: at(2),
  ...over,
})

/** A day of a pool: what it owes is settled, the taker pays 60 in, the giver draws 40. */
function day(): PoolHistory {
  return {
    pool: address(9),
    issuance,
    token,
    site: 1,
    events: [
      { kind: "limit", household: taker, limit: 50n, at: at(1) },
      settled(taker, -90n),
      settled(giver, 90n),
      { kind: "deposited", household: taker, amount: 60n, at: at(3) },
      { kind: "withdrawn", household: giver, amount: 40n, at: at(4) },
    ],
    moved: [
      { wh: 60n, at: at(3) },
      { wh: -40n, at: at(4) },
    ],
    standing: {
      heldWh: 20n,
      owed: 50n,
      backed: 30n,
      netCredit: 0n,
      accounts: new Map([
        [giver, { funds: -40n, credit: 90n, time: 3600, limit: 0n }],
        [taker, { funds: 60n, credit: -90n, time: 3600, limit: 50n }],
      ]),
    },
  }
}

function findings(change: (pool: PoolHistory) => unknown, over = {}): string[] {
  const pool = day()
  change(pool)
  const check: CheckResult = { name: "pool", title: "", examined: 0, findings: [], skipped: [] }
  checkPool({ ...history, ...over }, pool, proven, check)
  return check.findings.map(({ what }) => what)
}

t.test("the books of an honest pool are its events', in whatever order its statements came", async (t) => {
  t.same(
    findings(() => {}),
    [],
  )
  t.same(
    findings(({ events }) => events.splice(1, 2, events[2]!, events[1]!)),
    [],
  )
})

t.test("each thing that a pool may not do is found and named", async (t) => {
  const cases: [name: string, change: (pool: PoolHistory) => unknown, says: RegExp][] = [
    ["another issuance's pool", (p) => (p.issuance = address(7)), /is not this oracle's/],
    [
      "a unit more than the batch states",
      (p) => (p.events[2] = settled(giver, 91n)),
      /has 91 units up to 3600 by batch 1, which states 90/,
    ],
    [
      "an account that the batch does not state",
      (p) => p.events.splice(3, 0, settled(address(6), 0n)),
      /which states nothing of it/,
    ],
    [
      "a statement twice",
      (p) => p.events.splice(3, 0, settled(giver, 90n)),
      /goes on from 0 units, the last ended at 90/,
    ],
    [
      "an old statement",
      (p) => p.events.splice(3, 0, settled(giver, 90n, { before: 90n })),
      /not after 3600/,
    ],
    ["a batch that never was", (p) => (p.events[1] = settled(taker, -90n, { number: 2n })), /was never made/],
    ["credits without debts", (p) => p.events.splice(1, 1), /credits 90 units more than it debits/],
    [
      "more drawn than is owed",
      (p) => (p.events[4] = { kind: "withdrawn", household: giver, amount: 91n, at: at(4) }),
      /drew 91 Wh, and 90 were owed to it/,
    ],
    [
      "a payment beyond its limit",
      (p) => p.events.push({ kind: "paid", household: taker, to: giver, amount: 21n, at: at(5) }),
      /paid 21 Wh, beyond its position and its limit/,
    ],
    ["a deposit that never came", (p) => p.moved.shift(), /booked 60 Wh in, and 0 Wh came/],
    ["more sent than was drawn", (p) => (p.moved[1]!.wh = -41n), /booked -40 Wh in, and -41 Wh came/],
    ["GREEN that is not there", (p) => (p.standing.heldWh = 19n), /says heldWh 19, its events give 20/],
    ["a sum that is none", (p) => (p.standing.owed = 51n), /says owed 51, its events give 50/],
    [
      "an account that changed without an event",
      (p) =>
        (p.standing.accounts = new Map([
          ...p.standing.accounts,
          [giver, { funds: -40n, credit: 91n, time: 3600, limit: 0n }],
        ])),
      /account 0x0+4 has credit 91, its events give 90/,
    ],
  ]
  for (const [name, change, says] of cases) t.match(findings(change).join("\n"), says, name)
  t.match(
    findings(() => {}, { proposals: [{ ...proposal, cancelled: "the guardian stopped it" }] }).join("\n"),
    /was cancelled: the guardian stopped it/,
  )
})
