import { ceilingWh } from "./ceiling.ts"
import {
  clockExplains,
  isPossible,
  judgeRise,
  quarterSeconds,
  type RegisterBounds,
  type RiseMemory,
} from "./rise.ts"

/**
 * The counter state machine. A meter *shows* a register; what is *counted* never goes down and goes through resets,
 * rollovers and replaced counters: counted = shown + the offset of the counter that the meter shows.
 *
 * Seen once, a fault of the display cannot be told from an honest event, so the machine waits:
 *
 * - A value below the last one is a dip, a reset, a rollover or another counter. It is in doubt until the register is
 *   back where it was (a dip: the difference to the value before is counted), or has gone on plausibly from the low
 *   value for `settledSeconds` with `settledRises` rises, or stood there for `stillSeconds` (another counter).
 * - A value further up than a wrong clock explains is a glitch or another counter: the same, and the jump itself is
 *   never counted.
 * - A value a little below the last one, not below what the register showed an hour before, says that a value since
 *   then was too high. Nothing is counted until it is passed.
 * - A value that rated power allows only because the register stood still for long is a late value or a glitch: it
 *   counts when the next reading stands by it.
 *
 * What stays indistinguishable, and what it can cost, each bounded by rated power and paid back by later energy once
 * the true value shows: a glitch upwards within what rated power allows since the last reading (or a quarter of an
 * hour); a late glitch shown twice; a display that rises plausibly from a value near 0 for as long as a reset would
 * (that value); a reset within a hundredth of a modulus (the distance to it); another counter that begins so near 0
 * that it can have counted it (that value). Energy between the last reading before a reset and the reset itself is in
 * no register, and is not counted; nor is any where a reset counter passes its old value before it is believed.
 */

/** The counter that a meter shows, as against what is counted of it. */
export interface Counter {
  /** counted = shown + this. */
  offsetWh: bigint
  /** How many times it began anew, as far as the machine saw. */
  restarts: number
  /** The most that can have been measured, unseen, between the last reading before a restart and the first after it. */
  unseenWh: bigint
}

export const firstCounter: Counter = Object.freeze({ offsetWh: 0n, restarts: 0, unseenWh: 0n })

/** What the rules remember of one register of a meter. */
export interface RegisterMemory extends RiseMemory {
  /** What it showed between one and two hours of readings ago: below this it is not the same counter, or dips. */
  floor: bigint
  /** Becomes the floor in an hour. */
  mark: { shown: bigint; time: number }
  /** Absent where it never began anew. */
  counter?: Counter
  /** The counter before the last restart, where it was last seen, and what it must be below to be back. */
  before?: { counter: Counter; shown: bigint; time: number; below?: bigint }
  /** Readings in doubt, each of which can follow from the one before. */
  doubted?: Line
  /** Where it stands while it is behind what is counted of it. */
  behind?: { shown: bigint; time: number }
}

interface Line {
  first: bigint
  since: number
  last: bigint
  time: number
  readings: number
  rises: number
}

export type RegisterFault = "register-fell" | "over-rated" | "register-jumped" | "register-late"

/** What a register's value is taken for, in words. Those of the first table count, those of the second do not. */
export const countedKinds = Object.freeze({
  first: "the first value that is known of it",
  normal: "it rose by what its meter can have measured",
  frozen: "it stands where it stood",
  gap: "it goes on after a time without readings that count",
  late: "it shows late what was measured while it stood still",
  reset: "it began again at 0",
  rollover: "it passed the end of its digits and began again at 0",
  replaced: "another counter goes on from another value",
  back: "the counter that was thought to be gone is back",
} as const)
export const doubtedKinds = Object.freeze({
  dip: "it is below its last value; a restart is not believed yet",
  behind: "it is a little below its last value, which was too high; nothing counts until that is passed",
  glitch: "it is above what its meter can have measured",
  unconfirmed: "it moved far after standing still; the next reading has to stand by it",
} as const)
export type CountedKind = keyof typeof countedKinds
export type DoubtedKind = keyof typeof doubtedKinds

