import { existsSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import type { Logger } from "pino"
import { createClock } from "../protocol/clock.ts"
import type { Hex } from "../protocol/hex.ts"
import { Clock as ClockQuality, readingDigest } from "../protocol/reading.ts"
import type { Config, Meter } from "./config.ts"
import { createIntake, type Outcome } from "./intake.ts"
import { type Journal, openJournal } from "./journal/journal.ts"
import { connectRelayChain } from "./relay/chain.ts"
import { createRelay } from "./relay/relay.ts"
import { createSettlement } from "./settlement/settlement.ts"
import { startPoller } from "./sources/modbus/poller.ts"
import { deviceOf } from "./sources/modbus/reader.ts"
import { createPlainMeterSigner } from "./sources/modbus/sign.ts"
import type { MqttSource } from "./sources/mqtt/broker.ts"
import { startMqtt, usualReadingsPerMinute } from "./sources/mqtt/mqtt.ts"
import { createResends } from "./sources/mqtt/resends.ts"
import type { WebContext } from "./web/context.ts"
import { letHouseholdsIn } from "./web/households.ts"
import { startWeb } from "./web/server.ts"
import { openSessions } from "./web/session/store.ts"

const settleEveryMs = 500
const balancesEveryMs = 2_000
const relayEveryMs = 1_000
const stopPatienceMs = 2_000
const usualHoldSeconds = 60

export interface Gateway {
  /** Of the plain listener, and of the one with TLS. */
  mqttPort: number | undefined
  mqttTlsPort: number | undefined
  webPort: number
  stop(): Promise<void>
}

/** Puts the gateway's parts together and starts them: sources → verify → journal → settlement; the web reads. */
export async function startGateway(config: Config, log: Logger): Promise<Gateway> {
  const clock = createClock(config.pace, Date.now)
  const monotonic = () => performance.now()
  const journal = openJournal(config.dataDir, config.meters)
  const unreachable = new Map<Meter, string>()
  const balances = new Map<Hex, bigint>()
  const intake = createIntake(
    config.meters,
    journal,
    config.rules,
    clock,
    (outcome) => {
      const name = nameOf(outcome)
      if (name && name !== "accepted") log.info(describe(outcome), "quarantined")
      if (outcome.kind === "authentic" && outcome.verdict.accepted) {
        const { meter, signed, verdict, state } = outcome
        if (verdict.note)
          log.warn({ meter: meter.name, note: verdict.note }, "a register began anew, or is back")
        mqtt?.show(meter, { ...signed.reading, ...state.anchor?.registers })
      }
    },
    { holdMs: 1000 * (config.holdSeconds ?? (config.pace ? 0 : usualHoldSeconds)), monotonic },
  )

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
  const poller = startPoller(config.meters, config.buses, {
    deviceOf: (meter) => deviceOf(meter, () => clockQuality(config)),
    clock,
    clockQuality: () => clockQuality(config),
    sign: createPlainMeterSigner(
      config.meters,
      (meter) => journal.readings.state(meter.key.meterId).sequence,
    ),
    intake,
    log,
    onPoll(meter, error) {
      if (error) unreachable.set(meter, error.message)
      else unreachable.delete(meter)
    },
  })
  // viem is the largest part of the program and wanted only where the chain is: loaded once the meters are being heard.
  const { connectChain } = await import("./settlement/chain.ts")
  const chain = connectChain(config.chain)
  const settlement = createSettlement({ config, journal, chain, clock, monotonic, log })

  const context: WebContext = {
    config,
    journal,
    clock,
    settlement: settlement.status,
    balances,
    unreachable,
  }
  const wallNow = () => Math.floor(Date.now() / 1000)
  const sessions = openSessions(config.dataDir, wallNow)
  const relay = relayOf(config, journal, wallNow, log)
  const wallet = { sessions, relay, now: wallNow, monotonic: () => monotonic() / 1000, log }
  const { session, addRoutes } = letHouseholdsIn(context, wallet)
  const web = await startWeb(context, config.web, log, session, addRoutes)

  const stopping = new AbortController()
  const settling = every(settleEveryMs, stopping.signal, () => settlement.advance())
  const balancing = every(balancesEveryMs, stopping.signal, async () => {
    for (const { address } of config.households) balances.set(address, await chain.balance(address))
  })
  const relaying = relay && every(relayEveryMs, stopping.signal, () => relay.advance())
  log.info(
    { site: config.site, mqtt: mqtt.port, mqttTls: mqtt.tlsPort, web: web.port, webTls: web.tlsPort },
    "the gateway is up",
  )
  return {
    mqttPort: mqtt.port,
    mqttTlsPort: mqtt.tlsPort,
    webPort: web.port,
    async stop() {
      stopping.abort()
      await Promise.all([poller.stop(), mqtt.close(), web.close()])
      await intake.drain()
      // A step of settlement may be waiting for a chain that is away; it may be broken off anywhere.
      await Promise.race([Promise.all([settling, balancing, relaying]), sleep(stopPatienceMs)])
      journal.close()
      sessions.close()
    },
  }
}

function relayOf({ relay, chain }: Config, journal: Journal, now: () => number, log: Logger) {
  if (!relay) return undefined
  const connected = connectRelayChain(chain, relay.keyFile, chain.keyFile)
  return createRelay({ journal, chain: connected, at: chain, settings: relay, now, log })
}

/** More than a client has under way at once when the gateway ends. */
const mayBeSentAgain = 32

/** Of each meter the latest readings before this start: their acknowledgements may have been lost. */
function* latestOf(journal: Journal, meters: readonly Meter[]): Iterable<Hex> {
  for (const { key } of meters) {
    const { sequence } = journal.readings.state(key.meterId)
    for (let n = Math.max(0, sequence - mayBeSentAgain); n <= sequence; n++) {
      const bytes = journal.readings.earlier(key.meterId, n)
      if (bytes) yield readingDigest(bytes)
    }
  }
}

/** Readings of plain meters carry how good the gateway's own clock is. */
function clockQuality({ pace, timeSync }: Config): ClockQuality {
  if (pace || timeSync === "trusted") return ClockQuality.synchronised
  // systemd-timesyncd makes this file once it has set the clock from the network.
  return existsSync("/run/systemd/timesync/synchronized") ? ClockQuality.synchronised : ClockQuality.unknown
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

function describe(outcome: Outcome): Record<string, unknown> {
  if (outcome.kind === "refused")
    return { reason: outcome.reason, detail: outcome.detail, meter: outcome.meterId }
  if (outcome.kind === "authentic" && !outcome.verdict.accepted)
    return { reason: outcome.verdict.reason, detail: outcome.verdict.detail, meter: outcome.meter.name }
  return {}
}
