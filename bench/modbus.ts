import { openBus } from "../gateway/sources/modbus/bus.ts"
import { deviceFor } from "../gateway/sources/modbus/devices.ts"
import { planReads } from "../gateway/sources/modbus/plan.ts"
import { profileNamed, shippedProfiles } from "../gateway/sources/modbus/profile.ts"
import { readMeter } from "../gateway/sources/modbus/reader.ts"
import { pointsOf } from "../gateway/sources/modbus/registers.ts"
import { gapLimit, serialWire, transmissionMs, type Wire } from "../gateway/sources/modbus/timing.ts"
import { message, start, stop } from "./process.ts"
import { median, type Options, type Row } from "./row.ts"

/** Round trips over TCP to a meter in another process, the gateway's share of a core for them, and bus time. */
export async function modbus(options: Options): Promise<Row[]> {
  return [...(await overTcp(options)), ...busTimes()]
}

async function overTcp({ quick }: Options): Promise<Row[]> {
  const rounds = quick ? 3 : 7
  const seconds = quick ? 0.5 : 2
  const server = start("bus-server.js", ["1"])
  const port = await message<number>(server)
  const place = { name: "bench", pauseMs: 0, tcp: { host: "127.0.0.1", port, framing: "tcp" as const } }
  const bus = openBus(place)
  try {
    const unit = bus.unit(1)
    const trips = await rates(rounds, seconds, () => unit.read({ function: 4, address: 0, count: 2 }))
    const device = deviceFor(profileNamed("sdm630"), {
      measures: "generation",
      publicKey: new Uint8Array(32),
    })
    const now = () => Math.floor(Date.now() / 1000)
    const reader = readMeter(bus, 1, device, now)
    const polls = await rates(rounds, seconds, () => reader.read())
    return [
      { what: "Modbus TCP, round trips", ours: trips.perSecond, unit: "a second", better: "higher" },
      {
        what: "Modbus TCP, polls of an SDM630 in full",
        ours: polls.perSecond,
        unit: "a second",
        better: "higher",
        note: `${(polls.cpuSeconds * 1000).toFixed(2)} ms of the gateway's core a poll, without signing and storing`,
      },
    ]
  } finally {
    await bus.close()
    await stop(server)
  }
}

async function rates(rounds: number, seconds: number, work: () => Promise<unknown>) {
  const [perSecond, cpuSeconds]: [number[], number[]] = [[], []]
  await work()
  for (let round = 0; round < rounds; round++) {
    const [from, cpu] = [performance.now(), process.cpuUsage()]
    let n = 0
    while (performance.now() - from < seconds * 1000) {
      await work()
      n++
    }
    const { user, system } = process.cpuUsage(cpu)
    perSecond.push(n / ((performance.now() - from) / 1000))
    cpuSeconds.push((user + system) / 1e6 / n)
  }
  return { perSecond: median(perSecond), cpuSeconds: median(cpuSeconds) }
}

/** From the frames that the gateway plans: silence, request, reply; not what a device takes to think. */
function busTimes(): Row[] {
  const wire = serialWire({ baudRate: 9600, parity: "none", stopBits: 1 })
  const rows: Row[] = []
  for (const [name, profile] of shippedProfiles) {
    if (profile.kind !== "registers") continue
    const points = pointsOf(profile).map((point) => ({
      function: point.function,
      address: point.address,
      count: point.registers,
    }))
    const { mostRegisters, mostGap, boundaries, pauseMs = 0 } = profile.quirks ?? {}
    const planned = planReads(points, {
      gap: mostGap ?? gapLimit(wire, pauseMs),
      ...(mostRegisters !== undefined && { most: mostRegisters }),
      ...(boundaries && { boundaries: boundaries.map((begin) => begin - profile.addressesFrom) }),
    }).map(({ block }) => block)
    rows.push({
      what: `bus time of a full poll at 9600 baud, ${name}`,
      ours: total(wire, pauseMs, planned),
      unit: "ms",
      against: { what: "value by value", value: total(wire, pauseMs, points) },
      better: "lower",
      note: `${planned.length} requests in place of ${points.length}`,
    })
  }
  return rows
}

function total(wire: Wire, pauseMs: number, blocks: readonly { count: number }[]): number {
  const rest = Math.max(wire.silenceMs, pauseMs)
  return blocks.reduce((sum, block) => sum + rest + transmissionMs(wire, block), 0)
}
