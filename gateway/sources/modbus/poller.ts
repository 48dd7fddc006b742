import type { Logger } from "pino"
import type { Clock } from "../../../protocol/clock.ts"
import type { Clock as ClockQuality, Reading } from "../../../protocol/reading.ts"
import type { Meter } from "../../config.ts"
import type { Intake } from "../../intake.ts"
import { type Bus, BusDown, type BusPlace, type BusTimes, openBus, UnitSilent } from "./bus.ts"
import { type Device, type Polled, WrongDevice } from "./device.ts"
import { type MeterReader, readMeter } from "./reader.ts"

/** Signs what was read off a plain meter with the gateway's key for it. */
export type SignReading = (meter: Meter, reading: Omit<Reading, "sequence">) => Uint8Array

export interface PollerOptions {
  /** The device that a meter is, by its profile. */
  deviceOf: (meter: Meter) => Device
  clock: Clock
  clockQuality: () => ClockQuality
  sign: SignReading
  intake: Intake
  log: Logger
  /** Called after each poll: undefined once what it brought is stored. */
  onPoll?: (meter: Meter, error: Error | undefined) => void
  busTimes?: BusTimes
  rests?: Rests
}

/** How long a meter is left alone after a failure, besides what its bus says. Milliseconds of real time. */
export interface Rests {
  /** After a first failure that was no time-out; it doubles with each further one. */
  afterErrorMs: number
  mostAfterErrorMs: number
  /** Another device answers: somebody has to come and see. */
  wrongDeviceMs: number
}

const usualRests: Rests = { afterErrorMs: 2_000, mostAfterErrorMs: 60_000, wrongDeviceMs: 60_000 }
const tickMs = 20_000

export interface Poller {
  stop(): Promise<void>
}

/** Polls the site's meters, each at the multiples of its own period, so that readings fall on interval boundaries. */
export function startPoller(
  meters: readonly Meter[],
  places: readonly BusPlace[],
  options: PollerOptions,
): Poller {
  const { clock, deviceOf, busTimes } = options
  const polled = meters.flatMap((meter) => (meter.modbus ? [{ meter, place: meter.modbus }] : []))
  const devices = polled.map(({ meter }) => deviceOf(meter))
  const stopping = new AbortController()
  const buses = new Map<string, Bus>(places.map((place) => [place.name, openBus(place, busTimes)]))
  const loops = polled.map(({ meter, place }, i) => {
    const bus = buses.get(place.bus)
    if (!bus) throw new Error(`There is no bus named ${place.bus}.`)
    const reader = readMeter(bus, place.unit, devices[i]!, () => clock.now())
    return pollForEver(meter, place.everySeconds, reader, options, stopping.signal)
  })
  return {
    async stop() {
      stopping.abort()
      await Promise.all([...buses.values()].map((bus) => bus.close()))
      await Promise.all(loops)
    },
  }
}

/** Where a meter's readings come from, for people. */
export function sourceOf({ modbus }: Meter): string {
  return `modbus ${modbus?.bus} unit ${modbus?.unit}`
}

async function pollForEver(
  meter: Meter,
  everySeconds: number,
  reader: MeterReader,
  options: PollerOptions,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log, onPoll, rests = usualRests } = options
  const about = { meter: meter.name, source: sourceOf(meter) }
  let next = clock.now()
  let failures = 0
  let told: string | undefined
  while (!signal.aborted) {
    try {
      const { polled } = await reader.read()
      handIn(meter, polled, options)
      if (failures > 0) log.info(about, "readings of the meter come in again")
      failures = 0
      told = undefined
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause))
      if (signal.aborted) return
      // A reason is told once: a meter that stays away for a night does not fill the log.
      if (told !== error.name) log.warn({ ...about, reason: error.message }, "no reading of the meter")
      told = error.name
      onPoll?.(meter, error)
      await sleep(restAfter(error, failures++, rests), signal)
      continue
    }
    next = (Math.floor(Math.max(clock.now(), next) / everySeconds) + 1) * everySeconds
    await sleepUntil(clock, next, signal)
  }
}

/** A bus knows best when a unit may be asked again, or when it will try its line. */
function restAfter(error: Error, failures: number, rests: Rests): number {
  if (error instanceof UnitSilent || error instanceof BusDown) return error.retryInMs
  if (error instanceof WrongDevice) return rests.wrongDeviceMs
  return Math.min(rests.afterErrorMs * 2 ** failures, rests.mostAfterErrorMs)
}

/**
 * What a meter signed itself goes in as it is; what a plain meter shows is signed by the gateway. The next poll does not
 * wait until it is stored.
 */
function handIn(meter: Meter, polled: Polled, options: PollerOptions): void {
  const { intake, log, onPoll } = options
  const from = { source: sourceOf(meter), claimedMeter: meter.key.meterId }
  const { signed, snapshot } = polled
  const messages = [
    ...(signed ? [{ ...from, bytes: signed.bytes, format: signed.format }] : []),
    ...(snapshot ? [{ ...from, bytes: sign(meter, polled.time, snapshot, options) }] : []),
  ]
  Promise.all(messages.map((message) => intake.submit(message))).then(
    () => onPoll?.(meter, undefined),
    (cause: unknown) => {
      const error = cause instanceof Error ? cause : new Error(String(cause))
      log.error({ meter: meter.name, reason: error.message }, "a reading could not be stored")
      onPoll?.(meter, error)
    },
  )
}

function sign(
  meter: Meter,
  time: number,
  { registers, powerW, resolutionWh }: NonNullable<Polled["snapshot"]>,
  options: PollerOptions,
): Uint8Array {
  return options.sign(meter, {
    time,
    clock: options.clockQuality(),
    clockSets: 0,
    boots: 0,
    ...registers,
    ...(powerW !== undefined && { powerW }),
    ...(resolutionWh > 1 && { resolutionWh }),
  })
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
