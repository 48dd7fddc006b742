import type { HouseholdRecord, Rules } from "../protocol/evidence.ts"
import type { Hex } from "../protocol/hex.ts"
import { type CountedReading, computeBatch, type MeterPart } from "./batch.ts"
import { boundaryAt } from "./intervals.ts"

/** What one meter brings to a span: its readings that count, at least the last at or before each boundary. */
export interface MeterSpan extends Omit<MeterPart, "before" | "counted" | "stated"> {
  name: string
  /** In order; the first may be from before the span. */
  readings: readonly CountedReading[]
}

/** What a home used and what went between it, its neighbours and the grid; whole Wh. */
export interface Exchange {
  used: bigint
  given: bigint
  received: bigint
  toGrid: bigint
  fromGrid: bigint
}

/** A home's energy, whole Wh. Where its use is not measured its generation is known, and no more. */
export interface Energy {
  generated: bigint
  exchange: Exchange | undefined
}

/** A home's energy in the interval that begins at `start`, Unix seconds; undefined is a gap and not a zero. */
export interface IntervalEnergy {
  start: number
  energy: Energy | undefined
}

/** The sum over the intervals that are known, and how many are and are not. */
export interface EnergySum {
  energy: Energy | undefined
  known: number
  missing: number
}

export interface HomeEnergy {
  household: Hex
  records: IntervalEnergy[]
  /** Its meters of which nothing counts yet: what they would add is not known, so nothing of this home is. */
  silent: string[]
}

/** Each household's energy over [from, to), both boundaries, by the same rules as a batch. */
export function energyOfHomes(
  households: readonly Hex[],
  meters: readonly MeterSpan[],
  { from, to }: { from: number; to: number },
  rules: Rules,
): HomeEnergy[] {
  const parts = meters.map((meter) => partOf(meter, from, to))
  const result = computeBatch(parts, from, to, rules)
  return households.map((household) => {
    const own = meters.filter((meter) => meter.household === household)
    const silent = own.filter(({ readings }) => !readings.some(({ time }) => time <= to))
    const since = boundaryAt(Math.min(...own.map(({ startTime }) => startTime)), rules.intervalSeconds)
    const whole = result.households.find((other) => other.household === household)?.records
    const records =
      whole?.map(({ start, energy }) => ({ start, energy: energy && withExchange(energy) })) ??
      generationAlone(
        result.generation.filter(({ meterId }) => own.some((meter) => meter.meterId === meterId)),
      )
    return {
      household,
      silent: silent.map(({ name }) => name),
      records: records
        .filter(({ start }) => start >= since)
        .map(({ start, energy }) => ({ start, energy: silent.length === 0 ? energy : undefined })),
    }
  })
}

export function sumOf(records: readonly IntervalEnergy[]): EnergySum {
  const known = records.flatMap(({ energy }) => energy ?? [])
  return { energy: addAll(known), known: known.length, missing: records.length - known.length }
}

/** Undefined when there is nothing to add: no value is not a value of 0. */
export function addAll(energies: readonly Energy[]): Energy | undefined {
  return energies.length === 0 ? undefined : energies.reduce(add)
}

function add(a: Energy, b: Energy): Energy {
  return {
    generated: a.generated + b.generated,
    exchange: a.exchange && b.exchange ? addExchange(a.exchange, b.exchange) : (a.exchange ?? b.exchange),
  }
}

function addExchange(a: Exchange, b: Exchange): Exchange {
  return {
    used: a.used + b.used,
    given: a.given + b.given,
    received: a.received + b.received,
    toGrid: a.toGrid + b.toGrid,
    fromGrid: a.fromGrid + b.fromGrid,
  }
}

function partOf({ name: _, readings, ...meter }: MeterSpan, from: number, to: number): MeterPart {
  return {
    ...meter,
    stated: undefined,
    before: readings.findLast(({ time }) => time <= from),
    counted: readings.filter(({ time }) => time > from && time <= to),
  }
}

function withExchange(record: NonNullable<HouseholdRecord["energy"]>): Energy {
  const { generatedWh, importedWh, exportedWh, givenWh, receivedWh } = record
  return {
    generated: generatedWh,
    exchange: {
      used: generatedWh + importedWh - exportedWh,
      given: givenWh,
      received: receivedWh,
      toGrid: exportedWh - givenWh,
      fromGrid: importedWh - receivedWh,
    },
  }
}

/** Generation meters of a home without a meter for its use; where one has a gap, the home has one. */
function generationAlone(
  records: readonly { start: number; generatedWh: bigint | undefined }[],
): IntervalEnergy[] {
  const byStart = new Map<number, bigint | undefined>()
  for (const { start, generatedWh } of records) {
    const before = byStart.has(start) ? byStart.get(start) : 0n
    byStart.set(start, before === undefined || generatedWh === undefined ? undefined : before + generatedWh)
  }
  return [...byStart].map(([start, generated]) => ({
    start,
    energy: generated === undefined ? undefined : { generated, exchange: undefined },
  }))
}
