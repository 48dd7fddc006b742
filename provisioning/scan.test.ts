import { once } from "node:events"
import { createServer } from "node:net"
import fc from "fast-check"
import t, { type Test } from "tap"
import { checkScenario, runSimulation } from "../device-sim/main.ts"
import { openBus } from "../gateway/sources/modbus/bus.ts"
import { shippedProfiles } from "../gateway/sources/modbus/profile.ts"
import { wire, withoutPty } from "../gateway/sources/modbus/pty.test.support.ts"
import { plausibility } from "./fit.ts"
import { type Found, hostsFrom, scanBus, scanTimes, unitsFrom } from "./scan.ts"

const start = 1_748_736_000

/** Every kind of device that the simulator has, one after the other from unit 1 on. */
const devices = {
  sdm630: "sdm630",
  sdm120: "sdm120",
  "em24-rs485": "em24-rs485",
  "em24-ethernet": "em24-ethernet",
  iem3000: "iem3000",
  sma: "sma",
  "sunspec-inverter": "sunspec",
  "sunspec-meter": "sunspec",
  "bsm-ws36a": "bsm-ws36a",
  wm3m4c: "iskra-wm3m4c",
}

const signing: readonly string[] = ["bsm-ws36a", "wm3m4c"]
const generating: readonly string[] = ["sma", "sunspec-inverter", "wm3m4c"]

async function simulated(t: { teardown(end: () => unknown): unknown }, bus: object): Promise<void> {
  const scenario = checkScenario(
    {
      seed: 1,
      start,
      clock: { start: start + 64_000, wallStart: 0, speed: 1, end: start + 64_000 },
      place: { latitude: 48, longitude: 8 },
      homes: [{ name: "Home", load: "family", panelsW: 6000 }],
      buses: [{ name: "line", ...bus }],
      meters: Object.keys(devices).map((device, i) => ({
        name: device,
        home: "Home",
        measures: generating.includes(device) ? "generation" : "grid",
        kind: "modbus",
        bus: "line",
        unit: i + 1,
        device,
        ...(signing.includes(device) && { secret: `${i}f${"0".repeat(61)}1` }),
      })),
    },
    "scan.yaml",
  )
  const stopping = new AbortController()
  let up: () => void = () => {}
  const isUp = new Promise<void>((resolve) => {
    up = resolve
  })
  const running = runSimulation(scenario, {
    log: (line) => /^Bus /.test(line) && up(),
    signal: stopping.signal,
  })
  await Promise.race([isUp, running])
  t.teardown(async () => {
    stopping.abort()
    await running
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, "close")
  return port
}

/** Patient: a busy machine answers late, and a unit that is silent costs it once. */
const patient = scanTimes(3000)
const units = Object.keys(devices).map((_, i) => i + 1)

function foundAll(t: Test, found: Found[]): void {
  t.same(
    found.map(({ unit, fits }) => [unit, fits[0]?.profile]),
    Object.values(devices).map((profile, i) => [i + 1, profile]),
  )
}

t.test("each kind of meter at a host is found by its profile, with what it shows", async (t) => {
  const port = await freePort()
  await simulated(t, { host: "127.0.0.1", port })
  const found: Found[] = []
  const place = { name: "host", pauseMs: 0, tcp: { host: "127.0.0.1", port, framing: "tcp" as const } }
  const answered = await scanBus(
    place,
    [...units, 11],
    shippedProfiles,
    patient,
    () => 0,
    (one) => found.push(one),
  )
  foundAll(t, found)
  t.equal(answered, units.length, "an empty place is none")
  const certain = found.filter(({ fits }) => fits[0]!.certain).map(({ fits }) => fits[0]!.profile)
  t.same(
    certain,
    ["em24-ethernet", "iem3000", "sunspec", "sunspec", "bsm-ws36a", "iskra-wm3m4c"],
    "these say what they are",
  )
  const [sdm630, sdm120] = found.map(({ fits }) => fits[0]!)
  t.same(sdm630!.registers, sdm120!.registers, "two meters at one connection")
  t.ok(sdm630!.registers.exportedWh! > 0n)
  t.same(
    found[0]!.fits.map(({ profile }) => profile),
    ["sdm630", "sdm120"],
    "one phase of three is a meter too",
  )
})

t.test(
  "a serial line is scanned, and left alone while another program has it",
  { skip: withoutPty },
  async (t) => {
    const { a, b, cut } = await wire(t.testdir())
    t.teardown(cut)
    await simulated(t, { serial: { path: a, baudRate: 115_200 } })
    const found: Found[] = []
    const place = {
      name: "line",
      pauseMs: 0,
      serial: { path: b, baudRate: 115_200, parity: "none" as const, stopBits: 1 as const },
    }
    const gateway = openBus(place, patient)
    await gateway.unit(1).read({ function: 4, address: 0, count: 2 })
    await t.rejects(
      scanBus(
        place,
        [1],
        shippedProfiles,
        patient,
        () => 0,
        () => t.fail(),
      ),
      { message: /another program has/ },
    )
    await gateway.close()
    await scanBus(
      place,
      [1, 3],
      shippedProfiles,
      patient,
      () => 0,
      (one) => found.push(one),
    )
    t.same(
      found.map(({ unit, fits }) => [unit, fits[0]?.profile]),
      [
        [1, "sdm630"],
        [3, "em24-rs485"],
      ],
    )
  },
)

t.test("what no grid has fits no profile", async (t) => {
  const volt = (value: number) => ({ name: "voltage", unit: "V", value, quality: "good" as const })
  t.equal(plausibility([volt(230), volt(231), volt(0)]), 1)
  t.equal(plausibility([volt(230), volt(1725)]), undefined)
  t.equal(plausibility([{ ...volt(230), unit: "Hz" }]), undefined)
  t.equal(plausibility([{ name: "voltage", unit: "V", quality: "not-implemented" }]), 0)
})

t.test("hosts and units are taken as people write them, and never too many", async (t) => {
  t.same(hostsFrom("meter.local, 192.168.1.8"), ["meter.local", "192.168.1.8"])
  t.same(hostsFrom("10.0.0.4/30"), ["10.0.0.5", "10.0.0.6"])
  t.same(hostsFrom("10.0.0.7/32,10.0.0.7"), ["10.0.0.7"])
  t.equal(hostsFrom("192.168.1.77/24").length, 254)
  for (const bad of ["10.0.0.0/16", "10.0.0.300/24", "10.0.0.0/33", "a b", "", "10.0.1.0/24,10.0.2.0/24"])
    t.throws(() => hostsFrom(bad), { name: "PersonError" }, bad)
  t.same(unitsFrom("1-3,126,2", 255), [1, 2, 3, 126])
  for (const bad of ["", "0-256", "5-3", "one", "1,,2"])
    t.throws(() => unitsFrom(bad, 255), { name: "PersonError" }, bad)
  fc.assert(
    fc.property(fc.nat(255), fc.integer({ min: 24, max: 32 }), (last, bits) => {
      const hosts = hostsFrom(`10.1.2.${last}/${bits}`)
      return hosts.length <= 254 && new Set(hosts).size === hosts.length
    }),
  )
})
