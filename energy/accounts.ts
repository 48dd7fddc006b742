import type { Hex } from "../protocol/hex.ts"
import type { HouseholdRecord } from "../protocol/household-record.ts"
import type { AccountStatement } from "../protocol/statement.ts"
import { type Accounts, priceAt, tariffAt } from "../protocol/tariff.ts"
import { divide } from "./sharing.ts"

/** Cumulative credit by account, whole token units; negative is debt. All together are zero. */
export type Credits = ReadonlyMap<Hex, bigint>

/** What a household gave and received, each interval at its price, in thousandths of a token unit. */
export interface Worth {
  given: bigint
  received: bigint
}

/** The community's accounts as one batch leaves them to the next. */
export interface Accounting {
  /** As the last account statements say. */
  credits: Credits
  /** What was shared since then, by the fund's part in force (millionths). No money has moved for it yet. */
  open: ReadonlyMap<number, ReadonlyMap<Hex, Worth>>
}

export const noAccounting: Accounting = { credits: new Map(), open: new Map() }

const whPerKWh = 1000n
const wholeParts = 1_000_000n

/**
 * Adds what the intervals given are worth. Exact: nothing is rounded before it is stated. Every household with records
 * has an account from then on, and so has the fund.
 * @param records of the same intervals for every household.
 */
export function withIntervals(
  { credits, open }: Accounting,
  records: readonly { household: Hex; records: readonly HouseholdRecord[] }[],
  { fund, tariffs }: Accounts,
): Accounting {
  const accounts = new Map([...credits])
  const worths = new Map([...open].map(([fundParts, part]) => [fundParts, new Map(part)]))
  for (const account of [fund, ...records.map(({ household }) => household)])
    accounts.set(account, accounts.get(account) ?? 0n)
  for (const { household, records: own } of records)
    for (const { start, energy } of own) {
      const tariff = tariffAt(tariffs, start)
      if (!energy || !tariff) continue
      const price = BigInt(priceAt(tariff, start))
      const part = worths.get(tariff.fundParts) ?? new Map<Hex, Worth>()
      worths.set(tariff.fundParts, part)
      const { given, received } = part.get(household) ?? { given: 0n, received: 0n }
      part.set(household, {
        given: given + energy.givenWh * price,
        received: received + energy.receivedWh * price,
      })
    }
  return { credits: accounts, open: worths }
}

/**
 * Books what was shared since the last statements.
 *
 * Each taker pays what it received is worth; of all payments together the fund has its part, and the givers the rest,
 * in proportion to what they gave is worth. Rounded once for each part of the fund: a payment down to whole units, the
 * fund's part down, the givers' parts by the largest-remainder rule (`divide`). What is paid is what is credited, to the
 * unit; nobody pays more than what it received is worth.
 */
export function booked({ credits, open }: Accounting, fund: Hex): Accounting {
  const after = new Map<Hex, bigint>([...credits])
  const add = (account: Hex, units: bigint) => after.set(account, (after.get(account) ?? 0n) + units)
  for (const [fundParts, worths] of open) {
    const { payments, earnings, forFund } = bookingOf(worths, fundParts)
    for (const [household, payment] of payments) add(household, -payment)
    for (const [household, part] of earnings) add(household, part)
    add(fund, forFund)
  }
  return { credits: after, open: new Map() }
}

/** Who pays what and who has what of it, under one part of the fund. Whole units. */
export interface Booking {
  pot: bigint
  payments: ReadonlyMap<Hex, bigint>
  earnings: ReadonlyMap<Hex, bigint>
  /** The fund's part, and all of a pot that nobody gave for. */
  forFund: bigint
}

/** @param fundParts millionths of all payments. */
export function bookingOf(worths: ReadonlyMap<Hex, Worth>, fundParts: number): Booking {
  const payments = new Map([...worths].map(([household, { received }]) => [household, received / whPerKWh]))
  const pot = [...payments.values()].reduce((sum, payment) => sum + payment, 0n)
  const households = [...worths.keys()]
  const parts = divide(
    pot - (pot * BigInt(fundParts)) / wholeParts,
    households.map((household) => worths.get(household)!.given),
    households,
  )
  return {
    pot,
    payments,
    earnings: new Map(households.map((household, i) => [household, parts[i]!])),
    forFund: pot - parts.reduce((sum, part) => sum + part, 0n),
  }
}

/**
 * Whether a batch states accounts: when a multiple of `everySeconds` lies in it. A gateway that was away at that moment
 * states them with its next batch, and never more often.
 */
export function statesAccounts({ everySeconds }: Accounts, from: number, to: number): boolean {
  return Math.floor(to / everySeconds) > Math.floor(from / everySeconds)
}

/** The statements of all accounts, by ascending address. @param time the end of the last interval counted. */
export function accountStatements(credits: Credits, time: number): AccountStatement[] {
  return [...credits]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([household, credit]) => ({ kind: 2, household, credit, time }))
}
