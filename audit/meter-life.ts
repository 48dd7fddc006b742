import type { Restart } from "../energy/restart.ts"
import type { Hex } from "../protocol/hex.ts"
import type { Assurance, Scheme } from "../protocol/meter.ts"
import type { LaterKey } from "../protocol/meter-keys.ts"

/** Where in the chain something happened; positions sort by block, then by log. */
export interface Position {
  block: bigint
  log: number
  transaction: Hex
}

/** Whether `a` happened before `b`. */
export function before(a: Position, b: Position): boolean {
  return a.block === b.block ? a.log < b.log : a.block < b.block
}

/** The last change of a kind before a moment. */
export function inForce<T extends { at: Position }>(changes: readonly T[], at: Position): T | undefined {
  return changes.filter((change) => before(change.at, at)).at(-1)
}

export interface RegisteredRestart extends Restart {
  at: Position
}

/** A meter as the chain has it at a moment. */
export interface RegisteredMeter {
  meterId: Hex
  site: number
  household: Hex
  scheme: Scheme
  publicKey: Hex
  assurance: Assurance
  ratedW: number
  startWh: bigint
  startTime: number
  /** In the order in which they were registered. */
  restarts: RegisteredRestart[]
  /** The keys after the first, in order. */
  laterKeys?: LaterKey[]
  at: Position
}

/** As the registry's contract numbers it. */
export const MeterStatus = { active: 1, suspended: 2, revoked: 3, ended: 4 } as const

/** A meter's registration and all that was ever changed of it, each kind in the order of the chain. */
export interface MeterLife extends RegisteredMeter {
  source: number
  ratings: { ratedW: number; time: number; at: Position }[]
  moves: { site: number; time: number; at: Position }[]
  households: { household: Hex; time: number; at: Position }[]
  keys: (LaterKey & { at: Position })[]
  statuses: { status: number; at: Position }[]
  certificates: { wanted: boolean; at: Position }[]
  end: { countedWh: bigint; time: number; at: Position } | undefined
  replacedBy: Hex | undefined
}

/** The meter as it was just before a moment; without one, as it is. */
export function meterAt(life: MeterLife, at?: Position): RegisteredMeter {
  const until = <T extends { at: Position }>(changes: readonly T[]) =>
    at ? changes.filter((change) => before(change.at, at)) : [...changes]
  const { meterId, scheme, publicKey, assurance, startWh, startTime } = life
  return {
    meterId,
    scheme,
    publicKey,
    assurance,
    startWh,
    startTime,
    at: life.at,
    site: until(life.moves).at(-1)?.site ?? life.site,
    household: until(life.households).at(-1)?.household ?? life.household,
    ratedW: until(life.ratings).at(-1)?.ratedW ?? life.ratedW,
    restarts: until(life.restarts),
    laterKeys: until(life.keys),
  }
}
