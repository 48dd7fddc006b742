import {
  type BatchResult,
  type CountedReading,
  computeBatch,
  isPublic,
  type MeterPart,
  statementOf,
} from "../energy/batch.ts"
import { judge, type MeterState, newMeterState } from "../energy/judge.ts"
import type { CID } from "../protocol/block.ts"
import { commitmentTo } from "../protocol/commitment.ts"
import type { MeterReadings, OpenedEvidence } from "../protocol/evidence.ts"
import { fromHex, type Hex, toHex } from "../protocol/hex.ts"
import { meterKey } from "../protocol/meter.ts"
import { type KeySince, keyIndexAt, keysSince, type LaterKey, signedWith } from "../protocol/meter-keys.ts"
import { readingDigest } from "../protocol/reading.ts"
import { readSigned } from "../protocol/signed-reading.ts"
import { isMeterStatement, leafOf, type MeterStatement } from "../protocol/statement.ts"
import { buildTree, rootOf } from "../protocol/tree.ts"
import { type AccountMemory, noAccounts, recomputeAccounts } from "./accounts.ts"
import type { RegisteredMeter } from "./meter-life.ts"

/** The names of the checks that recomputing a batch makes. */
export type BatchCheck =
  | "evidence"
  | "meters"
  | "readings"
  | "generation"
  | "households"
  | "statements"
  | "accounts"
  | "root"

/** Something that does not hold, where, in words. */
export interface Finding {
  check: string
  where: string
  what: string
}

/** What is remembered of a meter from batch to batch. */
interface MeterMemory {
  state: MeterState
  last: CountedReading | undefined
  stated: MeterStatement | undefined
  /** How many of its restarts were registered by then. */
  restarts: number
}

const newMeter: MeterMemory = { state: newMeterState, last: undefined, stated: undefined, restarts: 0 }

/** What one batch leaves for the next of its site. Nothing is taken over from the gateway. */
export interface SiteMemory {
  evidence: CID | undefined
  time: number
  /** SHA-256 of the table of emission factors that it names. */
  factors?: Hex | undefined
  meters: ReadonlyMap<Hex, MeterMemory>
  accounts: AccountMemory
  /** Households of which a part could not be seen. */
  hidden: ReadonlySet<Hex>
  /** Their sealed meters, whose registers are not known from the beginning, and what was last stated of each. */
  unproven: ReadonlyMap<Hex, string>
}

export const emptySite: SiteMemory = {
  evidence: undefined,
  time: 0,
  meters: new Map(),
  accounts: noAccounts,
  hidden: new Set(),
  unproven: new Map(),
}

/** Sequence numbers that never came: from `after + 1` to `until - 1`. */
export interface MissingReadings {
  meterId: Hex
  after: number
  until: number
}

export interface Recomputed {
  findings: Finding[]
  memory: SiteMemory
  readings: number
  counted: number
  doubtful: { meterId: Hex; sequence: number; digest: Hex; reason: string; detail: string }[]
  missing: MissingReadings[]
  /** Meters whose statements rest on readings that stayed sealed. */
  unproven: ReadonlySet<Hex>
  /** Checks that could not be made, and why. */
  skipped: { check: BatchCheck; why: string }[]
}

/**
 * Computes a batch anew from its readings: verifies each signature, judges each reading, and compares all that
 * follows with what the evidence claims.
 * @param memory what the batch before left.
 * @param registered the meters of the chain, by meterId.
 */
