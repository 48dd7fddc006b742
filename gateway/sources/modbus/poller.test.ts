import { spawn, spawnSync } from "node:child_process"
import { createServer } from "node:net"
import { join } from "node:path"
import pino from "pino"
import t from "tap"
import { createClock } from "../../../protocol/clock.ts"
import { toHex } from "../../../protocol/hex.ts"
import { Assurance } from "../../../protocol/meter.ts"
import { Clock as ClockQuality, decodeReading } from "../../../protocol/reading.ts"
import type { Meter } from "../../config.ts"
import { rules, start, testMeter } from "../../intake.test.support.ts"
import { createIntake } from "../../intake.ts"
import { type Journal, openJournal } from "../../journal/journal.ts"
import { type BusTimes, usualBusTimes } from "./bus.ts"
import { type Device, UnusableRegister, WrongDevice } from "./device.ts"
import { modbusServer, type Request, sdm630Block } from "./modbus-server.test.support.ts"
import { type Poller, type PollerOptions, type Rests, startPoller } from "./poller.ts"
import { profileNamed } from "./profile.ts"
import { deviceOf } from "./reader.ts"
import { createPlainMeterSigner } from "./sign.ts"

const silent = pino({ level: "silent" })
const anHour = 3_600_000

/** A promise and what resolves it. */
function later<T>(): [Promise<T>, (value: T) => void] {
  let resolve!: (value: T) => void
  const promise = new Promise<T>((given) => {
    resolve = given
  })
  return [promise, resolve]
}

interface Polled {
  meter: string
  error: Error | undefined
}

type Place = Partial<NonNullable<Meter["modbus"]>>
type Tap = Pick<typeof t, "teardown" | "testdir">

/** A plain meter with power, import and export from 52 on, as an SDM630 has them. */
function someMeter({ modbus }: Meter): Device {
  return {
    identify: async () => ({}),
    async poll(unit, now) {
      let time = now()
      const bytes = await unit.read({ function: 4, address: 52, count: 24 }, () => {
        time = now()
      })
      const [powerW, imported, exported] = [0, 40, 44].map((at) => bytes.readFloatBE(at)) as [
        number,
        number,
        number,
      ]
      if (!(imported >= 0)) throw new UnusableRegister(`it shows ${imported}`)
      const wh = (kWh: number) => BigInt(Math.round(kWh * 1000))
      const registers =
        modbus?.measures === "grid"
          ? { importedWh: wh(imported), exportedWh: wh(exported) }
          : { generatedWh: wh(imported) }
      const power = Number.isNaN(powerW) ? {} : { powerW: Math.round(powerW) }
      return { time, points: [], snapshot: { registers, ...power, resolutionWh: 1 } }
    },
  }
}

const timeoutsOf = (ms: number) => ({ firstMs: ms, leastMs: ms, mostMs: ms })

/**
 * Plain meters polled into a real journal, at a hundred times the pace of the wall clock. `seen` resolves when a poll
 * is as wanted.
 */
function poll(
  t: Tap,
  port: number,
  places: Record<string, Place>,
  times: Partial<BusTimes & Rests> = {},
  over: Partial<PollerOptions> = {},
) {
  const own = Object.entries(places).map(([name, place]) => ({ meter: testMeter(name), place }))
  const directory = t.testdir(Object.fromEntries(own.map(({ meter }) => [meter.name, toHex(meter.secret)])))
  const meters = own.map(
    ({ meter, place }): Meter => ({
      ...meter,
      assurance: Assurance.gateway,
      ratedW: 22_080,
      startTime: start - 86_400,
      modbus: {
        bus: "test",
        unit: 1,
        profile: profileNamed("sdm630"),
        measures: "generation",
        everySeconds: 1,
        keyFile: join(directory, meter.name),
        ...place,
      },
    }),
  )
  const clock = createClock({ start, wallStart: Date.now(), speed: 100 }, Date.now)
  const journal = openJournal(join(directory, "journal"), meters)
  const polled: Polled[] = []
  const waiting = new Set<() => void>()
  let poller: Poller | undefined
  t.teardown(async () => {
    await poller?.stop()
    journal.close()
  })
  const patient = { firstMs: 60_000, leastMs: 60_000, mostMs: 60_000, restMs: anHour }
  const lines = [{ name: "test", pauseMs: 0, tcp: { host: "127.0.0.1", port, framing: "tcp" } as const }]
  poller = startPoller(meters, lines, {
    deviceOf: someMeter,
    clock,
    clockQuality: () => ClockQuality.synchronised,
    sign: createPlainMeterSigner(meters, (meter) => journal.readings.state(meter.key.meterId).sequence),
    intake: createIntake(meters, journal, rules, clock),
    log: silent,
    onPoll(meter, error) {
      polled.push({ meter: meter.name, error })
      for (const check of waiting) check()
    },
    busTimes: { ...usualBusTimes, ...patient, leastReopenMs: 5, mostReopenMs: 5, ...times },
    rests: { afterErrorMs: 5, mostAfterErrorMs: 5, wrongDeviceMs: 5, ...times },
    ...over,
  })
  const seen = (wanted: (polled: readonly Polled[]) => boolean) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (!wanted(polled)) return
        waiting.delete(check)
        resolve()
      }
      waiting.add(check)
      check()
    })
  const went = (name: string, n: number) =>
    seen((all) => all.filter((p) => p.meter === name && !p.error).length >= n)
  const readings = (name: string): ReturnType<Journal["readings"]["after"]> =>
    journal.readings.after(meters.find((meter) => meter.name === name)!.key.meterId, 0n)
  return { meters, journal, polled, seen, went, readings, poller, clock }
}

