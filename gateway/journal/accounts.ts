import type { Accounting, Worth } from "../../energy/accounts.ts"
import type { Hex } from "../../protocol/hex.ts"
import type { AccountStatement } from "../../protocol/statement.ts"
import type { Db } from "./database.ts"

/** What a batch says of the community's accounts, and how it leaves them to the next. */
export interface BatchAccounts {
  statements: readonly AccountStatement[]
  accounting: Accounting
}

/** The part of the journal that remembers the community's accounts from batch to batch. */
export function accountStore(db: Db) {
  const insertStatement = db.prepare(
    "INSERT INTO account_statements (number, position, household, credit, time) VALUES (?, ?, ?, ?, ?)",
  )
  const insertAccounting = db.prepare("INSERT INTO accounting (number, state) VALUES (?, ?)")
  const statements = db.prepare("SELECT * FROM account_statements WHERE number = ? ORDER BY position")
  const accounting = db.prepare("SELECT state FROM accounting WHERE number = ?").pluck()
  const latest = db
    .prepare(`SELECT max(number) FROM account_statements JOIN batches USING (number) WHERE state = 'settled'`)
    .pluck()
  const statementsOf = (number: bigint): AccountStatement[] =>
    (statements.all(number) as Record<string, unknown>[]).map((row) => ({
      kind: 2,
      household: row.household as Hex,
      credit: BigInt(row.credit as string),
      time: Number(row.time),
    }))
  return {
    /** Within the commit that stores the batch. */
    add(number: bigint, { statements, accounting }: BatchAccounts): void {
      statements.forEach(({ household, credit, time }, position) => {
        insertStatement.run(number, position, household, credit.toString(), time)
      })
      insertAccounting.run(number, accountingAsText(accounting))
    },

    /** The account statements of a batch, as their leaves stand behind those of its meters. */
    statements: statementsOf,

    /** How a batch left the accounts; undefined when none were kept. */
    accounting(number: bigint): Accounting | undefined {
      const text = accounting.get(number) as string | undefined
      return text === undefined ? undefined : accountingFromText(text)
    },

    /** The last account statements that are settled; empty when none are. */
    settled(): AccountStatement[] {
      const number = latest.get() as bigint | null
      return number === null ? [] : statementsOf(number)
    },
  }
}

export function accountingAsText({ credits, open }: Accounting): string {
  return JSON.stringify({
    credits: [...credits].map(([account, credit]) => [account, credit.toString()]),
    open: [...open].map(([fundParts, worths]) => [
      fundParts,
      [...worths].map(([household, { given, received }]) => [household, `${given}`, `${received}`]),
    ]),
  })
}

export function accountingFromText(text: string): Accounting {
  const { credits, open } = JSON.parse(text) as {
    credits: [Hex, string][]
    open: [number, [Hex, string, string][]][]
  }
  const worth = ([household, given, received]: [Hex, string, string]): [Hex, Worth] => [
    household,
    { given: BigInt(given), received: BigInt(received) },
  ]
  return {
    credits: new Map(credits.map(([account, credit]) => [account, BigInt(credit)])),
    open: new Map(open.map(([fundParts, worths]) => [fundParts, new Map(worths.map(worth))])),
  }
}
