import { z } from "zod"

/** Unix time in whole seconds, from wherever the process takes its time. */
export interface Clock {
  now(): number
  /** Milliseconds of real time until the clock shows `time`; Infinity if it never will. */
  delayUntil(time: number): number
}

/** `Pace` as it stands in configuration files. */
export const paceShape = z.strictObject({
  start: z.int().describe("Virtual Unix seconds at `wallStart`."),
  wallStart: z.number().describe("Wall clock in Unix milliseconds at `start`."),
  speed: z.number().positive().describe("Virtual seconds per second."),
  end: z
    .int()
    .exactOptional()
    .describe("Virtual time stops here, if given. It never overtakes the wall clock in any case."),
})

/**
 * A time that runs at another pace than the wall clock, for demonstrations and tests: a pure function of the
 * wall clock, so that every process of a run agrees without talking, and a restart continues where time is.
 */
export type Pace = z.output<typeof paceShape>

/** Virtual time in whole Unix seconds at the wall time `wallMs`. */
export function virtualTime(pace: Pace, wallMs: number): number {
  const elapsed = Math.max(0, (wallMs - pace.wallStart) / 1000) * pace.speed
  return Math.floor(Math.min(pace.start + elapsed, pace.end ?? Infinity, wallMs / 1000))
}

/** The wall time in whole Unix milliseconds at which virtual time reaches `time`; Infinity when it never does. */
export function wallTime(pace: Pace, time: number): number {
  if (pace.end !== undefined && time > pace.end) return Infinity
  // Virtual time is never before its start, whatever the wall clock says, but it does not overtake the wall clock.
  if (time <= pace.start) return time * 1000
  const due = pace.wallStart + ((time - pace.start) / pace.speed) * 1000
  let wall = Math.ceil(Math.max(due, time * 1000))
  // The two conversions may round apart; a timer that fires here must find the time reached.
  for (let step = 1; virtualTime(pace, wall) < time; step *= 2) wall += step
  return wall
}

/** A clock at the given pace, or the wall clock without one. @param wallNow Unix milliseconds. */
export function createClock(pace: Pace | undefined, wallNow: () => number): Clock {
  return {
    now: () => (pace ? virtualTime(pace, wallNow()) : Math.floor(wallNow() / 1000)),
    delayUntil: (time) => Math.max(0, (pace ? wallTime(pace, time) : time * 1000) - wallNow()),
  }
}
