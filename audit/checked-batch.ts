import { evidenceCid } from "../protocol/block.ts"
import type { OpenedEvidence } from "../protocol/evidence.ts"
import type { NamedFactors } from "../protocol/factors-in-evidence.ts"
import type { Hex } from "../protocol/hex.ts"
import {
  type AccountStatement,
  isAccountStatement,
  isMeterStatement,
  type MeterStatement,
} from "../protocol/statement.ts"
import { headerFaults } from "./header.ts"
import { sharingKeyOf } from "./policies.ts"
import { type MissingReadings, type Recomputed, recompute, type SiteMemory } from "./recompute.ts"
import { type History, metersAt, type Proposed, rulesOf } from "./record.ts"

/** What is known of a batch once it was recomputed: all that a report or the next batch needs of it. */
export interface CheckedBatch {
  /** What the evidence says of itself that is not so. */
  faults: string[]
  findings: Recomputed["findings"]
  skipped: Recomputed["skipped"]
  /** Where its intervals begin, Unix seconds. */
  from: number
  examined: {
    meters: number
    readings: number
    generation: number
    households: number
    statements: number
    accounts: number
  }
  counted: number
  /** How many readings of each meter are in it; of sealed households only where they could be opened. */
  readingsOf: { meterId: Hex; readings: number }[]
  doubtful: Recomputed["doubtful"]
  missing: MissingReadings[]
  statements: readonly MeterStatement[]
  accounts: readonly AccountStatement[]
  /** The table of emission factors that it names, and whether its bytes are in this batch. */
  factors: (Omit<NamedFactors, "table"> & { isHere: boolean }) | undefined
  unproven: ReadonlySet<Hex>
  memory: SiteMemory
}

/** Nothing was found that does not hold. */
export function holds({ faults, findings }: Pick<CheckedBatch, "faults" | "findings">): boolean {
  return faults.length === 0 && findings.length === 0
}

/** Recomputes one batch. Pure. @param memory what the batch before left. */
export function checkBatch(
  proposal: Proposed,
  opened: OpenedEvidence,
  memory: SiteMemory,
  history: History,
): CheckedBatch {
  const faults = headerFaults(opened, proposal, {
    chainId: history.chainId,
    oracle: proposal.oracle,
    headroomBasisPoints: rulesOf(history, proposal)?.rules.headroom,
    sharingKey: sharingKeyOf(history, proposal),
  })
  const recomputed = recompute(opened, memory, metersAt(history, proposal.at))
  const statements = opened.statements.filter(isMeterStatement)
  const accounts = opened.statements.filter(isAccountStatement)
  const everyMeter = [...opened.meters, ...opened.households.flatMap(({ meters }) => meters)]
  return {
    faults,
    findings: recomputed.findings,
    skipped: recomputed.skipped,
    from: opened.from,
    examined: {
      meters: everyMeter.length,
      readings: recomputed.readings,
      generation: opened.generation.length,
      households: opened.households.reduce((n, { records }) => n + records.length, 0),
      statements: statements.length,
      accounts: accounts.length,
    },
    counted: recomputed.counted,
    readingsOf: everyMeter.map(({ meterId, readings }) => ({ meterId, readings: readings.length })),
    doubtful: recomputed.doubtful,
    missing: recomputed.missing,
    statements,
    accounts,
    factors: opened.factors && namedIn(opened.factors),
    unproven: recomputed.unproven,
    memory: recomputed.memory,
  }
}

function namedIn({ table, ...named }: NamedFactors): NonNullable<CheckedBatch["factors"]> {
  return { ...named, isHere: table !== undefined }
}

export const batchName = ({ site, number }: Pick<Proposed, "site" | "number">) =>
  `site ${site} batch ${number}`

export const evidenceOf = ({ evidence }: Pick<Proposed, "evidence">) => evidenceCid(evidence)
