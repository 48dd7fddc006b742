import { setTimeout as sleep } from "node:timers/promises"
import type { Logger } from "pino"
import { openEvidenceStore } from "../evidence/store.ts"
import { createClock } from "../protocol/clock.ts"
import type { Hex } from "../protocol/hex.ts"
import { readAccountKey } from "../protocol/key-file.ts"
import { Clock as ClockQuality, readingDigest } from "../protocol/reading.ts"
import { createBackups } from "./backups.ts"
import type { Config, Meter } from "./config.ts"
import { createDeliveries } from "./deliveries.ts"
import { createEvidenceKeeping, evidenceDirectory } from "./evidence.ts"
import { forgetSettled } from "./housekeeping.ts"
import { createIntake, type Intake, type Outcome } from "./intake.ts"
import { type Journal, openJournal } from "./journal/journal.ts"
import { lastNumber } from "./journal/readings.ts"
import { saysDamage, watched } from "./journal/watched.ts"
import { noteLoss } from "./recovery/marker.ts"
import { noticeLoss } from "./recovery/notice.ts"
import { startPoller } from "./sources/modbus/poller.ts"
import { deviceOf } from "./sources/modbus/reader.ts"
import { createPlainMeterSigner } from "./sources/modbus/sign.ts"
import type { MqttSource } from "./sources/mqtt/broker.ts"
import { startMqtt, usualReadingsPerMinute } from "./sources/mqtt/mqtt.ts"
import { createResends } from "./sources/mqtt/resends.ts"
import { localUrl, removeDoor, writeDoor } from "./supervise/door.ts"
import { createHealth } from "./supervise/health.ts"
import { clockGood, machineFacts } from "./supervise/machine.ts"
import { createProgress, type Progress } from "./supervise/progress.ts"
import { createRareLog } from "./supervise/rare-log.ts"
import { noteStart } from "./supervise/starts.ts"
import { watchFindings } from "./supervise/watch.ts"
import type { WebContext } from "./web/context.ts"
import { newOperatorToken } from "./web/operator/access.ts"
import { startWeb } from "./web/server.ts"
import { openSessions } from "./web/session/store.ts"

/** Every look at the chain costs traffic: nothing there is in a hurry, but for a demonstration that runs time faster. */
const settleEveryMs = { usual: 20_000, paced: 500 }
const balancesEveryMs = { usual: 300_000, paced: 2_000 }
const relayEveryMs = 1_000
const healthEveryMs = 60_000
const stopPatienceMs = 2_000
const usualHoldSeconds = 60
/** What may be slow without being stuck: a bus that rests, a disk that is busy, a chain that is away. */
const slackMs = 5 * 60_000
/** One step may send many transactions and wait a minute for each. */
const settlePatienceMs = 60 * 60_000
const keepEveryMs = 5_000
const usualLookSeconds = 600
const backupLookMs = 60_000
const deliveryLookMs = 10_000

export interface Gateway {
  /** Of the plain listener, and of the one with TLS. */
  mqttPort: number | undefined
  mqttTlsPort: number | undefined
  webPort: number
  /** One line of what it does and what lacks, for who looks at the service. */
  status(): string
  /** Resolves, with the reason, when it cannot go on and must be stopped and started again. */
  failed: Promise<string>
  stop(): Promise<void>
}

export interface GatewayOptions {
  /** The file that the configuration was read from: it goes into back-ups. */
  configFile?: string
  /** Ends a start that waits. */
  stopping?: AbortSignal
  /** Learns of each part whether it goes on. */
  progress?: Progress
}