export function recompute(
  evidence: OpenedEvidence,
  memory: SiteMemory,
  registered: ReadonlyMap<Hex, RegisteredMeter>,
): Recomputed {
  const where = `site ${evidence.site} batch ${evidence.number}`
  const out: Recomputed = {
    findings: [],
    memory,
    readings: 0,
    counted: 0,
    doubtful: [],
    missing: [],
    unproven: new Set(),
    skipped: [],
  }
  const find = (check: BatchCheck, what: string, at = where) => out.findings.push({ check, where: at, what })

  checkFrame(evidence, memory, find)
  const meters = new Map(memory.meters)
  const parts = new Map<Hex, MeterPart>()
  for (const [meterId, known] of memory.meters) {
    const meter = registered.get(meterId)
    if (meter?.site === evidence.site) parts.set(meterId, partOf(meter, known, []))
  }
  const owners = new Map<Hex, number>()
  for (const { publicKey, laterKeys = [] } of registered.values())
    for (const key of [publicKey, ...laterKeys.map((later) => later.publicKey)])
      owners.set(key, (owners.get(key) ?? 0) + 1)
  const replayAll = (all: readonly MeterReadings[], household: Hex | undefined) => {
    for (const readings of all) {
      const at = `${where} meter ${readings.meterId}`
      const meter = registered.get(readings.meterId)
      if (!meter || meter.site !== evidence.site) {
        find("meters", "is not registered for this site", at)
        continue
      }
      if (household && meter.household !== household)
        find("meters", `is sealed to ${household}, but belongs to ${meter.household}`, at)
      // Under two schemes one key would be two meters, and the same energy would count twice.
      if (owners.get(meter.publicKey) !== 1) find("meters", "its key is registered for another meter too", at)
      const fault = keyFault(readings, meter, evidence.time)
      const keys = keysOf(meter, readings.laterKeys)
      if (fault !== undefined || !keys) {
        find("meters", fault ?? "its key is none", at)
        continue
      }
      const known = meters.get(readings.meterId) ?? newMeter
      const replayed = replay(readings, keys, meter, known, evidence, (what) => find("readings", what, at))
      out.readings += readings.readings.length
      out.counted += replayed.counted.length
      out.doubtful.push(...replayed.doubtful)
      out.missing.push(...replayed.missing)
      const anchor = replayed.counted.at(-1) ?? known.last
      meters.set(readings.meterId, { ...known, state: replayed.state, last: anchor })
      parts.set(readings.meterId, partOf(meter, known, replayed.counted))
      if (anchor && isPublic(anchor.registers) !== (household === undefined))
        find(
          "meters",
          household
            ? "measures generation alone, and must be public"
            : "shows consumption, and must be sealed",
          at,
        )
    }
  }
  replayAll(evidence.meters, undefined)
  for (const { household, meters: sealed } of evidence.households) replayAll(sealed, household)

  const result = computeBatch([...parts.values()], evidence.from, evidence.time, evidence.rules)
  const claims = evidence.statements.filter(isMeterStatement)
  result.statements = [...parts.values()]
    .sort((a, b) => (a.meterId < b.meterId ? -1 : 1))
    .flatMap((part) => {
      const known = memory.meters.get(part.meterId) ?? newMeter
      const claimed = claims.find(({ meterId }) => meterId === part.meterId)
      const stated = statedAs(claimed, part, known, evidence.rules.headroomBasisPoints)
      const memo = meters.get(part.meterId)
      if (memo) meters.set(part.meterId, { ...memo, stated, restarts: part.restarts.length })
      return stated ?? []
    })
  const hidden = new Set([...memory.hidden, ...evidence.sealed])
  // Meters of households that stay sealed are not seen here at all, or not from their beginning.
  const unseen = (meterId: Hex) =>
    memory.unproven.has(meterId) || (evidence.sealed.length > 0 && !parts.has(meterId))
  out.unproven = new Set(claims.map(({ meterId }) => meterId).filter(unseen))
  // What stands as it stood mints nothing: it need not be proven again.
  const isNew = (s: MeterStatement) =>
    out.unproven.has(s.meterId) && memory.unproven.get(s.meterId) !== statementLine(s)
  if (claims.some(isNew)) out.skipped.push({ check: "statements", why: whySealed(evidence, hidden) })
  compare(evidence, result, hidden, out, find)
  const seen = sharesUnseen(evidence, hidden) ? undefined : result.households
  const accounts = recomputeAccounts(evidence, seen, memory.accounts, (what) => find("accounts", what))
  if (accounts.unseen) out.skipped.push({ check: "accounts", why: whySealed(evidence, hidden) })
  const unproven = new Map(memory.unproven)
  for (const claim of claims)
    if (out.unproven.has(claim.meterId)) unproven.set(claim.meterId, statementLine(claim))
  const { cid, time, factors } = evidence
  out.memory = {
    evidence: cid,
    time,
    factors: factors?.sha256,
    meters,
    accounts: accounts.memory,
    hidden,
    unproven,
  }
  return out
}

/** Whether a household that was hidden, now or earlier, may have shared in this batch. */
function sharesUnseen({ sealed, households }: OpenedEvidence, hidden: ReadonlySet<Hex>): boolean {
  return (
    sealed.length > 0 ||
    households.some(({ household, records }) => hidden.has(household) && records.some(({ energy }) => energy))
  )
}

