import fc from "fast-check"
import t from "tap"
import type { Hex } from "../../protocol/hex.ts"
import type { AccountStatement, MeterStatement } from "../../protocol/statement.ts"
import { type AccountsPart, ContractRefuses } from "./chain.ts"
import { createPool, type PoolOptions } from "./pool.ts"

const household = (n: number): Hex => `0x${n.toString(16).padStart(40, "0")}`
const meter: MeterStatement = {
  kind: 1,
  meterId: `0x${"11".repeat(32)}`,
  generatedWh: 5n,
  time: 900,
  reading: `0x${"22".repeat(32)}`,
}

/** Accounts that cancel out, as a batch states them. */
function stated(credits: readonly bigint[], time: number): AccountStatement[] {
  const rest = credits.reduce((sum, credit) => sum - credit, 0n)
  return [...credits, rest].map((credit, n) => ({ kind: 2, household: household(n + 1), credit, time }))
}

/** The pool's own rules: what is not later has no effect, and never is more credited than debited. */
function poolOf() {
  const accounts = new Map<Hex, { credit: bigint; time: number }>()
  const of = (who: Hex) => accounts.get(who) ?? { credit: 0n, time: 0 }
  const net = () => [...accounts.values()].reduce((sum, { credit }) => sum + credit, 0n)
  return {
    accounts,
    net,
    take({ statements }: AccountsPart): void {
      const before = new Map(accounts)
      for (const { household, credit, time } of statements)
        if (time > of(household).time) accounts.set(household, { credit, time })
      if (net() <= 0n) return
      for (const { household } of statements) accounts.set(household, before.get(household) ?? of(household))
      throw new ContractRefuses(`Unbalanced(${net()})`)
    },
    of,
  }
}

/** The settling of one batch over a pool; the program may end behind its nth transaction. */
function settling(statements: AccountStatement[], pool: ReturnType<typeof poolOf>, endsAfter = Infinity) {
  const sizes: number[] = []
  const options = {
    address: household(0xf00),
    journal: {
      batches: { accounts: { statements: () => statements }, leaves: () => [meter, ...statements] },
    },
    chain: {
      poolAccount: async (_: Hex, who: Hex) => pool.of(who),
      settleAccountsCall: async (_: Hex, __: bigint, part: AccountsPart) => {
        sizes.push(part.statements.length)
        pool.take(part)
        return { to: "0x", data: "0x", gas: 0n }
      },
    },
    lane: {
      transact: async (_: bigint, __: string, sign: () => Promise<unknown>) => {
        await sign()
        if (sizes.length >= endsAfter) throw new Error("the program has ended")
        return "mined"
      },
    },
  } as unknown as PoolOptions
  const pools = createPool(options)
  /** Step by step, as settlement does it. @returns why the pool refuses, if it does. */
  async function settle(number: bigint): Promise<string | undefined> {
    for (;;) {
      const { passage, refused } = await pools.settle(number)
      if (passage === "done") return refused
    }
  }
  return { settle, sizes }
}

t.test("all accounts of a batch are settled, debtors first, and none twice", async (t) => {
  const credit = fc.bigInt({ min: -1_000_000n, max: 1_000_000n })
  await t.resolves(
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(credit, credit), { minLength: 300, maxLength: 450 }),
        async (credits) => {
          const pool = poolOf()
          const statedAs = (n: 0 | 1, time: number) =>
            stated(
              credits.map((each) => each[n]),
              time,
            )
          for (const statements of [statedAs(0, 900), statedAs(1, 1800)]) {
            const { settle, sizes } = settling(statements, pool)
            if ((await settle(1n)) !== undefined || Math.max(...sizes) > 200) return false
            if (statements.some(({ household, credit }) => pool.of(household).credit !== credit)) return false
            const again = settling(statements, pool)
            if ((await again.settle(1n)) !== undefined || again.sizes.length > 0) return false
          }
          return true
        },
      ),
      { numRuns: 10, endOnFailure: true },
    ),
  )
})

t.test(
  "whenever the program ends on the way, the pool is balanced and the rest is settled after it",
  async (t) => {
    const statements = stated(
      Array.from({ length: 600 }, (_, n) => BigInt((n * 7919) % 1001) - 500n),
      900,
    )
    for (let transactions = 1; transactions <= 4; transactions++) {
      const pool = poolOf()
      await t.rejects(settling(statements, pool, transactions).settle(1n), /has ended/)
      t.ok(pool.net() <= 0n)
      t.equal(await settling(statements, pool).settle(1n), undefined)
      t.equal(pool.net(), 0n)
    }
  },
)

t.test("what the pool refuses is told, and a chain that is away is no refusal", async (t) => {
  const statements = stated([5n, -3n], 900)
  const refusing = poolOf()
  refusing.take = () => {
    throw new ContractRefuses("Unbalanced(7)")
  }
  t.equal(await settling(statements, refusing).settle(1n), "Unbalanced(7)")
  const away = poolOf()
  away.take = () => {
    throw new Error("the node does not answer")
  }
  await t.rejects(settling(statements, away).settle(1n), /does not answer/)
})