/** Puts the gateway's parts together and starts them: sources → verify → journal → settlement; the web reads. */
export async function startGateway(
  config: Config,
  log: Logger,
  {
    configFile,
    stopping = new AbortController().signal,
    progress = createProgress(() => performance.now()),
  }: GatewayOptions = {},
): Promise<Gateway> {
  const clock = createClock(config.pace, Date.now)
  const monotonic = () => performance.now()
  const wallClock = () => Math.floor(Date.now() / 1000)
  const store = openEvidenceStore(evidenceDirectory(config.dataDir))
  store.sync()
  const loss = noticeLoss(config, store, wallClock())
  if (loss) {
    const { bringBack } = await import("./recovery/bring-back.ts")
    await bringBack(loss, { config, store, now: wallClock, stopping, log })
  }
  let fail: (why: string) => void = () => {}
  let lost = false
  const failed = new Promise<string>((resolve) => {
    fail = resolve
  })
  const lose = (why: string, sound = false) => {
    if (lost) return
    lost = true
    try {
      noteLoss(config.dataDir, { why, since: wallClock(), sound, aside: [] })
    } catch (error) {
      log.error({ why: (error as Error).message }, "the loss could not be written down")
    }
    log.fatal({ why }, "the gateway ends, and brings its journal back when it starts again")
    fail(why)
  }
  const { journal, storage } = watched(openJournal(config.dataDir, config.meters), (why) => lose(why))
  const unreachable = new Map<Meter, string>()
  const balances = new Map<Hex, bigint>()
  const holdMs = 1000 * (config.holdSeconds ?? (config.pace ? 0 : usualHoldSeconds))
  const quarantined = createRareLog((details) => log.info(details, "quarantined"), monotonic)
  const restarted = createRareLog(
    (details) => log.warn(details, "a register began anew, or is back"),
    monotonic,
  )
  const toJournal = createIntake(
    config.meters,
    journal,
    config.rules,
    clock,
    (outcome) => {
      const name = nameOf(outcome)
      if (name && name !== "accepted") quarantined.line(name, describe(outcome))
      if (outcome.kind === "authentic" && outcome.verdict.accepted) {
        const { meter, signed, verdict, state } = outcome
        if (verdict.note) restarted.line("register", { meter: meter.name })
        mqtt?.show(meter, { ...signed.reading, ...state.anchor?.registers })
      }
    },
    { holdMs, monotonic },
  )
  const intake: Intake = {
    ...toJournal,
    submit: (message, more) =>
      progress.within("storing readings", holdMs + slackMs, toJournal.submit(message, more)),
  }

  const { readingsPerMinute = usualReadingsPerMinute } = config.mqtt
  let mqtt: MqttSource | undefined
  mqtt = await startMqtt(config.mqtt, {
    site: config.site,
    meters: config.meters,
    intake,
    resends: createResends(latestOf(journal, config.meters)),
    readingsPerMinute: readingsPerMinute * (config.pace?.speed ?? 1),
    log,
  })
  for (const meter of config.meters) {
    const last = journal.readings.lastCounted(meter.key.meterId)
    if (last) mqtt.show(meter, { time: last.time, ...last.registers })
  }
  const polled = new Map(
    config.meters.flatMap((meter) => {
      if (!meter.modbus) return []
      const periodMs = (1000 * meter.modbus.everySeconds) / (config.pace?.speed ?? 1)
      return [[meter, progress.loop(`polling ${meter.name}`, periodMs + holdMs + slackMs)] as const]
    }),
  )
  let hasLookedAtKeys = () => false
  const poller = startPoller(config.meters, config.buses, {
    deviceOf: (meter) => deviceOf(meter, () => clockQuality(config)),
    clock,
    clockQuality: () => clockQuality(config),
    sign: createPlainMeterSigner(
      config.meters,
      (meter) => journal.readings.state(meter.key.meterId).sequence,
      journal.keys.of,
      () => hasLookedAtKeys(),
    ),
    intake,
    log,
    onPoll(meter, error) {
      polled.get(meter)?.()
      if (error) unreachable.set(meter, error.message)
      else unreachable.delete(meter)
    },
  })
  // viem is the largest part of the program and wanted only where the chain is: loaded once the meters are being heard.
  const { connectChain } = await import("./settlement/chain.ts")
  const { createSettlement } = await import("./settlement/settlement.ts")
  const chain = connectChain({ ...config.chain, site: config.site })
  const { siteIdentity } = await import("../protocol/site-identity.ts")
  const siteKey = readAccountKey(config.chain.keyFile, "The site's key")
  const { recipient } = await siteIdentity(siteKey)
  const settlement = createSettlement({
    ...{ config, journal, chain, recipient, clock, monotonic, log },
    onKeyChange({ name, key }) {
      if (journal.keys.takenInError(key.meterId) > 0)
        return lose(`readings of ${name} were counted by a key that was not in force any more`)
      for (const { source, bytes } of journal.quarantine.ofKeys(journal.keys.of({ key })))
        void toJournal.submit({ source, bytes, redelivered: true }).catch(() => {})
    },
  })
  hasLookedAtKeys = settlement.hasLookedAtKeys
  const { createProposedHeads } = await import("../evidence/proposed.ts")
  const proposed = createProposedHeads(config.chain)
  const evidence = createEvidenceKeeping({
    config,
    store,
    journal,
    proposedRoots: async () => (await proposed()).map(({ root }) => root),
    now: wallClock,
    log,
  })
  const backups = createBackups({ config, configFile, recipient, now: wallClock, log })
  const ending = new AbortController()
  const { signal } = ending
  const seconds = () => monotonic() / 1000
  const deliveries = createDeliveries({ config, siteKey, now: seconds, stopping: signal, log })

  const context: WebContext = {
    config,
    journal,
    clock,
    settlement: settlement.status,
    balances,
    evidence,
    storage,
    backup: backups.status,
    deliveries: deliveries.status,
    unreachable,
  }
  const sessions = openSessions(config.dataDir, wallClock)
  const relay = await relayOf(config, journal, wallClock, log)
  const wallet = { sessions, relay, now: wallClock, monotonic: () => monotonic() / 1000, log }
  const { letHouseholdsIn } = await import("./web/households.ts")
  const { session, addRoutes } = letHouseholdsIn(context, wallet)
  noteStart(config.dataDir, wallClock())
  const health = createHealth(context, () => machineFacts(config, wallClock()), monotonic)
  const token = newOperatorToken()
  const access = { passwordHash: config.web.operatorPassword, token, monotonic }
  const keeper = await keeperOf(config, seconds, log)
  const addAll: typeof addRoutes = (app) => {
    addRoutes(app)
    if (keeper) app.route("/", keeper)
  }
  const web = await startWeb(context, config.web, log, session, addAll, { health, access })
  writeDoor(config.dataDir, { url: localUrl(config.web.host, web.port), token })
  const tellFindings = watchFindings(log)

  const rhythm = config.pace ? "paced" : "usual"
  const settled = progress.loop("settlement", settlePatienceMs)
  const settling = every(settleEveryMs[rhythm], signal, async () => {
    await settlement.advance().finally(settled)
    if (saysDamage(settlement.status.problem)) lose(`the journal is damaged: ${settlement.status.problem}`)
  })
  const balancing = every(balancesEveryMs[rhythm], signal, async () => {
    for (const { address } of config.households) balances.set(address, await chain.balance(address))
  })
  let said: string | undefined
  const keeping = every(keepEveryMs, signal, async () => {
    if (storage.problem !== said) log.error({ problem: storage.problem ?? "none" }, "storing readings")
    said = storage.problem
    await evidence.keep()
    await forgetSettled(config, journal, evidence, clock.now())
  })
  const replicating = every(1000 * (config.replicate?.everySeconds ?? usualLookSeconds), signal, async () => {
    await evidence.round()
    const [head] = await proposed([config.site])
    if (head && !journal.batches.get(head.number) && (await evidence.fetch(head.root)))
      lose(`the chain has batch ${head.number} of this site, and the journal does not know it`, true)
  })
  const backingUp = every(backupLookMs, signal, () => backups.look())
  const delivering = every(deliveryLookMs, signal, () => deliveries.look())
  const watching = every(healthEveryMs, signal, async () => {
    for (const rare of [quarantined, restarted]) rare.sum()
    tellFindings(health.look().findings)
  })
  const relaying = relay && every(relayEveryMs, signal, () => relay.advance())
  log.info(
    { site: config.site, mqtt: mqtt.port, mqttTls: mqtt.tlsPort, web: web.port, webTls: web.tlsPort },
    "the gateway is up",
  )
  return {
    failed,
    mqttPort: mqtt.port,
    mqttTlsPort: mqtt.tlsPort,
    webPort: web.port,
    status: () =>
      [
        `${config.meters.length} ${config.meters.length === 1 ? "meter" : "meters"}${unreachable.size > 0 ? `, ${unreachable.size} unreachable` : ""}`,
        settlement.status.problem ?? settlement.status.doing,
      ].join("; "),
    async stop() {
      ending.abort()
      removeDoor(config.dataDir)
      await Promise.all([poller.stop(), mqtt.close(), web.close()])
      await intake.drain()
      // A step of settlement may be waiting for a chain that is away; it may be broken off anywhere.
      await Promise.race([
        Promise.all([settling, balancing, keeping, replicating, backingUp, delivering, watching, relaying]),
        sleep(stopPatienceMs),
      ])
      for (const rare of [quarantined, restarted]) rare.sum(true)
      journal.close()
      store.close()
      sessions.close()
    },
  }
}

