import type { Hex } from "../protocol/hex.ts"
import { keyOf, type ProvenBatch } from "./books.ts"
import type { CheckResult } from "./checks.ts"
import type { PoolAccount, PoolEvent, PoolHistory } from "./pool-history.ts"
import { type History, proposalOf } from "./record.ts"

/** How a sharing pool stands, by its own events. */
export interface PoolReport {
  pool: Hex
  site: number
  accounts: number
  /** GREEN in the pool, and what it owes its members. */
  heldWh: bigint
  owed: bigint
  /** Who is in debt, how far, and up to which limit it is good. */
  debts: { household: Hex; debt: bigint; limit: bigint }[]
  /** The account statements that were settled in it. */
  settled: { household: Hex; number: bigint; credit: bigint; transaction: Hex }[]
}

const nobody: PoolAccount = { funds: 0n, credit: 0n, time: 0, limit: 0n }
const positionOf = ({ funds, credit }: PoolAccount) => funds + credit

/**
 * Keeps a pool's books anew from its events, and holds them against the statements of proven batches, the token's
 * transfers, and what the contract says.
 */
export function checkPool(
  history: Pick<History, "issuance" | "token" | "oracles" | "proposals">,
  pool: PoolHistory,
  proven: ReadonlyMap<string, ProvenBatch> | undefined,
  check: CheckResult,
): PoolReport {
  const name = `pool ${pool.pool}`
  const find = (what: string, where = name) => check.findings.push({ check: "pool", where, what })
  check.examined += pool.events.length
  if (pool.issuance !== history.issuance || pool.token !== history.token)
    find(`settles for the issuance ${pool.issuance} in ${pool.token}, and that is not this oracle's`)
  if (!proven) check.skipped.push("without --evidence account statements are not compared with their batches")

  const accounts = new Map<Hex, PoolAccount>()
  const of = (household: Hex) => accounts.get(household) ?? nobody
  const change = (household: Hex, by: Partial<PoolAccount>) =>
    accounts.set(household, { ...of(household), ...by })
  const inTransaction = new Map<Hex, { booked: bigint; moved: bigint }>()
  const sums = (transaction: Hex) => {
    const known = inTransaction.get(transaction) ?? { booked: 0n, moved: 0n }
    inTransaction.set(transaction, known)
    return known
  }
  for (const { wh, at } of pool.moved) sums(at.transaction).moved += wh

  for (const [i, event] of pool.events.entries()) {
    const { household, at } = event
    const where = `${name} transaction ${at.transaction} account ${household}`
    switch (event.kind) {
      case "limit":
        change(household, { limit: event.limit })
        break
      case "settled":
        for (const what of statementFaults(history, pool.site, of(household), event, proven))
          find(what, where)
        change(household, { credit: event.credit, time: event.time })
        break
      case "deposited":
        change(household, { funds: of(household).funds + event.amount })
        sums(at.transaction).booked += event.amount
        break
      case "withdrawn":
        if (positionOf(of(household)) < event.amount)
          find(`drew ${event.amount} Wh, and ${positionOf(of(household))} were owed to it`, where)
        change(household, { funds: of(household).funds - event.amount })
        sums(at.transaction).booked -= event.amount
        break
      case "paid":
        if (positionOf(of(household)) + of(household).limit < event.amount)
          find(`paid ${event.amount} Wh, beyond its position and its limit`, where)
        change(household, { funds: of(household).funds - event.amount })
        change(event.to, { funds: of(event.to).funds + event.amount })
        break
    }
    const next = pool.events[i + 1]
    const net = sumOf([...accounts.values()].map(({ credit }) => credit))
    if (event.kind === "settled" && next?.at.transaction !== at.transaction && net > 0n)
      find(`credits ${net} units more than it debits`, where)
  }
  for (const [transaction, { booked, moved }] of inTransaction) {
    // More may come than is booked: whoever sends GREEN to the pool without a deposit gives it to all.
    if (moved < booked)
      find(`booked ${booked} Wh in, and ${moved} Wh came`, `${name} transaction ${transaction}`)
  }
  const totals = totalsOf(accounts)
  const paidIn = sumOf([...inTransaction.values()].map(({ booked }) => booked))
  const held = sumOf(pool.moved.map(({ wh }) => wh))
  compareStanding(pool, accounts, { ...totals, heldWh: held }, find)
  if (paidIn < 0n) find(`more was paid out than paid in, by ${-paidIn} Wh`)
  if (totals.owed > paidIn + totals.debt)
    find(`owes ${totals.owed} Wh, and ${paidIn} were paid in and ${totals.debt} are debts`)
  const debts = [...accounts]
    .filter(([, account]) => positionOf(account) < 0n)
    .map(([household, account]) => ({ household, debt: -positionOf(account), limit: account.limit }))
  return {
    pool: pool.pool,
    site: pool.site,
    accounts: accounts.size,
    heldWh: held,
    owed: totals.owed,
    debts,
    settled: pool.events.flatMap((event) =>
      event.kind === "settled"
        ? [
            {
              ...{ household: event.household, number: event.number, credit: event.credit },
              transaction: event.at.transaction,
            },
          ]
        : [],
    ),
  }
}

