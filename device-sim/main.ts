import { setTimeout as sleep } from "node:timers/promises"
import { createClock } from "../protocol/clock.ts"
import { toHex } from "../protocol/hex.ts"
import { countBoot } from "./boots.ts"
import { openHomes } from "./community.ts"
import { createUnit, type SimulatedUnit } from "./devices/units.ts"
import { type Bus, startBus } from "./modbus/server.ts"
import { createBusTrouble } from "./modbus/trouble.ts"
import { connectionOf } from "./mqtt/connection.ts"
import { createUplink, maxWaiting, type Uplink } from "./mqtt/uplink.ts"
import type { ModbusMeterSpec, MqttMeterSpec, Scenario } from "./scenario.ts"
import { type Boot, createSigningMeter, type SigningMeter } from "./signing-meter.ts"
import type { Home } from "./world/home.ts"

export { type EnergyBalance, openHomes, readScenario, type Truth, truth, truthOf } from "./community.ts"
export { type AnyFaultName, type FaultName, faultNames, faultsByKind } from "./faults/names.ts"
export {
  checkScenario,
  type FaultSpec,
  type MeterSpec,
  parseScenario,
  type Scenario,
  ScenarioError,
} from "./scenario.ts"
export { createSigningKey, type SigningKey } from "./signing-key.ts"
export { createHome, type Home, type HomeSpec, type World } from "./world/home.ts"
export { type HomesFile, HomesFileError, readHomes } from "./world/homes-file.ts"
export { modelledHomes } from "./world/modelled-homes.ts"

export interface SimulationOptions {
  log: (line: string) => void
  signal: AbortSignal
}

interface Sender {
  meter: SigningMeter
  uplink: Uplink
  /** Virtual time of the next reading to take. */
  next: number
  /** Readings that found no room, since the last line about them. */
  dropped: number
}

/** Between two looks at the clock: often enough for a reading to be at most this late, rarely enough to idle. */
const longestSleepMs = 100
const shortestSleepMs = 2
/** Readings taken of one meter before the sockets get their turn. */
const readingsPerTurn = 100

/**
 * Puts the scenario's meters on their sockets and runs until the signal aborts: also past the clock's end, where
 * the meters still answer and send what waits. The caller minds the process's own signals.
 *
 * A first boot takes its readings from the clock's start on, a later one (told by the scenario's `state` file)
 * from the next multiple after now; without a state file each boot is a first one, and says the same again, to
 * the byte.
 * @throws PersonError when a port cannot be had or a file cannot be read.
 */
export async function runSimulation(scenario: Scenario, { log, signal }: SimulationOptions): Promise<void> {
  const homes = openHomes(scenario)
  const clock = createClock(scenario.clock, Date.now)
  const buses: Bus[] = []
  const senders: Sender[] = []
  try {
    buses.push(...(await startBuses(scenario, homes, clock.now, log)))
    const boots = countBoot(scenario.state)
    const boot: Boot = { boots, at: boots === 1 ? (scenario.clock?.start ?? clock.now()) : clock.now() + 1 }
    senders.push(...startSenders(scenario, homes, boot, log))
    while (!signal.aborted) {
      const now = clock.now()
      let behind = false
      for (const sender of senders) {
        sender.uplink.tick(Date.now())
        behind = takeReadings(sender, now, boot, log) || behind
      }
      const next = Math.min(...senders.map((sender) => sender.next))
      const pause = Math.max(shortestSleepMs, Math.min(longestSleepMs, clock.delayUntil(next)))
      await sleep(behind ? 0 : pause, undefined, { signal }).catch(() => {})
    }
  } finally {
    for (const { uplink } of senders) uplink.close()
    await Promise.all(buses.map((bus) => bus.close()))
  }
}

/** Takes what is due; true when there is more than one turn's worth. */
function takeReadings(sender: Sender, now: number, boot: Boot, log: (line: string) => void): boolean {
  const { meter, uplink } = sender
  for (let n = 0; n < readingsPerTurn; n++) {
    if (sender.next > now) return false
    if (uplink.send(meter.messagesAt(sender.next, boot))) {
      if (sender.dropped > 0)
        log(`${meter.spec.name}: ${sender.dropped} readings were lost for want of room.`)
      sender.dropped = 0
    } else if (sender.dropped++ === 0)
      log(
        `${meter.spec.name}: ${maxWaiting} messages wait for the broker; the oldest are kept, new ones are lost.`,
      )
    sender.next += meter.spec.every
  }
  return sender.next <= now
}

function startSenders(
  scenario: Scenario,
  homes: ReadonlyMap<string, Home>,
  boot: Boot,
  log: (line: string) => void,
): Sender[] {
  const { mqtt, meters, faults = [], start } = scenario
  const specs = meters.filter((meter): meter is MqttMeterSpec => meter.kind === "mqtt")
  if (!mqtt || specs.length === 0) return []
  log(`${specs.length} meters publish to ${mqtt.url}.`)
  return specs.map((spec) => {
    const own = faults.filter((fault) => fault.meter === spec.name)
    const meter = createSigningMeter(spec, homes.get(spec.home)!, own, start)
    log(keyLine(spec, meter))
    const uplink = createUplink(connectionOf(mqtt, spec, meter.meterId), meter.topic, spec.name, log)
    return { meter, uplink, next: meter.nextReading(Math.max(start, boot.at)), dropped: 0 }
  })
}

async function startBuses(
  { buses = [], meters, faults = [], clock, start }: Scenario,
  homes: ReadonlyMap<string, Home>,
  now: () => number,
  log: (line: string) => void,
): Promise<Bus[]> {
  const started: Bus[] = []
  const bootedAt = clock?.start ?? now()
  // Who asks at most once a second meets no number twice, however often the simulator starts: it keeps none.
  const signedBefore = Math.max(0, now() - start)
  try {
    for (const bus of buses) {
      const own = meters.filter(
        (meter): meter is ModbusMeterSpec => meter.kind === "modbus" && meter.bus === bus.name,
      )
      const simulated = own.map((meter): [number, SimulatedUnit] => {
        const home = homes.get(meter.home)!
        const ofMeter = faults.filter((fault) => fault.meter === meter.name)
        const parts = { meter, home, faults: ofMeter, now, wallNow: Date.now, bootedAt, signedBefore }
        return [meter.unit, createUnit(parts)]
      })
      const units = new Map(simulated.map(([number, { unit }]) => [number, unit]))
      const running = await startBus(bus, units, { faultOf: createBusTrouble(bus, own, faults, now), log })
      started.push(running)
      log(`Bus "${bus.name}" with ${units.size} meters: ${running.where}.`)
      for (const [i, [, { key }]] of simulated.entries()) if (key) log(keyLine(own[i]!, key))
    }
  } catch (error) {
    await Promise.all(started.map((bus) => bus.close()))
    throw error
  }
  return started
}

/** What a person needs to register a meter that signs. */
function keyLine(
  { name }: { name: string },
  { meterId, publicKey }: { meterId: string; publicKey: Uint8Array },
): string {
  return `${name} signs as ${meterId}, public key ${toHex(publicKey)}.`
}
