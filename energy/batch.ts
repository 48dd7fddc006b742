import type { CommonRules, GenerationRecord, HouseholdRecord } from "../protocol/evidence.ts"
import type { Hex } from "../protocol/hex.ts"
import type { SharingKey } from "../protocol/sharing-key.ts"
import type { MeterStatement } from "../protocol/statement.ts"
import { boundaryAt, type MeterInterval, meterIntervals } from "./intervals.ts"
import type { Anchor } from "./judge.ts"
import { type Restart, statedBy } from "./restart.ts"
import { balanceFor, shareBy } from "./sharing.ts"

/** A reading that counts, with the digest a statement quotes it by. */
export interface CountedReading extends Anchor {
  digest: Hex
}

/** What is settled of a meter before its readings of a batch are looked at. */
export interface MeterTerms {
  ratedW: number
  startTime: number
  startWh: bigint
  /** The restarts of its register that are registered, as far as this batch knows them. */
  restarts: readonly Restart[]
  /** What the batch before stated of it. */
  stated: MeterStatement | undefined
}

/** One meter's part of a batch: what counted since the batch before. */
export interface MeterPart extends MeterTerms {
  meterId: Hex
  household: Hex
  /** The last reading that counted in any batch before; undefined if there was none. */
  before: CountedReading | undefined
  /** Readings that count and are not later than the batch's time, in order: all, or those that are essential. */
  counted: readonly CountedReading[]
}

export interface BatchResult {
  generation: GenerationRecord[]
  /** By household, sorted; only households with a meter of their own consumption have records. */
  households: { household: Hex; records: HouseholdRecord[] }[]
  statements: MeterStatement[]
}

/** A meter is public when it measures generation alone; any other shows how a household lives. */
export function isPublic(registers: { importedWh?: bigint; exportedWh?: bigint }): boolean {
  return registers.importedWh === undefined && registers.exportedWh === undefined
}

/** Where a site's first batch begins: the boundary at or before its first meter's commissioning. */
export function firstBoundary(startTimes: readonly number[], intervalSeconds: number): number {
  return boundaryAt(Math.min(...startTimes), intervalSeconds)
}

/**
 * From readings that count to intervals, shares and statements. Pure, and independent of the order of meters.
 * @param from the time of the batch before (or `firstBoundary`). @param to the batch's time, a boundary.
 */
export function computeBatch(
  parts: readonly MeterPart[],
  from: number,
  to: number,
  rules: CommonRules,
): BatchResult {
  const sorted = [...parts].sort((a, b) => order(a.meterId, b.meterId))
  const silent = new Set(sorted.filter((part) => !lastOf(part)).map((part) => part.household))
  const meters = sorted.flatMap((part) => {
    const last = lastOf(part)
    if (!last) return []
    const intervals = meterIntervals(pointsOf(part), from, to, rules.intervalSeconds)
    return [{ part, last, open: isPublic(last.registers), intervals }]
  })

  const generation = meters
    .filter((meter) => meter.open)
    .flatMap(({ part, intervals }) =>
      intervals.map(({ start, energy }) => ({
        meterId: part.meterId,
        start,
        generatedWh: energy?.generatedWh,
      })),
    )
  const statements = meters.flatMap(({ part }) => statementOf(part, rules.headroomBasisPoints) ?? [])
  const owners = [
    ...new Set(meters.filter((meter) => !meter.open).map((meter) => meter.part.household)),
  ].sort(order)
  const own = owners.map((household) => ({
    household,
    records: householdRecords(
      meters.filter((meter) => meter.part.household === household).map((meter) => meter.intervals),
      silent.has(household),
    ),
  }))
  return { generation, households: share(own, rules.sharingKey), statements }
}

/**
 * Quotes a meter's last reading that its registered restarts explain; where none of this batch's is, the statement
 * before stands. A statement never goes back.
 */
export function statementOf(part: MeterPart, headroomBasisPoints: number): MeterStatement | undefined {
  const { meterId, before, stated, counted } = part
  const quotes = quoting(part, headroomBasisPoints)
  let statement = stated
  for (const reading of before ? [before, ...counted] : counted) {
    const generatedWh = quotes(reading)
    const { time, digest } = reading
    if (generatedWh !== undefined) statement = { kind: 1, meterId, generatedWh, time, reading: digest }
  }
  return statement
}