t.test(
  "a plain meter's registers and power are read in one moment, signed, judged and stored, each second",
  async (t) => {
    let kWh = 100
    const device = await modbusServer((request) => {
      kWh += 0.001
      request.registers(sdm630Block(1500, kWh, 2))
    })
    t.teardown(() => device.close())
    const { went, readings, journal } = poll(t, device.port, {
      roof: { unit: 1 },
      grid: { unit: 2, measures: "grid" },
    })
    await Promise.all([went("roof", 10), went("grid", 10)])
    const roof = readings("roof")
    t.ok(roof.length >= 10)
    t.same(
      roof.map(({ sequence }) => sequence),
      roof.map((_, i) => i),
    )
    t.ok(roof.every(({ reason }) => reason === undefined))
    t.equal(new Set(roof.map(({ time }) => time)).size, roof.length)
    t.match(decodeReading(roof[0]!.bytes).reading, {
      powerW: 1500,
      clock: ClockQuality.synchronised,
      clockSets: 0,
      boots: 0,
    })
    t.match(readings("grid")[0]!.registers, { importedWh: BigInt, exportedWh: 2000n })
    t.same(journal.readings.counts().doubtful, new Map())
    t.equal(device.connections(), 1, "both are on one bus")
  },
)

t.test("a dead unit costs its bus one time-out and a rest, and the living one's polls go on", async (t) => {
  const asked: number[] = []
  const device = await modbusServer((request) => {
    asked.push(request.unit)
    if (request.unit === 1) request.registers(sdm630Block(0, 5))
  })
  t.teardown(() => device.close())
  const { went, polled } = poll(t, device.port, { dead: { unit: 9 }, living: { unit: 1 } }, timeoutsOf(30))
  await went("living", 30)
  t.equal(asked.filter((unit) => unit === 9).length, 1)
  t.match(
    polled.filter(({ meter }) => meter === "dead"),
    [{ error: { name: "UnitSilent" } }],
  )
  t.equal(polled.filter(({ meter, error }) => meter === "living" && error).length, 0)
})

t.test("a dead unit is asked again after its rest, and is there again when it answers", async (t) => {
  let alive = false
  const device = await modbusServer((request, n) => {
    alive = n >= 3
    if (alive) request.registers(sdm630Block(0, 5))
  })
  t.teardown(() => device.close())
  const { went, polled } = poll(t, device.port, { roof: {} }, { ...timeoutsOf(20), restMs: 20 })
  await went("roof", 1)
  t.same(
    polled.map(({ error }) => error?.name),
    ["UnitSilent", "UnitSilent", "UnitSilent", undefined],
  )
})

