import { type CountedReading, computeBatch, firstBoundary, type MeterPart } from "../../energy/batch.ts"
import { boundaryAt } from "../../energy/intervals.ts"
import type { HouseholdRecord, Rules } from "../../protocol/evidence.ts"
import type { Hex } from "../../protocol/hex.ts"

/** A household as the configuration names it. */
export interface Home {
  name: string
  address: Hex
}

/** What one meter brings to the day: its readings that count, at least the last at or before each boundary. */
export interface MeterDay extends Omit<MeterPart, "before" | "counted" | "stated"> {
  name: string
  /** In order; the first may be of the day before. */
  readings: readonly CountedReading[]
}

/** Energy in whole Wh. */
export interface DayEnergy {
  generated: bigint
  used: bigint
  given: bigint
  received: bigint
  toGrid: bigint
  fromGrid: bigint
}

export interface HomeDay extends Home {
  /** Undefined is not known. Without a meter for its use a home has a generation, and no more is known. */
  energy: DayEnergy | undefined
  generatedAlone: bigint | undefined
  /** Intervals that are not in these figures since a meter has a gap there. */
  missing: number
  /** Its meters of which nothing counts yet, up to `to`. */
  silent: string[]
}

export interface Today {
  /** The day's figures are over [from, to), Unix seconds, both boundaries. */
  from: number
  to: number
  intervalSeconds: number
  homes: HomeDay[]
  /** Over the homes whose energy is known. */
  total: DayEnergy | undefined
}

const secondsPerDay = 86_400

/** The part of today that is over, in whole intervals: from 00:00 UTC, or from the site's first day on. */
export function spanOfToday(now: number, startTimes: readonly number[], intervalSeconds: number) {
  const midnight = boundaryAt(now, secondsPerDay)
  const to = boundaryAt(now, intervalSeconds)
  return { midnight, from: Math.min(to, Math.max(midnight, firstBoundary(startTimes, intervalSeconds))), to }
}

/** Today's energy of each home, by the same rules as a batch. */
export function todayOf(
  homes: readonly Home[],
  meters: readonly MeterDay[],
  span: { from: number; to: number },
  rules: Rules,
): Today {
  const { from, to } = span
  const { intervalSeconds } = rules
  const result = computeBatch(
    meters.map((meter) => partOf(meter, from, to)),
    from,
    to,
    rules,
  )
  const rows = homes.map(({ name, address }): HomeDay => {
    const own = meters.filter(({ household }) => household === address)
    const silent = own
      .filter(({ readings }) => !readings.some(({ time }) => time <= to))
      .map((meter) => meter.name)
    const records = result.households.find(({ household }) => household === address)?.records
    const generation = result.generation.filter(({ meterId }) =>
      own.some((meter) => meter.meterId === meterId),
    )
    const since = boundaryAt(Math.min(...own.map(({ startTime }) => startTime)), intervalSeconds)
    const expected = (records ?? generationByStart(generation)).filter(({ start }) => start >= since)
    const known = expected.flatMap(({ energy }) => energy ?? [])
    // A meter that has not spoken yet is invisible to the rules; what it would add is not known, so the sums are not.
    const whole = silent.length === 0 && known.length > 0
    return {
      name,
      address,
      energy: whole && records ? dayEnergy(records) : undefined,
      generatedAlone:
        whole && !records ? known.reduce((sum, { generatedWh }) => sum + generatedWh, 0n) : undefined,
      missing: expected.length - known.length,
      silent,
    }
  })
  const energies = rows.flatMap(({ energy }) => energy ?? [])
  return {
    from,
    to,
    intervalSeconds,
    homes: rows,
    total: energies.length > 0 ? energies.reduce(add) : undefined,
  }
}

function partOf({ name: _, readings, ...meter }: MeterDay, from: number, to: number): MeterPart {
  return {
    ...meter,
    stated: undefined,
    before: readings.findLast(({ time }) => time <= from),
    counted: readings.filter(({ time }) => time > from && time <= to),
  }
}

/** Generation meters of a home without a meter for its use; where one has a gap, the home has one. */
function generationByStart(records: readonly { start: number; generatedWh: bigint | undefined }[]) {
  const starts = [...new Set(records.map(({ start }) => start))]
  return starts.map((start) => {
    const values = records.filter((record) => record.start === start).map(({ generatedWh }) => generatedWh)
    if (values.some((value) => value === undefined)) return { start, energy: undefined }
    return { start, energy: { generatedWh: values.reduce<bigint>((sum, value) => sum + (value ?? 0n), 0n) } }
  })
}

function dayEnergy(records: readonly HouseholdRecord[]): DayEnergy {
  const day: DayEnergy = { generated: 0n, used: 0n, given: 0n, received: 0n, toGrid: 0n, fromGrid: 0n }
  for (const { energy } of records) {
    if (!energy) continue
    const { generatedWh, importedWh, exportedWh, givenWh, receivedWh } = energy
    day.generated += generatedWh
    day.used += generatedWh + importedWh - exportedWh
    day.given += givenWh
    day.received += receivedWh
    day.toGrid += exportedWh - givenWh
    day.fromGrid += importedWh - receivedWh
  }
  return day
}

function add(a: DayEnergy, b: DayEnergy): DayEnergy {
  return {
    generated: a.generated + b.generated,
    used: a.used + b.used,
    given: a.given + b.given,
    received: a.received + b.received,
    toGrid: a.toGrid + b.toGrid,
    fromGrid: a.fromGrid + b.fromGrid,
  }
}