export type RegisterVerdict =
  | { kind: CountedKind; countedWh: bigint; memory: RegisterMemory }
  | { kind: DoubtedKind; fault: { reason: RegisterFault; detail: string }; memory: RegisterMemory }

/** Another counter is believed after so many rises over so long a time … */
const settledRises = 3
const settledSeconds = 3600
/** … or when it stood still for so long, in so many readings. */
const stillSeconds = 86_400
const stillReadings = 4
/** A late value is believed when it is shown twice. */
const shownAgain = 2
const floorSeconds = 3600

/**
 * Where counters roll over, in Wh, ascending: 6 to 12 decimal digits, 16 bits of 100 or 1000 Wh, and 31 and 32 bits of
 * 1, 10, 100 or 1000 Wh.
 */
export const moduliWh: readonly bigint[] = [
  ...Array.from({ length: 7 }, (_, i) => 10n ** BigInt(6 + i)),
  ...[100n, 1000n].map((step) => 2n ** 16n * step),
  ...[31n, 32n].flatMap((bits) => [1n, 10n, 100n, 1000n].map((step) => 2n ** bits * step)),
].sort((a, b) => (a < b ? -1 : 1))
/** A counter that began at 0 rolled over only if it stood within a hundredth of its modulus; else it was reset. */
const modulusShare = 100n

/** A register before anything of it counted. */
export function newRegister(shown: bigint, since: number): RegisterMemory {
  return { since, ahead: 0n, floor: shown, mark: { shown, time: since } }
}

/**
 * Judges the value that a register shows.
 * @param last what is counted so far, and the time of the last reading that counted.
 * @param step of the register in Wh, 0 where it is one Wh.
 */
export function judgeRegister(
  last: { wh: bigint; time: number },
  shown: bigint,
  time: number,
  step: bigint,
  memory: RegisterMemory,
  bounds: RegisterBounds,
): RegisterVerdict {
  const counter = memory.counter ?? firstCounter
  const line = extend(memory.doubted, shown, time, step, bounds)
  const value = shown + counter.offsetWh

  if (value >= last.wh) {
    const { rise, fault } = judgeRise(last.wh, value, time, step, memory, bounds)
    if (!fault) {
      const late = !isPossible(value - last.wh, Math.max(time - last.time, quarterSeconds), step, bounds)
      if (late && line.readings < shownAgain)
        return {
          kind: "unconfirmed",
          fault: {
            reason: "register-late",
            detail: `rose by ${value - last.wh} Wh in ${time - last.time} s; the next reading has to stand by it`,
          },
          memory: { ...memory, doubted: line },
        }
      return {
        kind: late ? "late" : ordinaryKind(last, value, time),
        countedWh: value,
        memory: standing(memory, rise, shown, time),
      }
    }
    const doubting = { ...memory, ...rise, doubted: line }
    const other = rise.jumped !== undefined && line.first + counter.offsetWh >= rise.jumped
    return (
      anotherCounter(last, shown, time, step, doubting, line, other, bounds) ?? {
        kind: "glitch",
        fault,
        memory: doubting,
      }
    )
  }

  const doubting = { ...memory, doubted: line }
  const other = line.first < memory.floor
  return (
    anotherCounter(last, shown, time, step, doubting, line, other, bounds) ?? {
      kind: other ? "dip" : "behind",
      fault: { reason: "register-fell", detail: `fell from ${last.wh - counter.offsetWh} to ${shown} Wh` },
      memory: other ? doubting : { ...doubting, behind: { shown, time } },
    }
  )
}

/** The line of doubted readings with one more; a new one where it cannot follow. */
function extend(
  line: Line | undefined,
  shown: bigint,
  time: number,
  step: bigint,
  bounds: RegisterBounds,
): Line {
  if (!line || shown < line.last || !isPossible(shown - line.last, time - line.time, step, bounds))
    return { first: shown, since: time, last: shown, time, readings: 1, rises: 0 }
  return {
    ...line,
    last: shown,
    time,
    readings: line.readings + 1,
    rises: line.rises + (shown > line.last ? 1 : 0),
  }
}

