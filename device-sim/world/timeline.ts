/** Energy since the world began, in whole joules (watt-seconds). A safe integer for 250 years at 1 MW. */
export interface Energy {
  generated: number
  used: number
  imported: number
  exported: number
}

/** A day's powers in whole W, each constant for `stepSeconds`; the steps fill the day. */
export interface DayOfPower {
  stepSeconds: number
  generation: Int32Array
  load: Int32Array
}

interface DaySums {
  power: DayOfPower
  /** Joules from the start of the day to the start of each step, and to the day's end. */
  generated: Float64Array
  used: Float64Array
  imported: Float64Array
  exported: Float64Array
}

const secondsPerDay = 86_400
const keptDays = 3

/**
 * Adds up powers that are a function of time. Days are worked out once, in order, and their totals kept, so that
 * asking for later and later times costs one day at a time, and an earlier time costs that day alone.
 */
export class Timeline {
  readonly #start: number
  readonly #shift: number
  readonly #dayOf: (day: number) => DayOfPower
  /** Energy from the start of the first day to the start of day first + index. */
  readonly #atMidnight: Energy[] = [{ generated: 0, used: 0, imported: 0, exported: 0 }]
  readonly #days = new Map<number, DaySums>()
  readonly #beforeStart: Energy

  /**
   * @param start Unix seconds; energy counts from here.
   * @param shift seconds by which local midnight comes before midnight UTC.
   * @param dayOf the powers of a local day, counted from 1970.
   */
  constructor(start: number, shift: number, dayOf: (day: number) => DayOfPower) {
    this.#start = start
    this.#shift = shift
    this.#dayOf = dayOf
    this.#beforeStart = this.#sinceFirstMidnight(start)
  }

  /** Energy from the world's start to `time`; nothing before. */
  energyAt(time: number): Energy {
    const before = this.#beforeStart
    const at = this.#sinceFirstMidnight(Math.max(time, this.#start))
    return {
      generated: at.generated - before.generated,
      used: at.used - before.used,
      imported: at.imported - before.imported,
      exported: at.exported - before.exported,
    }
  }

  /** The powers in W that hold from `time` to the end of its step. */
  powerAt(time: number): { generation: number; load: number } {
    const { power } = this.#sumsOf(this.#localDay(time))
    const step = Math.floor(this.#secondOfDay(time) / power.stepSeconds)
    return { generation: power.generation[step]!, load: power.load[step]! }
  }

  #localDay(time: number): number {
    return Math.floor((time + this.#shift) / secondsPerDay)
  }

  #secondOfDay(time: number): number {
    return time + this.#shift - this.#localDay(time) * secondsPerDay
  }

  #sinceFirstMidnight(time: number): Energy {
    const firstDay = this.#localDay(this.#start)
    const day = this.#localDay(time)
    for (let known = this.#atMidnight.length - 1; known < day - firstDay; known++) {
      const sums = this.#sumsOf(firstDay + known)
      this.#atMidnight.push(plus(this.#atMidnight[known]!, sums, sums.generated.length - 1, 0))
    }
    const sums = this.#sumsOf(day)
    const second = this.#secondOfDay(time)
    const step = Math.floor(second / sums.power.stepSeconds)
    return plus(this.#atMidnight[day - firstDay]!, sums, step, second - step * sums.power.stepSeconds)
  }

  #sumsOf(day: number): DaySums {
    let sums = this.#days.get(day)
    if (!sums) {
      sums = sumUp(this.#dayOf(day))
      this.#days.set(day, sums)
      if (this.#days.size > keptDays) this.#days.delete(this.#days.keys().next().value!)
    }
    return sums
  }
}

function sumUp(power: DayOfPower): DaySums {
  const steps = power.generation.length
  const sums: DaySums = {
    power,
    generated: new Float64Array(steps + 1),
    used: new Float64Array(steps + 1),
    imported: new Float64Array(steps + 1),
    exported: new Float64Array(steps + 1),
  }
  for (let i = 0; i < steps; i++) {
    const generation = power.generation[i]!
    const load = power.load[i]!
    sums.generated[i + 1] = sums.generated[i]! + generation * power.stepSeconds
    sums.used[i + 1] = sums.used[i]! + load * power.stepSeconds
    sums.imported[i + 1] = sums.imported[i]! + Math.max(0, load - generation) * power.stepSeconds
    sums.exported[i + 1] = sums.exported[i]! + Math.max(0, generation - load) * power.stepSeconds
  }
  return sums
}

/** `from`, plus a day up to the start of `step`, plus `seconds` inside that step. */
function plus(from: Energy, sums: DaySums, step: number, seconds: number): Energy {
  const generation = sums.power.generation[step] ?? 0
  const load = sums.power.load[step] ?? 0
  return {
    generated: from.generated + sums.generated[step]! + generation * seconds,
    used: from.used + sums.used[step]! + load * seconds,
    imported: from.imported + sums.imported[step]! + Math.max(0, load - generation) * seconds,
    exported: from.exported + sums.exported[step]! + Math.max(0, generation - load) * seconds,
  }
}
