import { type FaultName, faultNames } from "../device-sim/main.ts"
import { PersonError } from "../protocol/error.ts"

/** What a person asks of the demonstration. */
export interface DemoOptions {
  days: number
  /** Ends after the days, audits itself and says the result. */
  once: boolean
  /** Virtual seconds per second. */
  speed: number
  seed: number
  homes: number
  /** A file of real homes to replay instead of modelled ones. */
  data: string | undefined
  /** A table of emission factors that the community counts its CO2 by. */
  factors: Uint8Array | undefined
  /** The first day, Unix seconds at its midnight UTC; undefined for yesterday, or the data's first whole day. */
  from: number | undefined
  faults: readonly FaultName[]
  /** Where everything is kept. A directory of an earlier run is continued. */
  directory: string
  /** Port of the page, if it is free. */
  port: number
}

/** @throws PersonError for a name that is not a fault's. */
export function parseFaults(text: string): FaultName[] {
  const known = Object.keys(faultNames) as FaultName[]
  if (text === "all") return known
  return text.split(",").map((part) => {
    const name = known.find((fault) => fault === part.trim())
    if (!name)
      throw new PersonError(`There is no fault "${part}".`, {
        next: `Use all, or some of: ${known.join(", ")}.`,
      })
    return name
  })
}

/** @throws PersonError when the text is not a date such as 2026-06-14. */
export function parseDay(text: string): number {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
  if (Number.isNaN(time))
    throw new PersonError(`"${text}" is not a day.`, { next: "Write it as 2026-06-14." })
  return time / 1000
}