function whySealed({ sealed, erased }: OpenedEvidence, hidden: ReadonlySet<Hex>): string {
  if (sealed.length === 0)
    return `${hidden.size} household(s) were sealed in an earlier batch, and are not known from their beginning`
  const closed = sealed.length - erased.length
  return [
    ...(closed > 0 ? [`${closed} household(s) sealed, and no key given that opens them`] : []),
    ...(erased.length > 0 ? [`${erased.length} household(s) not to be had: erased, or kept back`] : []),
  ].join("; ")
}

/**
 * What a batch may state of a meter. It may have been made before a restart was registered, or before its gateway was
 * told: it need not know those that were registered since the batch before, and may stand where that stood.
 */
function statedAs(
  claimed: MeterStatement | undefined,
  part: MeterPart,
  known: MeterMemory,
  headroomBasisPoints: number,
): MeterStatement | undefined {
  const all = statementOf(part, headroomBasisPoints)
  if (!claimed || part.restarts.length === 0) return all
  const allowed = [all, known.stated]
  for (let n = known.restarts; n < part.restarts.length; n++)
    allowed.push(statementOf({ ...part, restarts: part.restarts.slice(0, n) }, headroomBasisPoints))
  return allowed.find((stated) => stated && statementLine(stated) === statementLine(claimed)) ?? all
}

type Find = (check: BatchCheck, what: string, at?: string) => void

/** How the batch sits between its neighbours. */
function checkFrame(evidence: OpenedEvidence, memory: SiteMemory, find: Find): void {
  const { intervalSeconds } = evidence.rules
  const previous = memory.evidence?.toString()
  if (evidence.previous?.toString() !== previous)
    find("evidence", `links to ${evidence.previous ?? "nothing"}, the batch before is ${previous ?? "none"}`)
  if (memory.evidence && evidence.from !== memory.time)
    find("evidence", `begins at ${evidence.from}, the batch before ended at ${memory.time}`)
  if (evidence.time % intervalSeconds !== 0 || evidence.from % intervalSeconds !== 0)
    find("evidence", `${evidence.from} to ${evidence.time} is not on boundaries of ${intervalSeconds} s`)
  if (evidence.time <= evidence.from) find("evidence", `ends at ${evidence.time}, before it begins`)
  const { factors } = evidence
  if (factors && !factors.table && factors.sha256 !== memory.factors)
    find(
      "evidence",
      `names the table of emission factors ${factors.sha256}, and nothing up to it has its bytes`,
    )
  // A record for each interval: bounded, so that no evidence makes a validator compute for ever.
  if ((evidence.time - evidence.from) / intervalSeconds > 200_000) find("evidence", "covers too long a time")
}

function replay(
  { meterId, readings }: MeterReadings,
  keys: readonly KeySince[],
  meter: RegisteredMeter,
  known: MeterMemory,
  evidence: OpenedEvidence,
  fault: (what: string) => void,
) {
  let { state } = known
  let lastReceived = 0
  const counted: CountedReading[] = []
  const doubtful: Recomputed["doubtful"] = []
  const missing: MissingReadings[] = []
  for (const [i, { received, bytes }] of readings.entries()) {
    let signed: ReturnType<typeof readSigned>
    try {
      signed = readSigned(meter.scheme, bytes)
    } catch (error) {
      fault(`reading ${i} is malformed: ${(error as Error).message}`)
      continue
    }
    const { sequence, time } = signed.reading
    const key = signedWith(keys, signed)
    if (key === undefined) {
      fault(`reading ${i} (sequence ${sequence}) is not signed by the meter`)
      continue
    }
    if (received < lastReceived)
      fault(`reading ${i} (sequence ${sequence}) was received before the one before it`)
    lastReceived = received
    if (key === (state.keyIndex ?? 0) && sequence > state.sequence + 1 && state.sequence >= 0)
      missing.push({ meterId, after: state.sequence, until: sequence })
    const use = { signed: key, inForce: keyIndexAt(keys, time) }
    const judged = judge(state, signed.reading, received, meter, evidence.rules, use)
    state = judged.state
    if (judged.verdict.accepted) {
      if (time > evidence.time) fault(`sequence ${sequence} is later than the batch and belongs to the next`)
      counted.push({ ...judged.state.anchor!, digest: readingDigest(bytes) })
    } else {
      const { reason, detail } = judged.verdict
      doubtful.push({ meterId, sequence, digest: readingDigest(bytes), reason, detail })
    }
  }
  return { state, counted, doubtful, missing }
}