t.test("a failure that is no time-out is tried again soon, not at the next period", async (t) => {
  const answers: ((request: Request) => void)[] = [
    (request) => request.answer([0x84, 6]),
    (request) => request.registers(sdm630Block(0, Number.NaN)),
    (request) => request.registers(sdm630Block(0, -5)),
    (request) => request.answer([4, 2, 0, 0]),
    (request) => request.stream.destroy(),
    (request) => request.registers(sdm630Block(Number.NaN, 5)),
  ]
  const device = await modbusServer((request, n) => answers[Math.min(n, answers.length - 1)]!(request))
  t.teardown(() => device.close())
  const { went, polled, readings } = poll(t, device.port, { roof: { everySeconds: 86_400 } })
  await went("roof", 1)
  t.match(
    polled.map(({ error }) => error?.message),
    [
      /exception 6/,
      /shows NaN/,
      /shows -5/,
      /0 bytes came for 24 registers|2 bytes came/,
      /ended the connection|was closed|ECONNRESET/,
      undefined,
    ],
  )
  const [reading, ...more] = readings("roof")
  t.same(more, [])
  t.match(
    reading,
    { registers: { generatedWh: 5000n }, powerW: undefined, sequence: 0 },
    "nothing was made up meanwhile",
  )
})

t.test("a reading's time is when its meter was asked, not when it began to wait for its turn", async (t) => {
  const asked: number[] = []
  const [held, release] = later<Request>()
  const device = await modbusServer((request) => {
    if (request.unit === 1) return release(request)
    asked.push(clock.now())
    request.registers(sdm630Block(0, 5))
  })
  t.teardown(() => device.close())
  const { went, readings, clock } = poll(t, device.port, {
    slow: { unit: 1, everySeconds: 86_400 },
    late: { unit: 2, everySeconds: 86_400 },
  })
  const request = await held
  const began = clock.now()
  while (clock.now() < began + 5) await new Promise((resolve) => setTimeout(resolve, 5))
  request.registers(sdm630Block(0, 7))
  await Promise.all([went("slow", 1), went("late", 1)])
  t.ok(readings("slow")[0]!.time <= began)
  const { time } = readings("late")[0]!
  t.ok(time >= began + 5 && time <= asked[0]!, `${time - began} s after the other's request began`)
})

t.test("polls fall on the multiples of their period", async (t) => {
  const device = await modbusServer((request) => request.registers(sdm630Block(0, 5)))
  t.teardown(() => device.close())
  // A clock that jumps to whatever is waited for: what it shows is then exact.
  let now = start + 7
  const clock = {
    now: () => now,
    delayUntil(time: number) {
      now = time
      return 0
    },
  }
  const times: number[] = []
  const sign: PollerOptions["sign"] = (_meter, { time }) => {
    times.push(time - start)
    return new Uint8Array()
  }
  const { went } = poll(t, device.port, { roof: { everySeconds: 60 } }, {}, { clock, sign })
  await went("roof", 5)
  t.same(times.slice(0, 5), [7, 60, 120, 180, 240])
})

t.test("a reading that cannot be stored is told of, and the poller goes on", async (t) => {
  const device = await modbusServer((request) => request.registers(sdm630Block(0, 5)))
  t.teardown(() => device.close())
  let full = true
  const submit = async () => {
    if (full) throw new Error("the disk is full")
    return { kind: "known" as const, number: { keyIndex: 0, sequence: 0 } }
  }
  const intake = { submit, turnAway: submit, drain: async () => {} }
  const { seen, went, polled } = poll(t, device.port, { roof: {} }, {}, { intake })
  await seen((all) => all.length >= 2)
  t.match(polled.slice(0, 2), [
    { error: { message: "the disk is full" } },
    { error: { message: "the disk is full" } },
  ])
  full = false
  await went("roof", 1)
  t.equal(device.connections(), 1, "it was not the meter's fault")
})

t.test("stopping ends, also while a meter is asked and while one rests", async (t) => {
  const [asked, ask] = later<void>()
  const device = await modbusServer((request) => {
    if (request.unit === 1) ask()
    else request.answer([0x84, 2])
  })
  t.teardown(() => device.close())
  const { poller, seen, polled } = poll(
    t,
    device.port,
    { resting: { unit: 2 }, asked: { unit: 1 } },
    { ...timeoutsOf(50), afterErrorMs: anHour, mostAfterErrorMs: anHour },
  )
  await Promise.all([asked, seen((all) => all.length >= 1)])
  await poller.stop()
  await device.allGivenBack()
  const before = device.requests()
  t.equal(before, 2)
  t.equal(polled.length, 1, "what was stopped is no failure of a meter")
})

