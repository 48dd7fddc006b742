import { booked, noAccounting, statesAccounts, withIntervals } from "../../energy/accounts.ts"
import type { JudgeRules } from "../../energy/judge.ts"
import type { MeterReadings, OpenedEvidence } from "../../protocol/evidence.ts"
import type { Hex } from "../../protocol/hex.ts"
import { schemeFacts } from "../../protocol/meter.ts"
import type { Meter } from "../config.ts"
import type { BatchAccounts } from "../journal/accounts.ts"
import type { BatchState } from "../journal/batches.ts"
import type { Journal } from "../journal/journal.ts"
import { examine, type Known, type Numbered } from "../verify/examine.ts"

/** The journal holds readings that the evidence does not, and lacks others from before them: it cannot be completed. */
export class OtherHistory extends Error {
  override name = "OtherHistory"
}

export interface AdoptOptions {
  journal: Journal
  meters: readonly Meter[]
  rules: JudgeRules
}

/** What examination looks up, from the journal alone. */
export function knownTo(journal: Journal, meters: readonly Meter[]): Known {
  const byId = new Map(meters.map((meter) => [meter.key.meterId, meter]))
  return {
    meterByKid: (kid) => byId.get(journal.keys.meterIdOf(kid) ?? "0x"),
    meterById: (meterId) => byId.get(meterId),
    keysOf: journal.keys.of,
    stateOf: ({ key }) => journal.readings.state(key.meterId),
    earlier: ({ key }, number) => journal.readings.earlier(key.meterId, number),
    mayBeForgotten: ({ key }, number) => journal.readings.mayBeForgotten(key.meterId, number),
  }
}

/**
 * Takes a batch over from its evidence, oldest first: its readings are examined as if they had just come, at the time at
 * which they came, so that the rules remember what they remembered.
 * @returns what could not be taken over, in words.
 * @throws OtherHistory
 */
export function createAdoption({ journal, meters, rules }: AdoptOptions) {
  const known = knownTo(journal, meters)
  const byId = new Map(meters.map((meter) => [meter.key.meterId, meter]))
  /** Readings of the journal that stand behind its last batch; each must be among those to come. */
  const ahead = new Map<Hex, number>()

  function aheadOf(meterId: Hex, number: bigint): number {
    const left = ahead.get(meterId)
    if (left !== undefined) return left
    const last = journal.batches.lastReading(journal.readings.rowId(meterId), number)
    return journal.readings.countAfter(meterId, last)
  }

  function take(
    evidence: OpenedEvidence,
    { meterId, laterKeys, readings }: MeterReadings,
    lost: string[],
  ): void {
    const meter = byId.get(meterId)
    if (!meter) {
      lost.push(`batch ${evidence.number}: meter ${meterId} is not in the configuration any more`)
      return
    }
    if (laterKeys && laterKeys.length > journal.keys.later(meterId).length)
      journal.keys.learn(meterId, laterKeys)
    const { format } = schemeFacts(meter.key.scheme)
    let left = aheadOf(meterId, evidence.number)
    let last: Numbered | undefined
    let refused: string | undefined
    for (const { received, bytes } of readings) {
      const message = {
        source: "evidence",
        bytes,
        claimedMeter: meterId,
        redelivered: true,
        ...(format !== "cose" && { format }),
      }
      const outcome = examine(message, received, known, rules)
      if (outcome.kind === "known") left--
      else if (outcome.kind === "authentic") {
        if (left > 0) throw new OtherHistory(`${meter.name} said more than its evidence holds`)
        journal.readings.add(outcome, received)
      } else if (outcome.reason === "equivocation") throw new OtherHistory(outcome.detail)
      else refused ??= outcome.detail
      if (outcome.kind === "authentic")
        last = { keyIndex: outcome.keyIndex, sequence: outcome.signed.reading.sequence }
      else if (outcome.kind === "known") last = outcome.number
    }
    ahead.set(meterId, Math.max(0, left))
    if (refused) lost.push(`batch ${evidence.number}, ${meter.name}: ${refused}`)
    const row = last === undefined ? undefined : journal.readings.idOf(meterId, last)
    if (row !== undefined)
      journal.batches.setLastReading(evidence.number, journal.readings.rowId(meterId), row)
  }

  return (evidence: OpenedEvidence, state: BatchState): string[] => {
    const lost: string[] = []
    journal.commit(() => {
      const { number, time, root, cid } = evidence
      const accounts = accountsIn(evidence, journal)
      if (journal.batches.get(number)) journal.batches.remove(number)
      journal.batches.add({
        number,
        time,
        root,
        evidence: cid,
        statements: evidence.statements.filter((statement) => statement.kind === 1),
        accounts,
        blocks: [],
        lastReadings: [],
      })
      journal.batches.setState(number, state, time, "taken over from its evidence")
      for (const readings of [...evidence.meters, ...evidence.households.flatMap((home) => home.meters)])
        take(evidence, readings, lost)
    })
    return lost
  }
}

/** How the batch leaves the community's accounts, from the intervals in its evidence. */
function accountsIn(
  { number, rules, from, time, households, statements }: OpenedEvidence,
  journal: Journal,
): BatchAccounts | undefined {
  const previous = journal.batches.standingBefore(number)
  const before = previous && journal.batches.accounts.accounting(previous.number)
  const kept = rules.version === 2 ? rules.accounts : null
  if (!kept) return before && { statements: [], accounting: before }
  const shared = withIntervals(before ?? noAccounting, households, kept)
  return {
    statements: statements.filter((statement) => statement.kind === 2),
    accounting: statesAccounts(kept, from, time) ? booked(shared, kept.fund) : shared,
  }
}
