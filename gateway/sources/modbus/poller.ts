import type { Logger } from "pino"
import type { Clock } from "../../../protocol/clock.ts"
import type { Clock as ClockQuality, Reading } from "../../../protocol/reading.ts"
import type { Meter } from "../../config.ts"
import type { Intake } from "../../intake.ts"
import { type Bus, BusTimeout, openTcpBus } from "./bus.ts"
import { blockFor, decodeBlock, profileNamed } from "./profile.ts"

/** Signs what was read off a plain meter with the gateway's key for it. */
export type SignReading = (meter: Meter, reading: Omit<Reading, "sequence">) => Uint8Array

export interface PollerOptions {
  clock: Clock
  clockQuality: () => ClockQuality
  sign: SignReading
  intake: Intake
  log: Logger
  /** Called after each poll: undefined when it went well. */
  onPoll?: (meter: Meter, error: Error | undefined) => void
}

/** A unit that does not answer is left alone for this long: it costs its bus at most one time-out a minute. */
const restAfterTimeoutMs = 60_000
/** A refused connection or an exception costs the bus nothing, and is tried again sooner. */
const restAfterErrorMs = 2_000
const tickMs = 20_000

export interface Poller {
  stop(): Promise<void>
}

/**
 * Polls the site's plain meters over Modbus TCP, each at the multiples of its own period, so that readings fall on
 * interval boundaries.
 */
export function startPoller(meters: readonly Meter[], options: PollerOptions): Poller {
  const buses = new Map<string, Bus>()
  const stopping = new AbortController()
  const loops = meters.flatMap((meter) => {
    if (!meter.modbus) return []
    const { host, port } = meter.modbus
    const address = `${host}:${port}`
    const bus = buses.get(address) ?? openTcpBus(host, port)
    buses.set(address, bus)
    return [pollForEver(meter, meter.modbus, bus, options, stopping.signal)]
  })
  return {
    async stop() {
      stopping.abort()
      for (const bus of buses.values()) bus.close()
      await Promise.all(loops)
    },
  }
}

async function pollForEver(
  meter: Meter,
  { host, port, unit, profile: profileName, measures, everySeconds }: NonNullable<Meter["modbus"]>,
  bus: Bus,
  { clock, clockQuality, sign, intake, log, onPoll }: PollerOptions,
  signal: AbortSignal,
): Promise<void> {
  const profile = profileNamed(profileName)
  const block = blockFor(profile, measures)
  const source = `modbus ${host}:${port} unit ${unit}`
  let next = clock.now()
  let failing = false
  while (!signal.aborted) {
    try {
      const time = clock.now()
      const snapshot = decodeBlock(profile, measures, block, await bus.read(unit, block))
      const bytes = sign(meter, {
        time,
        clock: clockQuality(),
        clockSets: 0,
        boots: 0,
        ...snapshot.registers,
        powerW: snapshot.powerW,
        ...(snapshot.resolutionWh > 1 && { resolutionWh: snapshot.resolutionWh }),
      })
      await intake.submit({ source, bytes, claimedMeter: meter.key.meterId })
      if (failing) log.info({ meter: meter.name, source }, "the meter answers again")
      failing = false
      onPoll?.(meter, undefined)
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause))
      if (signal.aborted) return
      if (!failing) log.warn({ meter: meter.name, source, reason: error.message }, "the meter does not answer")
      failing = true
      onPoll?.(meter, error)
      await sleep(error instanceof BusTimeout ? restAfterTimeoutMs : restAfterErrorMs, signal)
    }
    next = (Math.floor(Math.max(clock.now(), next) / everySeconds) + 1) * everySeconds
    await sleepUntil(clock, next, signal)
  }
}

async function sleepUntil(clock: Clock, time: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && clock.now() < time) await sleep(Math.min(clock.delayUntil(time), tickMs), signal)
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener("abort", done)
      resolve()
    }
    const timer = setTimeout(done, Math.max(1, ms))
    signal.addEventListener("abort", done)
  })
}