/** Asked for one reading after the other: what a statement says by it, where it is to be quoted instead of those before. */
function quoting({ ratedW, startWh, restarts, stated }: MeterTerms, headroomBasisPoints: number) {
  let leastWh = stated?.generatedWh ?? startWh
  return (reading: Anchor): bigint | undefined => {
    if (reading.registers.generatedWh === undefined || (stated && reading.time <= stated.time))
      return undefined
    const said = statedBy(reading, restarts, ratedW, headroomBasisPoints)
    if (!("wh" in said) || said.wh < leastWh) return undefined
    leastWh = said.wh
    return said.wh
  }
}

/**
 * Told one after the other of all readings that count in a batch, keeps those that its outcome depends on: the first,
 * the last up to each boundary, and the one to be quoted. `computeBatch` makes the same of them as of all, and they
 * are no more than the intervals and three.
 */
export function essentialReadings<R extends Anchor>(
  part: MeterTerms & { before: Anchor | undefined },
  from: number,
  { intervalSeconds, headroomBasisPoints }: CommonRules,
) {
  const intervalOf = (time: number) => Math.max(0, Math.ceil((time - from) / intervalSeconds))
  const quotes = quoting(part, headroomBasisPoints)
  if (part.before) quotes(part.before)
  const kept: R[] = []
  let quoted: { reading: R; behind: number } | undefined
  let last: R | undefined
  return {
    add(reading: R): void {
      if (last && (kept.length === 0 || intervalOf(last.time) !== intervalOf(reading.time))) kept.push(last)
      if (quotes(reading) !== undefined) quoted = { reading, behind: kept.length }
      last = reading
    },
    /** In the order in which they came. */
    kept(): R[] {
      const all = last ? [...kept, last] : [...kept]
      if (quoted && !all.includes(quoted.reading)) all.splice(quoted.behind, 0, quoted.reading)
      return all
    },
  }
}

function lastOf(part: MeterPart): CountedReading | undefined {
  return part.counted.at(-1) ?? part.before
}

/** A generation meter stood at its start register when it was commissioned. */
function pointsOf(part: MeterPart): Anchor[] {
  if (part.before) return [part.before, ...part.counted]
  const first = part.counted[0]
  if (
    first?.registers.generatedWh === undefined ||
    first.time === part.startTime ||
    !isPublic(first.registers)
  )
    return [...part.counted]
  return [{ time: part.startTime, registers: { generatedWh: part.startWh } }, ...part.counted]
}

type OwnRecord = {
  start: number
  energy: { generatedWh: bigint; importedWh: bigint; exportedWh: bigint } | undefined
}

/** Adds up a household's meters; where one of them has a gap, or has never said anything, the household has one. */
function householdRecords(meters: readonly MeterInterval[][], silent: boolean): OwnRecord[] {
  return meters[0]!.map(({ start }, i) => {
    const energy = { generatedWh: 0n, importedWh: 0n, exportedWh: 0n }
    for (const intervals of meters) {
      const part = intervals[i]!.energy
      if (!part || silent) return { start, energy: undefined }
      energy.generatedWh += part.generatedWh ?? 0n
      energy.importedWh += part.importedWh ?? 0n
      energy.exportedWh += part.exportedWh ?? 0n
    }
    return { start, energy }
  })
}

/** Shares each interval's surplus among the households whose energy is known in it. */
function share(
  own: readonly { household: Hex; records: OwnRecord[] }[],
  key: SharingKey,
): BatchResult["households"] {
  const shared = own.map(({ household }) => ({ household, records: [] as HouseholdRecord[] }))
  const intervals = own[0]?.records ?? []
  intervals.forEach(({ start }, i) => {
    const nets = own.flatMap(({ household, records }) => {
      const energy = records[i]!.energy
      return energy ? [balanceFor(key, household, energy.exportedWh, energy.importedWh)] : []
    })
    const shares = new Map(shareBy(key, nets, start).map((part) => [part.household, part]))
    own.forEach(({ household, records }, h) => {
      const energy = records[i]!.energy
      const part = shares.get(household)
      shared[h]!.records.push({
        start,
        energy: energy && part && { ...energy, givenWh: part.givenWh, receivedWh: part.receivedWh },
      })
    })
  })
  return shared
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
