import { equalBytes } from "../hex.ts"
import type { Reading } from "../reading.ts"
import type { RegisterField, Registers } from "./energy.ts"

/** What is remembered of a meter's records so far. */
export interface Series {
  /** The highest sequence number. */
  readonly sequence: number
  /** The signed message of each record by its number; one map that grows, so that n records cost n and not n². */
  readonly messages: Map<number, Uint8Array>
  /** The time of the record before. */
  readonly time: number
  /** The highest value of each register: one that fell is in doubt until it is back there. */
  readonly registers: Registers
}

const fields: readonly RegisterField[] = ["generatedWh", "importedWh", "exportedWh"]

/**
 * Judges a record among its meter's others: its number follows the highest before, its time is not before that of
 * the record before, and no register falls. Works for every format; within a record, moments are held to the same.
 * @param before undefined for the first record.
 * @param readings the record's moments in order, all with one sequence number; at least one.
 * @returns what speaks against settling on the record, and what to remember.
 */
export function judgeSeries(
  before: Series | undefined,
  readings: readonly Reading[],
  message: Uint8Array,
): { doubts: string[]; series: Series } {
  const doubts: string[] = []
  const sequence = readings[0]!.sequence
  if (before) {
    const same = before.messages.get(sequence)
    const missing = sequence - before.sequence - 1
    if (same && equalBytes(same, message)) doubts.push(`the same record ${sequence} came before`)
    else if (same)
      doubts.push(
        `another record ${sequence} came before and says something else: the meter contradicts itself`,
      )
    else if (missing < 0) doubts.push(`record ${sequence} came after record ${before.sequence}`)
    else if (missing > 0)
      doubts.push(
        `${missing} ${missing === 1 ? "record is" : "records are"} missing before record ${sequence}`,
      )
  }
  let time = before?.time
  const registers: Registers = { ...before?.registers }
  for (const reading of readings) {
    if (time !== undefined && reading.time < time)
      doubts.push(
        `the clock went back by ${time - reading.time} s, to ${new Date(reading.time * 1000).toISOString()}`,
      )
    time = reading.time
    for (const field of fields) {
      const value = reading[field]
      if (value === undefined) continue
      const highest = registers[field]
      if (highest !== undefined && value < highest)
        doubts.push(`${field} fell from ${highest} to ${value} Wh`)
      else registers[field] = value
    }
  }
  const messages = before?.messages ?? new Map<number, Uint8Array>()
  if (!messages.has(sequence)) messages.set(sequence, message)
  return {
    doubts,
    series: { sequence: Math.max(sequence, before?.sequence ?? 0), messages, time: time!, registers },
  }
}
