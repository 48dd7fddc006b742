import { type Anomaly, anomalies, clearSkyAnomalies, clearSkyDays } from "../../energy/anomalies.ts"
import { statedBy } from "../../energy/restart.ts"
import type { Clock } from "../../protocol/clock.ts"
import type { Config, Meter } from "../config.ts"
import { lastAtOrBefore } from "../journal/at-time.ts"
import type { Journal } from "../journal/journal.ts"
import type { StoredReading } from "../journal/readings.ts"
import type {
  DeliveryFacts,
  EvidenceFacts,
  Facts,
  MachineFacts,
  MeterFacts,
  SettlementFacts,
  ValidatorFacts,
} from "./facts.ts"
import type { Finding } from "./finding.ts"
import { findings } from "./findings.ts"
import { roofsOf } from "./roofs.ts"

/** The parts of a running gateway that are looked at. Those that are left out are not there. */
export interface Watched {
  config: Config
  journal: Journal
  clock: Clock
  settlement: SettlementFacts
  unreachable: ReadonlyMap<Meter, string>
  evidence?: { status(): EvidenceFacts } | undefined
  storage?: { problem: string | undefined }
  backup?: { newest: number; problem: string | undefined }
  deliveries?: readonly DeliveryFacts[]
}

export interface Health {
  /** All that is wrong, most pressing first, and the facts behind it. Looks at most every few seconds. */
  look(): { facts: Facts; findings: readonly Finding[] }
}

/** Anyone may ask for metrics: a look reads the journal and the disk. */
const looksEveryMs = 5_000
const hour = 3600
const day = 24 * hour
/** A roof has some sun in three days, and a home uses something. */
const stillSeconds = 3 * day
const polledPatience = { polls: 10, seconds: 900 }
const sentPatience = { intervals: 4, seconds: hour }
/** In a demonstration time runs fast, and what takes a moment takes long. */
const pacedSlackSeconds = 30
/** The readings of an hour are in by then. */
const settledDownSeconds = 600
const doubtsRead = 200
const batchesRead = 5

/**
 * Watches a gateway's parts.
 * @param machine what the box says of itself. @param monotonic milliseconds of a clock that never steps.
 */
export function createHealth(watched: Watched, machine: () => MachineFacts, monotonic: () => number): Health {
  const { config, journal, clock } = watched
  const began = new Map<string, number>()
  const counted: { atMs: number; counts: ReadonlyMap<string, number> }[] = []
  let odd: { until: number; found: readonly Anomaly[] } = { until: 0, found: [] }
  let oddByDay: typeof odd = { until: 0, found: [] }
  let last: { atMs: number; facts: Facts; findings: readonly Finding[] } | undefined

  function gather(): Facts {
    const now = clock.now()
    const { evidence, storage, backup, deliveries, settlement, unreachable } = watched
    const doubts = newestDoubts(journal)
    return {
      now,
      meters: config.meters.map((meter) =>
        meterFacts(config, journal, meter, now, unreachable.get(meter), doubts.get(meter.key.meterId)),
      ),
      settlement,
      settleEverySeconds: config.settlement.everySeconds,
      validators: validatorFacts(config.validators, journal),
      quarantine: quarantineFacts(),
      machine: machine(),
      anomalies: anomaliesAt(now),
      ...(evidence && { evidence: evidence.status() }),
      ...(storage && { storage }),
      ...(config.pace === undefined && config.backup && backup && { backup }),
      ...(config.pace === undefined && deliveries && { deliveries }),
    }
  }

  /** Reads some forty places of the journal for each roof: once an hour of the gateway's time. */
  function anomaliesAt(now: number): readonly Anomaly[] {
    const until = Math.floor((now - settledDownSeconds) / hour) * hour
    if (odd.until === until) return odd.found
    const byHour = anomalies(roofsOf(config, journal, until), until, config.location)
    const lost = new Set(byHour.flatMap(({ kind, roofs }) => (kind === "string-off" ? roofs : [])))
    // What a roof lacks beside its neighbours it lacks against the sky too.
    const byDay = anomaliesOfDay(until).filter(
      ({ kind, roofs }) => kind !== "below-clear-sky" || !roofs.some((roof) => lost.has(roof)),
    )
    odd = { until, found: [...byHour, ...byDay] }
    return odd.found
  }

  /** Six weeks of each roof: once a day. */
  function anomaliesOfDay(until: number): readonly Anomaly[] {
    const { location } = config
    const dayEnd = Math.floor(until / day) * day
    if (location && oddByDay.until !== dayEnd) {
      const roofs = roofsOf(config, journal, dayEnd, { hours: 0, days: clearSkyDays })
      oddByDay = { until: dayEnd, found: clearSkyAnomalies(roofs, dayEnd, location) }
    }
    return oddByDay.found
  }

  function quarantineFacts(): Facts["quarantine"] {
    const counts = new Map([...journal.quarantine.counts(), ...journal.readings.counts().doubtful])
    const atMs = monotonic()
    const before = counted.findLast((look) => atMs - look.atMs >= hour * 1000) ?? counted[0]
    if (atMs - (counted.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY) >= (hour * 1000) / 12)
      counted.push({ atMs, counts })
    while (counted.length > 1 && atMs - counted[1]!.atMs >= hour * 1000) counted.shift()
    return [...counts].map(([reason, total]) => ({
      reason,
      total,
      lately: before ? total - (before.counts.get(reason) ?? 0) : 0,
    }))
  }

  /** What is wrong at this look and was at the one before began when it was first seen. */
  function withBeginnings(found: readonly Finding[], now: number): Finding[] {
    const keys = new Set(found.map(keyOf))
    for (const key of began.keys()) if (!keys.has(key)) began.delete(key)
    return found.map((finding) => {
      const key = keyOf(finding)
      if (!began.has(key)) began.set(key, finding.since ?? now)
      return { ...finding, since: finding.since ?? began.get(key) }
    })
  }

  return {
    look() {
      const atMs = monotonic()
      if (last && atMs - last.atMs < looksEveryMs) return last
      const facts = gather()
      last = { atMs, facts, findings: withBeginnings(findings(facts), facts.now) }
      return last
    },
  }
}

