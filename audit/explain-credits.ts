import { type Accounting, bookingOf, noAccounting, withIntervals } from "../energy/accounts.ts"
import type { OpenedEvidence } from "../protocol/evidence.ts"
import { type Hex, toHex } from "../protocol/hex.ts"
import { isAccountStatement, leafOf } from "../protocol/statement.ts"
import type { AuditReport } from "./audit.ts"
import type { BatchLine } from "./ledger.ts"
import type { Proposed } from "./record.ts"

/** One change of a household's credit, from one statement of its account to the next. Whole token units. */
export interface ExplainedCredit {
  site: number
  /** The batch that states it. */
  number: bigint
  /** The time over which it was shared, Unix seconds. */
  from: number
  time: number
  before: bigint
  after: bigint
  leaf: { index: number; hash: Hex }
  batch: BatchLine | undefined
  /** By the fund's part in force; undefined where its own records are sealed. */
  booked: BookedPart[] | undefined
  /** Where a sharing pool settled it. */
  settled: { pool: Hex; transaction: Hex }[]
}

/** What came of what it gave and received under one part of the fund. */
export interface BookedPart {
  /** Of all payments, millionths. */
  fundParts: number
  /** What it received and gave is worth, thousandths of a unit. */
  received: bigint
  given: bigint
  /** What it paid for what it received. */
  paid: bigint
  /** Of all households; undefined where one of them is sealed. */
  all: { pot: bigint; forFund: bigint; given: bigint; earned: bigint } | undefined
}

/** Whose credit, for energy of what time. Unix seconds, the end is not included. */
export interface CreditQuestion {
  household: Hex
  from: number
  to: number
}

interface Site {
  begun: number | undefined
  credit: bigint
  own: Accounting
  all: Accounting
  /** Whether its own records, and those of all, could be opened since the last statement. */
  seen: { own: boolean; all: boolean }
  isOver: boolean
}

const newSite = (): Site => ({
  begun: undefined,
  credit: 0n,
  own: noAccounting,
  all: noAccounting,
  seen: { own: true, all: true },
  isOver: false,
})

/**
 * Goes along with the batches of a household's sites, from the first to the first statement behind the time that is
 * asked for: what a statement says goes back to the one before it.
 */
export function collectCredits({ household, from, to }: CreditQuestion) {
  const sites = new Map<number, Site>()
  const found: Omit<ExplainedCredit, "batch" | "settled">[] = []
  const siteOf = (site: number): Site => {
    const known = sites.get(site) ?? newSite()
    sites.set(site, known)
    return known
  }

  function book(site: Site, evidence: OpenedEvidence, begun: number): void {
    const index = evidence.statements.findIndex(
      (statement) => isAccountStatement(statement) && statement.household === household,
    )
    const statement = evidence.statements[index]
    if (!statement || !isAccountStatement(statement)) return
    const { number, time } = evidence
    if (time > from && begun < to)
      found.push({
        ...{ site: evidence.site, number, from: begun, time, before: site.credit, after: statement.credit },
        leaf: { index, hash: toHex(leafOf(statement)) },
        booked: site.seen.own ? bookedIn(site, household) : undefined,
      })
    site.credit = statement.credit
  }

  return {
    wants: ({ site, cancelled }: Proposed) => cancelled === undefined && !siteOf(site).isOver,

    read(evidence: OpenedEvidence): void {
      const { rules, households, sealed } = evidence
      const keptBy = rules.version === 1 ? null : rules.accounts
      if (!keptBy) return
      const site = siteOf(evidence.site)
      const begun = site.begun ?? evidence.from
      site.begun = begun
      const part = households.find((one) => one.household === household)
      if (part) site.own = withIntervals(site.own, [part], keptBy)
      site.all = withIntervals(site.all, households, keptBy)
      site.seen = {
        own: site.seen.own && !sealed.includes(household),
        all: site.seen.all && sealed.length === 0,
      }
      if (!evidence.statements.some(isAccountStatement)) return
      book(site, evidence, begun)
      const isOver = evidence.time >= to
      sites.set(evidence.site, { ...newSite(), credit: site.credit, begun: evidence.time, isOver })
    },

    /** What was stated of it, and since when something is not. */
    explain(report: AuditReport): { credits: ExplainedCredit[]; unstatedSince: number | undefined } {
      const credits = found.map((credit) => ({
        ...credit,
        batch: report.ledger.batches.find(
          ({ site, number, verdict }) =>
            site === credit.site && number === credit.number && verdict !== "cancelled",
        ),
        settled: report.pools.flatMap(({ pool, site, settled }) =>
          settled
            .filter(
              (one) => site === credit.site && one.household === household && one.number === credit.number,
            )
            .map(({ transaction }) => ({ pool, transaction })),
        ),
      }))
      const open = [...sites.values()].find(
        ({ isOver, begun }) => !isOver && begun !== undefined && begun < to,
      )
      return { credits, unstatedSince: open?.begun }
    },
  }
}

function bookedIn({ own, all, seen }: Site, household: Hex): BookedPart[] {
  return [...own.open].flatMap(([fundParts, worths]) => {
    const worth = worths.get(household)
    if (!worth) return []
    const { payments } = bookingOf(worths, fundParts)
    const everyone = all.open.get(fundParts)
    const booking = seen.all && everyone ? bookingOf(everyone, fundParts) : undefined
    return [
      {
        ...{ fundParts, received: worth.received, given: worth.given },
        paid: payments.get(household) ?? 0n,
        all: booking && {
          pot: booking.pot,
          forFund: booking.forFund,
          given: [...everyone!.values()].reduce((sum, { given }) => sum + given, 0n),
          earned: booking.earnings.get(household) ?? 0n,
        },
      },
    ]
  })
}
