import type { Logger } from "pino"
import type { Clock } from "../../../protocol/clock.ts"
import type { Clock as ClockQuality, Reading } from "../../../protocol/reading.ts"
import type { Meter } from "../../config.ts"
import type { Intake } from "../../intake.ts"
import { type Bus, BusTimeout, busTimeoutMs, openTcpBus } from "./bus.ts"
import { blockFor, decodeBlock, profileNamed, type Snapshot } from "./profile.ts"

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
  patience?: Patience
}

/** Milliseconds of real time. */
export interface Patience {
  timeoutMs: number
  /** A unit that does not answer is left alone for this long: it costs its bus at most one time-out a minute. */
  restAfterTimeoutMs: number
  /** A refused connection or an exception costs the bus nothing, and is tried again sooner. */
  restAfterErrorMs: number
}

const usualPatience: Patience = {
  timeoutMs: busTimeoutMs,
  restAfterTimeoutMs: 60_000,
  restAfterErrorMs: 2_000,
}
const tickMs = 20_000

export interface Poller {
  stop(): Promise<void>
}

/**
 * Polls the site's plain meters over Modbus TCP, each at the multiples of its own period, so that readings fall on
 * interval boundaries.
 * @throws PersonError when a meter's profile is unknown.
 */
export function startPoller(meters: readonly Meter[], options: PollerOptions): Poller {
  const buses = new Map<string, Bus>()
  const stopping = new AbortController()
  const readers = meters.flatMap((meter) => {
    if (!meter.modbus) return []
    const { host, port } = meter.modbus
    const address = `${host}:${port}`
    const bus = buses.get(address) ?? openTcpBus(host, port, (options.patience ?? usualPatience).timeoutMs)
    buses.set(address, bus)
    return [{ meter, place: meter.modbus, read: readerFor(meter.modbus, bus, options.clock) }]
  })
  const loops = readers.map(({ meter, place, read }) =>
    pollForEver(meter, place, read, options, stopping.signal),
  )
  return {
    async stop() {
      stopping.abort()
      for (const bus of buses.values()) bus.close()
      await Promise.all(loops)
    },
  }
}

type Place = NonNullable<Meter["modbus"]>

/** @throws PersonError when there is no such profile. */
function readerFor({ unit, profile: name, measures }: Place, bus: Bus, clock: Clock) {
  const profile = profileNamed(name)
  const block = blockFor(profile, measures)
  /** What the meter shows, and when it was asked: others on the bus may have had their turn first. */
  return async (): Promise<Snapshot & { time: number }> => {
    let time = clock.now()
    const bytes = await bus.read(unit, block, () => {
      time = clock.now()
    })
    return { time, ...decodeBlock(profile, measures, block, bytes) }
  }
}

async function pollForEver(
  meter: Meter,
  { host, port, unit, everySeconds }: Place,
  read: ReturnType<typeof readerFor>,
  { clock, clockQuality, sign, intake, log, onPoll, patience = usualPatience }: PollerOptions,
  signal: AbortSignal,
): Promise<void> {
  const source = `modbus ${host}:${port} unit ${unit}`
  let next = clock.now()
  let failing = false
  while (!signal.aborted) {
    try {
      const { time, registers, powerW, resolutionWh } = await read()
      const bytes = sign(meter, {
        time,
        clock: clockQuality(),
        clockSets: 0,
        boots: 0,
        ...registers,
        ...(powerW !== undefined && { powerW }),
        ...(resolutionWh > 1 && { resolutionWh }),
      })
      await intake.submit({ source, bytes, claimedMeter: meter.key.meterId })
      if (failing) log.info({ meter: meter.name, source }, "readings of the meter come in again")
      failing = false
      onPoll?.(meter, undefined)
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause))
      if (signal.aborted) return
      if (!failing) log.warn({ meter: meter.name, source, reason: error.message }, "no reading of the meter")
      failing = true
      onPoll?.(meter, error)
      await sleep(
        error instanceof BusTimeout ? patience.restAfterTimeoutMs : patience.restAfterErrorMs,
        signal,
      )
      continue
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