const keyOf = ({ code, about }: Finding) => `${code} ${about ?? ""}`

/** Of each meter its newest reading in doubt, among the last of all. */
function newestDoubts(journal: Journal): Map<string, StoredReading> {
  const newest = new Map<string, StoredReading>()
  for (const doubt of journal.readings.doubtful(doubtsRead))
    if (!newest.has(doubt.meterId)) newest.set(doubt.meterId, doubt)
  return newest
}

function meterFacts(
  { rules, holdSeconds = 60, pace }: Config,
  { readings }: Journal,
  meter: Meter,
  now: number,
  unreachable: string | undefined,
  doubt: StoredReading | undefined,
): MeterFacts {
  const { meterId } = meter.key
  const newest = readings.lastCounted(meterId)
  const before = newest && lastAtOrBefore(readings, now - stillSeconds, newest)
  const slack = pace ? pacedSlackSeconds * pace.speed : 0
  const polled = meter.modbus
  const patienceSeconds = polled
    ? Math.max(polledPatience.seconds, polledPatience.polls * polled.everySeconds + holdSeconds)
    : Math.max(sentPatience.seconds, sentPatience.intervals * rules.intervalSeconds)
  const said = newest && statedBy(newest, meter.restarts, meter.ratedW, rules.headroomBasisPoints)
  return {
    name: meter.name,
    meterId,
    bus: polled?.bus,
    signedBy: polled?.keyFile === undefined ? "meter" : "gateway",
    lastCounted: newest?.time,
    patienceSeconds: patienceSeconds + slack,
    unreachable,
    doubt:
      doubt && doubt.id > (newest?.id ?? 0n)
        ? { reason: doubt.reason ?? "", since: doubt.received }
        : undefined,
    stillSince:
      newest && before && before.id !== newest.id && isSame(newest, before) ? before.time : undefined,
    waits: newest?.registers.generatedWh !== undefined && said && "waits" in said ? said.waits : undefined,
  }
}

function isSame({ registers: a }: StoredReading, { registers: b }: StoredReading): boolean {
  return a.generatedWh === b.generatedWh && a.importedWh === b.importedWh && a.exportedWh === b.exportedWh
}

/** Who signed the last batches that anybody answered for. */
function validatorFacts(validators: readonly string[], { batches }: Journal): ValidatorFacts[] {
  const asked = batches
    .newest(batchesRead)
    .map(({ number }) => batches.attestations(number))
    .filter((attestations) => attestations.length > 0)
  return validators.map((name) => {
    const own = asked.map((attestations) => attestations.find(({ validator }) => validator === name))
    return {
      name,
      missed: own.filter((one) => one?.signature === undefined).length,
      of: asked.length,
      refusal: own[0]?.refusal,
    }
  })
}
