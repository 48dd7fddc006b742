import type { HouseholdRecord } from "../protocol/evidence.ts"
import type { Hex } from "../protocol/hex.ts"
import { type Accounts, priceAt, type Tariff, tariffAt } from "../protocol/tariff.ts"
import { divide } from "./sharing.ts"

/** Cumulative credit by account, whole token units; negative is debt. All together are zero. */
export type Credits = ReadonlyMap<Hex, bigint>

const whPerKWh = 1000n
const wholeParts = 1_000_000n

/**
 * What each household and the commons fund are credited after the intervals given, added to what they were before.
 *
 * Each taker pays for what it received at the price of the interval; of all payments together the fund has its part,
 * and the givers the rest, in proportion to what they gave at those prices. Rounded once for each tariff: a payment
 * down to whole units, the fund's part down, the givers' parts by the largest-remainder rule (`divide`). What is paid
 * is what is credited, to the unit.
 * @param records of the same intervals for every household.
 */
export function creditsAfter(
  before: Credits,
  records: readonly { household: Hex; records: readonly HouseholdRecord[] }[],
  { fund, tariffs }: Accounts,
): Credits {
  const credits = new Map<Hex, bigint>([[fund, before.get(fund) ?? 0n], ...before])
  for (const { household } of records) credits.set(household, credits.get(household) ?? 0n)
  for (const tariff of tariffs) settle(credits, worthUnder(tariff, tariffs, records), fund, tariff.fundParts)
  return credits
}

/** What a household gave and received under one tariff, in thousandths of a token unit. */
interface Worth {
  household: Hex
  given: bigint
  received: bigint
}

function worthUnder(
  tariff: Tariff,
  tariffs: readonly Tariff[],
  records: Parameters<typeof creditsAfter>[1],
): Worth[] {
  return records.map(({ household, records }) => {
    let [given, received] = [0n, 0n]
    for (const { start, energy } of records) {
      if (!energy || tariffAt(tariffs, start) !== tariff) continue
      const price = BigInt(priceAt(tariff, start))
      given += energy.givenWh * price
      received += energy.receivedWh * price
    }
    return { household, given, received }
  })
}

function settle(credits: Map<Hex, bigint>, worths: readonly Worth[], fund: Hex, fundParts: number): void {
  const add = (account: Hex, units: bigint) => credits.set(account, credits.get(account)! + units)
  let pot = 0n
  for (const { household, received } of worths) {
    const payment = received / whPerKWh
    add(household, -payment)
    pot += payment
  }
  const forFund = (pot * BigInt(fundParts)) / wholeParts
  const parts = divide(
    pot - forFund,
    worths.map(({ given }) => given),
    worths.map(({ household }) => household),
  )
  worths.forEach(({ household }, i) => {
    add(household, parts[i]!)
  })
  const divided = parts.reduce((sum, part) => sum + part, 0n)
  add(fund, pot - divided)
}
