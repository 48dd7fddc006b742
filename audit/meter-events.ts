import type { Hex } from "../protocol/hex.ts"
import { Assurance, schemeFacts } from "../protocol/meter.ts"
import { type MeterLife, MeterStatus, type Position } from "./meter-life.ts"

/** Something that the registry says of a meter. */
export interface MeterEvent {
  what: string
  /** From when on it holds, Unix seconds; undefined where the registry says no time but the block's. */
  time: number | undefined
  block: bigint
  transaction: Hex
}

const statusWords: Record<number, string> = {
  [MeterStatus.active]: "is active again",
  [MeterStatus.suspended]: "was suspended",
  [MeterStatus.revoked]: "was revoked",
  [MeterStatus.ended]: "ended",
}

/** A meter's life in words, in the order of the chain. */
export function lifeOf(life: MeterLife): MeterEvent[] {
  const events: (MeterEvent & { log: number })[] = []
  const say = ({ block, log, transaction }: Position, what: string, time?: number) =>
    events.push({ what, time, block, transaction, log })
  const { scheme, assurance, ratedW, startWh, site, household } = life
  const signs = assurance === Assurance.meter ? "it signs for itself" : "the gateway signs for it"
  say(
    life.at,
    `was registered for site ${site} and household ${household}: ${ratedW} W, register at ${startWh} Wh, ${schemeFacts(scheme).format} key, ${signs}`,
    life.startTime,
  )
  for (const { finalWh, firstWh, time, at } of life.restarts)
    say(at, `its register began anew: it ended at ${finalWh} Wh and went on from ${firstWh} Wh`, time)
  for (const { ratedW, time, at } of life.ratings) say(at, `its rated power became ${ratedW} W`, time)
  for (const { site, time, at } of life.moves) say(at, `moved to site ${site}`, time)
  for (const { household, time, at } of life.households) say(at, `now belongs to ${household}`, time)
  for (const { publicKey, from, at } of life.keys) say(at, `signs with another key, ${publicKey}`, from)
  for (const { status, at } of life.statuses) say(at, statusWords[status] ?? `has status ${status}`)
  for (const { wanted, at } of life.certificates)
    say(at, wanted ? "gets certificates in place of GREEN" : "gets GREEN")
  if (life.end) say(life.end.at, `ended with ${life.end.countedWh} Wh`, life.end.time)
  return events
    .sort((a, b) => Number(a.block - b.block) || a.log - b.log)
    .map(({ log: _, ...event }) => event)
}