function statementFaults(
  history: Parameters<typeof checkPool>[0],
  site: number,
  account: PoolAccount,
  { household, number, before, credit, time, at }: Extract<PoolEvent, { kind: "settled" }>,
  proven: ReadonlyMap<string, ProvenBatch> | undefined,
): string[] {
  const faults: string[] = []
  if (before !== account.credit)
    faults.push(`goes on from ${before} units, the last ended at ${account.credit}`)
  if (time <= account.time) faults.push(`is settled up to ${time}, which is not after ${account.time}`)
  const proposal = proposalOf(history, { site, number, at })
  if (!proposal) return [...faults, `settles proposal ${number}, which was never made`]
  if (proposal.cancelled !== undefined)
    faults.push(`settles a proposal that was cancelled: ${proposal.cancelled}`)
  if (!proven) return faults
  const batch = proven.get(keyOf(proposal))
  const stated = batch?.accounts.find((statement) => statement.household === household)
  if (!batch) faults.push(`has ${credit} units by batch ${number}, which did not pass`)
  else if (stated?.credit !== credit || stated.time !== time)
    faults.push(
      `has ${credit} units up to ${time} by batch ${number}, which states ${stated ? `${stated.credit} up to ${stated.time}` : "nothing of it"}`,
    )
  return faults
}

function totalsOf(accounts: ReadonlyMap<Hex, PoolAccount>) {
  const totals = { owed: 0n, debt: 0n, backed: 0n, netCredit: 0n }
  for (const account of accounts.values()) {
    const position = positionOf(account)
    totals.netCredit += account.credit
    if (position >= 0n) totals.owed += position
    else {
      totals.debt -= position
      const isGood = -position <= account.limit
      totals.backed += isGood ? -position : account.limit
    }
  }
  return totals
}

function compareStanding(
  { standing }: PoolHistory,
  accounts: ReadonlyMap<Hex, PoolAccount>,
  kept: { owed: bigint; backed: bigint; netCredit: bigint; heldWh: bigint },
  find: (what: string) => void,
): void {
  for (const field of ["owed", "backed", "netCredit", "heldWh"] as const)
    if (kept[field] !== standing[field])
      find(`says ${field} ${standing[field]}, its events give ${kept[field]}`)
  for (const household of new Set([...accounts.keys(), ...standing.accounts.keys()])) {
    const [mine, its] = [accounts.get(household) ?? nobody, standing.accounts.get(household) ?? nobody]
    for (const field of ["funds", "credit", "time", "limit"] as const)
      if (mine[field] !== its[field])
        find(`account ${household} has ${field} ${its[field]}, its events give ${mine[field]}`)
  }
}

function sumOf(amounts: readonly bigint[]): bigint {
  return amounts.reduce((sum, amount) => sum + amount, 0n)
}