/** Whether the doubted readings are those of another counter, and what counts if they are. */
function anotherCounter(
  last: { wh: bigint; time: number },
  shown: bigint,
  time: number,
  step: bigint,
  memory: RegisterMemory,
  line: Line,
  other: boolean,
  bounds: RegisterBounds,
): RegisterVerdict | undefined {
  const { before, counter = firstCounter } = memory
  const here = memory.behind ?? { shown: last.wh - counter.offsetWh, time: last.time }
  const seconds = line.time - line.since
  const settled =
    (line.rises >= settledRises && seconds >= settledSeconds) ||
    (line.readings >= stillReadings && seconds >= stillSeconds)
  if (!settled) return undefined
  if (
    before &&
    line.first >= before.shown &&
    (before.below === undefined || line.first < before.below) &&
    clockExplains(line.first - before.shown, line.since - before.time, step, bounds)
  )
    return turnTo("back", before.counter)
  if (!other) return undefined

  const unseenSeconds = line.since - here.time
  const can = (wh: bigint) => isPossible(wh, unseenSeconds, step, bounds)
  const modulus = moduliWh.find((wh) => wh > here.shown && modulusShare * (wh - here.shown) <= wh)
  // A counter that rolls over goes on from `here`, below 0 by as much as that was below its modulus.
  const [kind, began] =
    line.first > here.shown
      ? (["replaced", line.first] as const)
      : modulus !== undefined && can(modulus - here.shown + line.first)
        ? (["rollover", here.shown - modulus] as const)
        : can(line.first)
          ? (["reset", 0n] as const)
          : (["replaced", line.first] as const)
  const unseenWh = ceilingWh(bounds.ratedW, unseenSeconds, bounds.headroomBasisPoints) + step
  return turnTo(kind, {
    offsetWh: here.shown + counter.offsetWh - began,
    restarts: counter.restarts + 1,
    unseenWh: counter.unseenWh + unseenWh,
  })

  function turnTo(kind: "reset" | "rollover" | "replaced" | "back", to: Counter): RegisterVerdict {
    const { since, ahead, jumped } = memory
    const value = shown + to.offsetWh
    // A jump that is taken for another counter stays one for the counter before: time does not make it plausible.
    const below = jumped !== undefined && { below: jumped - counter.offsetWh }
    const turned = {
      floor: line.first,
      mark: { shown, time },
      ...(to.restarts > 0 && { counter: to }),
      ...(kind !== "back" && { before: { counter, ...here, ...below } }),
    }
    if (value < last.wh)
      return {
        kind: "behind",
        fault: {
          reason: "register-fell",
          detail: `goes on from ${shown} Wh; ${last.wh - value} Wh that were counted too much are taken off first`,
        },
        memory: { ...turned, since, ahead, behind: { shown, time } },
      }
    const { rise, fault } = judgeRise(last.wh, value, time, step, { since, ahead }, bounds)
    if (fault) return { kind: "glitch", fault, memory }
    return { kind, countedWh: value, memory: { ...turned, ...rise } }
  }
}

function ordinaryKind(last: { wh: bigint; time: number }, value: bigint, time: number): CountedKind {
  if (time - last.time > quarterSeconds) return "gap"
  return value === last.wh ? "frozen" : "normal"
}

/** The memory after a value that counts; the floor follows, an hour behind. */
function standing(memory: RegisterMemory, rise: RiseMemory, shown: bigint, time: number): RegisterMemory {
  const { counter, before, floor, mark } = memory
  const aged = time - mark.time >= floorSeconds
  // Written out: each reading that counts passes here, and spreading costs ten times as much.
  const next: RegisterMemory = {
    since: rise.since,
    ahead: rise.ahead,
    floor: aged ? mark.shown : floor,
    mark: aged ? { shown, time } : mark,
  }
  if (rise.jumped !== undefined) next.jumped = rise.jumped
  if (counter) next.counter = counter
  if (before) next.before = before
  return next
}