t.test("who a meter is is asked after each opening of the line, and again after a failure", async (t) => {
  const asked: string[] = []
  const device = await modbusServer((request, n) => {
    if (n === 2) return request.stream.destroy()
    request.registers(sdm630Block(0, 5))
  })
  t.teardown(() => device.close())
  const deviceOf = (meter: Meter): Device => {
    const plain = someMeter(meter)
    return {
      async identify() {
        asked.push("who")
        return {}
      },
      poll(unit, now) {
        asked.push("what")
        return plain.poll(unit, now)
      },
    }
  }
  const { went } = poll(t, device.port, { roof: {} }, {}, { deviceOf })
  await went("roof", 4)
  t.same(asked.slice(0, 5), ["who", "what", "what", "what", "who"])
})

t.test("a wrong device is not read until the right one is back, and says why", async (t) => {
  let serial = "22"
  const device = await modbusServer((request) => request.registers(sdm630Block(0, 5)))
  t.teardown(() => device.close())
  const deviceOf = (meter: Meter): Device => ({
    ...someMeter(meter),
    async identify() {
      if (serial !== "11") throw new WrongDevice(`serial number ${serial}`)
      return { serial }
    },
  })
  const { seen, went, polled, readings } = poll(t, device.port, { roof: {} }, {}, { deviceOf })
  await seen((all) => all.length >= 3)
  t.match(polled.at(-1), { error: { name: "WrongDevice", message: "serial number 22" } })
  t.equal(device.requests(), 0)
  t.same(readings("roof"), [])
  serial = "11"
  await went("roof", 1)
})

t.test("what a meter signed itself is handed in as it is", async (t) => {
  const device = await modbusServer(() => {})
  t.teardown(() => device.close())
  const bytes = Uint8Array.of(1, 2, 3)
  const taken: unknown[] = []
  const submit = async (message: unknown) => {
    taken.push(message)
    return { kind: "known" as const, number: { keyIndex: 0, sequence: 0 } }
  }
  const intake = { submit, turnAway: submit, drain: async () => {} }
  const deviceOf = (): Device => ({
    identify: async () => ({}),
    poll: async () => ({ time: start, points: [], signed: { format: "bsm", bytes } }),
  })
  const sign = () => t.fail("it was signed again") as never
  const { went, meters } = poll(t, device.port, { roof: {} }, {}, { deviceOf, intake, sign })
  await went("roof", 1)
  t.same(taken[0], {
    source: "modbus test unit 1",
    bytes,
    format: "bsm",
    claimedMeter: meters[0]!.key.meterId,
  })
})

/** An independent Modbus server with two units whose input registers are given. */
const pymodbusServer = `
import sys, json
from pymodbus.server import StartTcpServer
from pymodbus.datastore import ModbusSequentialDataBlock, ModbusSlaveContext, ModbusServerContext
blocks = json.load(sys.stdin)
def unit(registers):
    values = [0] * 100
    values[52:52 + len(registers)] = registers
    return ModbusSlaveContext(ir=ModbusSequentialDataBlock(0, values), zero_mode=True)
context = ModbusServerContext(slaves={int(n): unit(r) for n, r in blocks.items()}, single=False)
StartTcpServer(context=context, address=("127.0.0.1", int(sys.argv[1])))
`
const python = "/usr/bin/python3"
const pymodbus = spawnSync(python, ["-c", "import pymodbus.server, pymodbus.datastore"]).status === 0

t.test(
  "an independent Modbus server is read to the Wh",
  { skip: pymodbus ? false : "python3-pymodbus is not installed" },
  async (t) => {
    const port = await freePort()
    const child = spawn(python, ["-c", pymodbusServer, String(port)], { stdio: ["pipe", "ignore", "ignore"] })
    t.teardown(() => child.kill("SIGKILL"))
    child.stdin.end(
      JSON.stringify({ 1: sdm630Block(2345.5, 123.456), 7: sdm630Block(-801.25, 65_536, 0.001) }),
    )
    // Until it listens connections are refused, and the poller tries again.
    const { went, readings, meters } = poll(
      t,
      port,
      {
        roof: { unit: 1 },
        grid: { unit: 7, measures: "grid" },
      },
      {},
      { deviceOf },
    )
    await Promise.all([went("roof", 3), went("grid", 3)])
    t.match(decodeReading(readings("roof").at(-1)!.bytes).reading, { generatedWh: 123_456n, powerW: 2346 })
    t.match(decodeReading(readings("grid").at(-1)!.bytes).reading, {
      importedWh: 65_536_000n,
      exportedWh: 1n,
      powerW: -801,
      resolutionWh: 8,
    })
    t.equal(meters.length, 2)
  },
)

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await new Promise((resolve) => server.once("listening", resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
