import type { IntervalEnergy } from "../../../energy/day.ts"
import { isoTime } from "../words.ts"
import { energyOut } from "./answers.ts"

const columns = {
  generated_wh: "generated",
  used_wh: "used",
  from_neighbours_wh: "received",
  to_neighbours_wh: "given",
  from_grid_wh: "fromGrid",
  to_grid_wh: "toGrid",
} as const

/** A home's intervals as CSV (RFC 4180): times in UTC, energies in whole Wh, an empty cell is not known. */
export function* csvOf(records: Iterable<IntervalEnergy>): Iterable<string> {
  yield `${["start", ...Object.keys(columns)].join(",")}\r\n`
  for (const { start, energy } of records) {
    const figures: Partial<ReturnType<typeof energyOut>> = energy ? energyOut(energy) : {}
    yield `${[isoTime(start), ...Object.values(columns).map((name) => figures[name] ?? "")].join(",")}\r\n`
  }
}

/** The same as JSON. */
export function* jsonOf(about: Record<string, unknown>, records: Iterable<IntervalEnergy>): Iterable<string> {
  yield `${JSON.stringify(about).slice(0, -1)},"intervals":[`
  let comma = "\n"
  for (const { start, energy } of records) {
    yield `${comma}${JSON.stringify({ start: isoTime(start), energy: energy ? energyOut(energy) : null })}`
    comma = ",\n"
  }
  yield "\n]}\n"
}
