import type { IntervalEnergy } from "../../energy/day.ts"
import type { Hex } from "../../protocol/hex.ts"
import { readingDigest } from "../../protocol/reading.ts"
import { leafOf, type MeterStatement } from "../../protocol/statement.ts"
import { buildTree, proofOf } from "../../protocol/tree.ts"
import type { Meter } from "../config.ts"
import { lastAtOrBefore } from "../journal/at-time.ts"
import type { Batch, BatchState } from "../journal/batches.ts"
import type { StoredReading } from "../journal/readings.ts"
import type { WebContext } from "./context.ts"
import type { Days } from "./days.ts"
import { flowOf, type LeftOut } from "./live.ts"
import { metersNow } from "./meters-now.ts"

/** What a household sees of now. Powers in W; undefined is not known, and is not 0. */
export interface HomeNow {
  /** Whether it generates at all; a meter that has not spoken yet may. */
  roof: boolean
  sunW: number | undefined
  homeW: number | undefined
  /** At its own connection: positive comes in, negative goes out. */
  connectionW: number | undefined
  /** Time of the oldest reading in these. */
  asOf: number | undefined
  leftOut: LeftOut[]
  /**
   * The last interval that is over. How the connection divides into neighbours and grid is known by the interval, and
   * not finer: the moment's would show each neighbour's load.
   */
  interval: (IntervalEnergy & { end: number }) | undefined
  /** GREEN held, whole units; undefined before the chain was read. */
  green: bigint | undefined
}

export function metersOf({ config }: Pick<WebContext, "config">, household: Hex): Meter[] {
  return config.meters.filter((meter) => meter.household === household)
}

export function homeNow(context: WebContext, days: Days, household: Hex): HomeNow {
  const { config, clock, balances } = context
  const own = metersNow(context, metersOf(context, household))
  const { sunW, homesW, gridW, oldest, leftOut } = flowOf(own, clock.now(), config.pace?.speed)
  const today = days.today()
  const last = today.homes.find((home) => home.household === household)?.records.at(-1)
  const roof = own.some(({ latest }) => latest?.measures !== "grid")
  return {
    roof,
    sunW: roof ? sunW : 0,
    homeW: homesW,
    connectionW: gridW,
    asOf: oldest,
    leftOut,
    interval: last && { ...last, end: last.start + today.intervalSeconds },
    green: balances.get(household),
  }
}

/** A household's account with its neighbours as it was last stated and settled; undefined while none was. */
export function accountOf(
  { journal }: Pick<WebContext, "journal">,
  household: Hex,
): { credit: bigint; time: number } | undefined {
  return journal.batches.accounts.settled().find((statement) => statement.household === household)
}

/** What a batch states anew for one household's meters. */
export interface Mint {
  batch: bigint
  /** Up to when, Unix seconds. */
  time: number
  state: BatchState
  /** What it states beyond the batch before: as many GREEN units as Wh. */
  units: bigint
  /** Why the contract does not pay some of it, in its words. */
  refused: string[]
}

interface OwnStatement {
  meter: Meter
  statement: MeterStatement
  position: number
  /** What was stated before, Wh; where nothing was, what the meter was registered with. */
  beforeWh: bigint
  first: boolean
}

/** The latest batches that state something for a household, newest first, from before a number on. */
export function mintsOf(
  context: Pick<WebContext, "config" | "journal">,
  household: Hex,
  { before, limit }: { before?: bigint | undefined; limit: number },
): Mint[] {
  const { batches } = context.journal
  const mints: Mint[] = []
  let batch = batches.standingBefore(before ?? 2n ** 62n)
  for (; batch && mints.length < limit; batch = batches.standingBefore(batch.number)) {
    const own = statementsOf(context, household, batch)
    const units = own.reduce((sum, { statement, beforeWh }) => sum + statement.generatedWh - beforeWh, 0n)
    if (units === 0n) continue
    const { number, time, state } = batch
    mints.push({ batch: number, time, state, units, refused: refusedOf(batch, own) })
  }
  return mints
}

/** All that stands behind one mint, down to the signed reading and the chain. */
export interface Why extends Mint {
  root: Hex
  evidence: string
  statements: (Omit<OwnStatement, "position"> & {
    leaf: Uint8Array
    proof: Uint8Array[]
    /** The signed reading that the statement quotes, if it is still here. */
    reading: StoredReading | undefined
  })[]
  transactions: { kind: string; hash: Hex }[]
  attestations: { validator: string; refusal: string | undefined }[]
}

/** @returns undefined where the batch states nothing of this household's meters. */
export function whyOf(
  context: Pick<WebContext, "config" | "journal">,
  household: Hex,
  number: bigint,
): Why | undefined {
  const { batches, readings } = context.journal
  const batch = batches.get(number)
  const own = batch ? statementsOf(context, household, batch) : []
  if (!batch || own.length === 0) return undefined
  const leaves = batches.leaves(number).map(leafOf)
  const tree = buildTree(leaves)
  const statements = own.map(({ position, ...rest }) => {
    const { meterId, time, reading: digest } = rest.statement
    const newest = readings.lastCounted(meterId)
    const reading = newest && lastAtOrBefore(readings, time, newest)
    const quoted = reading && readingDigest(reading.bytes) === digest ? reading : undefined
    return { ...rest, leaf: leaves[position]!, proof: proofOf(tree, position), reading: quoted }
  })
  return {
    batch: number,
    time: batch.time,
    state: batch.state,
    units: own.reduce((sum, { statement, beforeWh }) => sum + statement.generatedWh - beforeWh, 0n),
    refused: refusedOf(batch, own),
    root: batch.root,
    evidence: batch.evidence.toString(),
    statements,
    transactions: batches.transactions(number).map(({ kind, hash }) => ({ kind, hash })),
    attestations: batches.attestations(number).map(({ validator, signature, refusal }) => ({
      validator,
      refusal: signature ? undefined : (refusal ?? ""),
    })),
  }
}

function statementsOf(
  { config, journal }: Pick<WebContext, "config" | "journal">,
  household: Hex,
  batch: Batch,
): OwnStatement[] {
  const previous = journal.batches.standingBefore(batch.number)
  const before = previous ? journal.batches.statements(previous.number) : []
  return journal.batches.statements(batch.number).flatMap((statement, position) => {
    const meter = config.meters.find(({ key }) => key.meterId === statement.meterId)
    if (meter?.household !== household) return []
    const earlier = before.find(({ meterId }) => meterId === statement.meterId)
    const beforeWh = earlier?.generatedWh ?? meter.startWh
    return [{ meter, statement, position, beforeWh, first: earlier === undefined }]
  })
}

/** A batch's note names the meters that the contract does not pay, of all households; these are one's own. */
function refusedOf({ state, note }: Batch, own: readonly OwnStatement[]): string[] {
  if (state !== "settled" || !note) return []
  return note.split("; ").filter((part) => own.some(({ meter }) => part.startsWith(`${meter.name}: `)))
}