/** What the evidence claims against what follows from its readings. */
function compare(
  evidence: OpenedEvidence,
  result: BatchResult,
  hidden: ReadonlySet<Hex>,
  out: Recomputed,
  find: Find,
): void {
  const line = JSON.stringify

  compareLists(
    evidence.generation.map((r) => line([r.meterId, r.start, r.generatedWh?.toString() ?? "gap"])),
    result.generation.map((r) => line([r.meterId, r.start, r.generatedWh?.toString() ?? "gap"])),
    (what) => find("generation", what),
  )
  compareLists(
    evidence.statements
      .filter(isMeterStatement)
      .filter(({ meterId }) => !out.unproven.has(meterId))
      .map(statementLine),
    result.statements.filter(({ meterId }) => !out.unproven.has(meterId)).map(statementLine),
    (what) => find("statements", what),
  )
  if (evidence.statements.length === 0) find("root", "there are no statements")
  else if (toHex(rootOf(buildTree(evidence.statements.map(leafOf)))) !== evidence.root)
    find("root", `the statements do not lead to the root ${evidence.root}`)

  if (sharesUnseen(evidence, hidden))
    out.skipped.push({ check: "households", why: whySealed(evidence, hidden) })
  else {
    const lines = (households: BatchResult["households"]) =>
      households
        .filter(({ household }) => !hidden.has(household))
        .flatMap(({ household, records }) =>
          records.map(({ start, energy }) =>
            line([household, start, energy ? Object.values(energy).map(String) : "gap"]),
          ),
        )
    compareLists(lines(evidence.households), lines(result.households), (what) => find("households", what))
  }
  for (const { household, root, seed } of evidence.commitments) {
    const opened = evidence.households.find((part) => part.household === household)
    if (seed && opened && commitmentTo(household, opened.records, seed) !== root)
      find("households", `${household}: what is committed to are not its records`)
  }
}

function statementLine(s: MeterStatement): string {
  return JSON.stringify([s.meterId, s.generatedWh.toString(), s.time, s.reading])
}

/** Names the first place where two lists differ. */
function compareLists(
  claimed: readonly string[],
  computed: readonly string[],
  find: (what: string) => void,
): void {
  const length = Math.max(claimed.length, computed.length)
  for (let i = 0; i < length; i++) {
    if (claimed[i] === computed[i]) continue
    find(`entry ${i}: claimed ${claimed[i] ?? "nothing"}, the readings give ${computed[i] ?? "nothing"}`)
    return
  }
}

function partOf(meter: RegisteredMeter, known: MeterMemory, counted: readonly CountedReading[]): MeterPart {
  const { meterId, household, ratedW, startTime, startWh, restarts } = meter
  return {
    meterId,
    household,
    ratedW,
    startTime,
    startWh,
    restarts,
    before: known.last,
    stated: known.stated,
    counted,
  }
}

/**
 * What is wrong with the keys that the evidence names, against the registry's; undefined where nothing is. A batch may be
 * older than a registration, and need not know a key that was in force at none of its times.
 */
function keyFault(named: MeterReadings, meter: RegisteredMeter, time: number): string | undefined {
  const { laterKeys: registered = [] } = meter
  const { scheme, publicKey, laterKeys = [] } = named
  if (!sameKey({ scheme, publicKey: toHex(publicKey) }, meter)) return "its key is not the registered one"
  for (const [i, one] of laterKeys.entries()) {
    const other = registered[i]
    if (!other || !sameKey(one, other) || one.from !== other.from)
      return `is said to have had ${keyWords(one)}; ${other ? `the registry has ${keyWords(other)}` : "the registry has no such key"}`
  }
  const left = registered[laterKeys.length]
  return left && left.from <= time ? `is not said to have had ${keyWords(left)}` : undefined
}

function sameKey(a: Pick<LaterKey, "scheme" | "publicKey">, b: Pick<LaterKey, "scheme" | "publicKey">) {
  return a.scheme === b.scheme && a.publicKey === b.publicKey
}

function keyWords({ publicKey, from }: LaterKey): string {
  return `the key ${publicKey} from ${from} on`
}

/** A meter's keys; undefined where one is none, or the first is not its meterId's. */
function keysOf({ scheme, publicKey, meterId }: RegisteredMeter, later: readonly LaterKey[] = []) {
  try {
    const first = meterKey(scheme, fromHex(publicKey))
    return first.meterId === meterId ? keysSince(first, later) : undefined
  } catch {
    return undefined
  }
}
