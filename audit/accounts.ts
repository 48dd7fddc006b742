import {
  type Accounting,
  accountStatements,
  booked,
  noAccounting,
  statesAccounts,
  withIntervals,
} from "../energy/accounts.ts"
import type { HouseholdRecord, OpenedEvidence } from "../protocol/evidence.ts"
import type { Hex } from "../protocol/hex.ts"
import { type AccountStatement, isAccountStatement } from "../protocol/statement.ts"
import type { Accounts } from "../protocol/tariff.ts"

/** What is remembered of a community's accounts from batch to batch. */
export interface AccountMemory {
  accounting: Accounting
  /** Whether all that was shared since the last statements could be seen. */
  known: boolean
  /** What they were last kept by. */
  keptBy: Accounts | undefined
}

export const noAccounts: AccountMemory = { accounting: noAccounting, known: true, keptBy: undefined }

/**
 * Computes a batch's account statements anew. Where a household's part stays sealed they cannot be computed; then it is
 * checked that they are complete and cancel out, and the next ones are computed from them, for they are public.
 * @param households what the batch's readings give; undefined where some of it cannot be seen.
 * @returns why they could not be computed, if so.
 */
export function recomputeAccounts(
  evidence: OpenedEvidence,
  households: readonly { household: Hex; records: readonly HouseholdRecord[] }[] | undefined,
  memory: AccountMemory,
  find: (what: string) => void,
): { memory: AccountMemory; unseen: boolean } {
  const claimed = evidence.statements.filter(isAccountStatement)
  const keptBy = evidence.rules.version === 1 ? null : evidence.rules.accounts
  if (!keptBy) {
    if (claimed.length > 0) find("there are account statements, and nothing says what they are kept by")
    return { memory, unseen: false }
  }
  for (const what of changesUnsaid(memory.keptBy, keptBy)) find(what)
  const known = memory.known && households !== undefined
  const shared = known ? withIntervals(memory.accounting, households, keptBy) : memory.accounting
  if (!statesAccounts(keptBy, evidence.from, evidence.time)) {
    if (claimed.length > 0) find("there are account statements, and it was not their time")
    return { memory: { accounting: shared, known, keptBy }, unseen: false }
  }
  for (const what of imbalances(claimed, evidence.time, keptBy.fund, memory.accounting)) find(what)
  if (!known) {
    const credits = new Map(claimed.map(({ household, credit }) => [household, credit]))
    return { memory: { accounting: { credits, open: new Map() }, known: true, keptBy }, unseen: true }
  }
  const accounting = booked(shared, keptBy.fund)
  const wanted = accountStatements(accounting.credits, evidence.time)
  for (let i = 0; i < Math.max(claimed.length, wanted.length); i++) {
    const [claim, due] = [line(claimed[i]), line(wanted[i])]
    if (claim === due) continue
    find(`account ${i}: claimed ${claim}, the records give ${due}`)
    break
  }
  return { memory: { accounting, known: true, keptBy }, unseen: false }
}

/** Prices and the fund may change, but only together with their version, and it never goes back. */
function changesUnsaid(before: Accounts | undefined, after: Accounts): string[] {
  if (!before || after.version > before.version) return []
  if (after.version < before.version)
    return [`accounts are kept by version ${after.version}, the batch before by ${before.version}`]
  const said = new Map(before.tariffs.map((tariff) => [tariff.from, text(tariff)]))
  const same =
    after.fund === before.fund &&
    after.everySeconds === before.everySeconds &&
    after.tariffs.every((tariff) => (said.get(tariff.from) ?? text(tariff)) === text(tariff))
  return same ? [] : [`accounts version ${after.version} was another one in the batch before`]
}

const text = (tariff: object) => JSON.stringify(sorted(tariff))

/** The same with its keys in order, however it was written. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, part]) => [name, sorted(part)]),
  )
}

/** What is wrong with account statements for everyone to see, without any record. */
function imbalances(
  claimed: readonly AccountStatement[],
  time: number,
  fund: Hex,
  { credits }: Accounting,
): string[] {
  const faults: string[] = []
  const sum = claimed.reduce((total, { credit }) => total + credit, 0n)
  if (sum !== 0n) faults.push(`all credits together are ${sum} units, and must be zero`)
  claimed.forEach((statement, i) => {
    if (statement.time !== time)
      faults.push(`account ${statement.household} is stated up to ${statement.time}, not ${time}`)
    if (i > 0 && claimed[i - 1]!.household >= statement.household)
      faults.push(`account ${statement.household} is not in its order`)
  })
  const named = new Set(claimed.map(({ household }) => household))
  for (const account of [fund, ...credits.keys()])
    if (!named.has(account)) faults.push(`account ${account} is not stated`)
  return faults
}

function line(statement: AccountStatement | undefined): string {
  return statement
    ? JSON.stringify([statement.household, statement.credit.toString(), statement.time])
    : "nothing"
}
