/** One line of the table. */
export interface Row {
  /** Names the row from one run to the next. */
  what: string
  ours: number
  unit: string
  /** What it is measured against, on the same machine in the same run, or a figure that somebody published. */
  against?: { what: string; value: number }
  /** Which way is good. */
  better: "higher" | "lower"
  /** The budget, as a bound on the ratio (ours to the other) or on our own figure. */
  budget?: { of: "ratio" | "ours"; bound: number }
  note?: string
}

/** The unit of a row whose note says why there is no figure. */
export const notMeasured = "not measured"

/** What a part of the bench is asked for. */
export interface Options {
  /** Short runs, to see that it works. Their figures mean little. */
  quick: boolean
  /** No other part runs: there is time for more. */
  alone: boolean
}

export type Part = (options: Options) => Promise<Row[]>

/** Ours to the other's: above 1 is more than the other, which is good or bad as `better` says. */
export function ratioOf({ ours, against }: Row): number | undefined {
  return against && against.value > 0 ? ours / against.value : undefined
}

/** Whether the budget is kept; undefined where there is none, or nothing to compare with. */
export function isWithinBudget(row: Row): boolean | undefined {
  if (!row.budget || row.unit === notMeasured) return undefined
  const value = row.budget.of === "ours" ? row.ours : ratioOf(row)
  if (value === undefined) return undefined
  return row.better === "higher" ? value >= row.budget.bound : value <= row.budget.bound
}

/** The middle one; of an even number the mean of the two. @throws RangeError without values. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("There is no median of nothing.")
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