async function relayOf({ relay, chain }: Config, journal: Journal, now: () => number, log: Logger) {
  if (!relay) return undefined
  const [{ connectRelayChain }, { createRelay }] = await Promise.all([
    import("./relay/chain.ts"),
    import("./relay/relay.ts"),
  ])
  const connected = connectRelayChain(chain, relay.keyFile, chain.keyFile)
  return createRelay({ journal, chain: connected, at: chain, settings: relay, now, log })
}

async function keeperOf({ keepBackups }: Config, seconds: () => number, log: Logger) {
  if (!keepBackups) return undefined
  const { keeperRoutes } = await import("./keeper/routes.ts")
  return keeperRoutes(keepBackups, seconds, log)
}

/** More than a client has under way at once when the gateway ends. */
const mayBeSentAgain = 32

/** Of each meter the latest readings before this start: their acknowledgements may have been lost. */
function* latestOf(journal: Journal, meters: readonly Meter[]): Iterable<Hex> {
  for (const { key } of meters) {
    const { keyIndex, sequence } = lastNumber(journal.readings.state(key.meterId))
    for (let n = Math.max(0, sequence - mayBeSentAgain); n <= sequence; n++) {
      const bytes = journal.readings.earlier(key.meterId, { keyIndex, sequence: n })
      if (bytes) yield readingDigest(bytes)
    }
  }
}

/** Readings of plain meters carry how good the gateway's own clock is. */
function clockQuality(config: Config): ClockQuality {
  return clockGood(config) ? ClockQuality.synchronised : ClockQuality.unknown
}

/** Runs the work again and again, one at a time; what it throws is its own to report. */
async function every(ms: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await work().catch(() => {})
    await sleep(ms, undefined, { signal }).catch(() => {})
  }
}

function nameOf(outcome: Outcome): string | undefined {
  if (outcome.kind === "known") return undefined
  if (outcome.kind === "refused") return outcome.reason
  return outcome.verdict.accepted ? "accepted" : outcome.verdict.reason
}

/** A detail of an authentic reading quotes registers, and a log is no place for a household's load. */
function describe(outcome: Outcome): Record<string, unknown> {
  if (outcome.kind === "refused")
    return { reason: outcome.reason, detail: outcome.detail, meter: outcome.meterId }
  if (outcome.kind === "authentic" && !outcome.verdict.accepted)
    return { reason: outcome.verdict.reason, meter: outcome.meter.name }
  return {}
}
