import { existsSync, readFileSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { join } from "node:path"
import { Aedes } from "aedes"
import t from "tap"
import { virtualTime } from "../protocol/clock.ts"
import { meterKey, Scheme } from "../protocol/meter.ts"
import { decodeReading, type SignedReading } from "../protocol/reading.ts"
import { verifySignature } from "../protocol/signature.ts"
import { openHomes, readScenario, truth } from "./community.ts"
import { runSimulation, type Scenario } from "./main.ts"
import { createSigningKey } from "./signing-key.ts"

const start = Date.UTC(2025, 5, 1) / 1000
const secrets = ["01", "02", "03"].map((byte) => byte.repeat(32))
const keys = secrets.map((secret) => createSigningKey(Uint8Array.from(Buffer.from(secret, "hex"))))

/** A broker that keeps what it is sent, and cuts whoever sends more than 4 KiB at once. */
async function startBroker() {
  const aedes = await Aedes.createBroker()
  const arrived: { meterId: string; topic: string; at: number; payload: Buffer }[] = []
  let cuts = 0
  aedes.authorizePublish = (client, { topic, payload }, done) => {
    if (payload.length > 4096) {
      cuts++
      return done(new Error("too much"))
    }
    arrived.push({ meterId: client?.id ?? "", topic, at: Date.now(), payload: Buffer.from(payload) })
    done(null)
  }
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
    aedes.handle(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  return {
    arrived,
    url: `mqtt://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`,
    cuts: () => cuts,
    drop: () => {
      for (const socket of sockets) socket.destroy()
    },
    readingsOf: (meterId: string): SignedReading[] =>
      arrived
        .filter((message) => message.meterId === meterId)
        .map(({ payload }) => decodeReading(new Uint8Array(payload))),
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
      await new Promise<void>((resolve) => aedes.close(() => resolve()))
    },
  }
}

function scenarioFor(url: string, speed: number, seconds: number): Scenario & { clock: { end: number } } {
  return {
    seed: 5,
    start,
    clock: { start, wallStart: Date.now(), speed, end: start + seconds },
    place: { latitude: 47.995, longitude: 7.85 },
    homes: [{ name: "Home 1", load: "family", panelsW: 5000 }],
    mqtt: { url },
    meters: secrets.map((secret, i) => ({
      name: `Meter ${i}`,
      home: "Home 1",
      measures: i === 0 ? ("generation" as const) : ("grid" as const),
      kind: "mqtt" as const,
      secret,
      every: 900,
    })),
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`Waited in vain until ${what}.`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const expectedTimes = (seconds: number) =>
  Array.from({ length: seconds / 900 + 1 }, (_, i) => start + i * 900)

t.test(
  "at speed 5000 readings arrive in order, exactly at their multiples, the last one at the end",
  async (t) => {
    const broker = await startBroker()
    const scenario = scenarioFor(broker.url, 5000, 18_000)
    const abort = new AbortController()
    const run = runSimulation(scenario, { log: () => {}, signal: abort.signal })
    await until(() => broker.arrived.length >= 63, "all 63 readings arrived")
    await new Promise((resolve) => setTimeout(resolve, 200))
    abort.abort()
    await run
    const home = openHomes(scenario).get("Home 1")!
    for (const [i, { meterId, publicKey }] of keys.entries()) {
      const readings = broker.readingsOf(meterId)
      t.same(
        readings.map(({ reading }) => reading.time),
        expectedTimes(18_000),
      )
      t.same(
        readings.map(({ reading }) => reading.sequence),
        Array.from(readings, (_, n) => n + 1),
      )
      for (const signed of readings) {
        const { generatedWh, importedWh, exportedWh } = home.registersAt(signed.reading.time)
        t.match(signed.reading, i === 0 ? { generatedWh } : { importedWh, exportedWh })
        t.ok(verifySignature(meterKey(Scheme.ed25519, publicKey), signed))
      }
    }
    for (const { meterId, topic, at, payload } of broker.arrived) {
      t.equal(topic, `meters/${meterId}/readings`)
      t.ok(
        decodeReading(new Uint8Array(payload)).reading.time <= virtualTime(scenario.clock, at),
        "never early",
      )
    }
    await broker.close()
  },
)

t.test("a lost connection costs no reading and no order", async (t) => {
  const broker = await startBroker()
  const log: string[] = []
  const abort = new AbortController()
  const run = runSimulation(scenarioFor(broker.url, 5000, 18_000), {
    log: (line) => log.push(line),
    signal: abort.signal,
  })
  await until(() => broker.arrived.length >= 15, "some readings arrived")
  broker.drop()
  const complete = () =>
    keys.every(
      ({ meterId }) => new Set(broker.readingsOf(meterId).map(({ reading }) => reading.time)).size === 21,
    )
  await until(complete, "all readings arrived")
  abort.abort()
  await run
  for (const { meterId } of keys) {
    const firsts = new Set(broker.readingsOf(meterId).map(({ reading }) => reading.sequence))
    t.same(
      [...firsts],
      Array.from({ length: 21 }, (_, n) => n + 1),
    )
  }
  t.match(log.join("\n"), /Meter 0: no connection to the broker.*Meter 0: connected to the broker again/s)
  await broker.close()
})

t.test("an oversized message costs the connection once, and the meter carries on", async (t) => {
  const broker = await startBroker()
  const scenario = scenarioFor(broker.url, 5000, 18_000)
  scenario.faults = [{ meter: "Meter 0", fault: "oversized", at: start + 4500 }]
  const abort = new AbortController()
  const run = runSimulation(scenario, { log: () => {}, signal: abort.signal })
  const times = () => new Set(broker.readingsOf(keys[0]!.meterId).map(({ reading }) => reading.time))
  await until(() => times().size === 21, "all readings arrived")
  abort.abort()
  await run
  t.equal(broker.cuts(), 1)
  t.same([...times()], expectedTimes(18_000))
  await broker.close()
})

t.test("a restart continues at the next multiple and never says two things under one sequence", async (t) => {
  const broker = await startBroker()
  const state = join(t.testdir(), "state.json")
  const scenario = { ...scenarioFor(broker.url, 5000, 27_000), state }
  const runs = [1, 2, 3]
  for (const boots of runs) {
    const abort = new AbortController()
    const run = runSimulation(scenario, { log: () => {}, signal: abort.signal })
    const own = () => broker.readingsOf(keys[0]!.meterId).filter(({ reading }) => reading.boots === boots)
    await until(() => own().length >= 5, `boot ${boots} sent five readings`)
    abort.abort()
    await run
  }
  t.equal(readFileSync(state, "utf8"), '{"boots":3}\n')
  const said = new Map<number, string>()
  for (const { reading, bytes } of broker.readingsOf(keys[0]!.meterId)) {
    const text = Buffer.from(bytes).toString("hex")
    t.equal(said.get(reading.sequence) ?? text, text)
    said.set(reading.sequence, text)
    t.equal(reading.sequence, (reading.time - start) / 900 + 1)
  }
  t.ok(said.size >= 15)
  await broker.close()
})

t.test("without a state file a restart says the same again, to the byte", async (t) => {
  const broker = await startBroker()
  const scenario = scenarioFor(broker.url, 5000, 9000)
  for (const total of [33, 66]) {
    const abort = new AbortController()
    const run = runSimulation(scenario, { log: () => {}, signal: abort.signal })
    await until(() => broker.arrived.length >= total, "the readings arrived")
    abort.abort()
    await run
  }
  const different = new Set(broker.arrived.map(({ payload }) => payload.toString("hex")))
  t.equal(different.size, 33)
  await broker.close()
})

t.test("a port that is taken ends the run with one sentence, and leaves nothing open", async (t) => {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve))
  const address = taken.address()
  const port = typeof address === "object" && address ? address.port : 0
  const { clock: _, mqtt: __, ...rest } = scenarioFor("mqtt://127.0.0.1:1", 1, 1)
  const scenario: Scenario = {
    ...rest,
    meters: [],
    buses: [
      { name: "Shed", host: "127.0.0.1", port: 0 },
      { name: "Attic", host: "127.0.0.1", port },
    ],
  }
  await t.rejects(runSimulation(scenario, { log: () => {}, signal: new AbortController().signal }), {
    message: `Bus "Attic" cannot listen on 127.0.0.1:${port}: another program listens there.`,
  })
  await new Promise((resolve) => taken.close(resolve))
})

t.test("the truth adds up, over homes and over time", async (t) => {
  const scenario = scenarioFor("mqtt://127.0.0.1:1", 1, 1)
  scenario.homes.push({ name: "Home 2", load: "single" })
  const [a, b, c] = [start + 1000, start + 50_000, start + 200_000]
  const whole = truth(scenario, a, c)
  const [first, second] = [truth(scenario, a, b), truth(scenario, b, c)]
  for (const key of ["generatedWh", "usedWh", "importedWh", "exportedWh"] as const) {
    t.equal(whole.total[key], first.total[key] + second.total[key])
    t.equal(whole.total[key], whole.homes[0]![key] + whole.homes[1]![key])
  }
  t.equal(whole.total.usedWh, whole.total.generatedWh + whole.total.importedWh - whole.total.exportedWh)
  t.equal(whole.homes[1]!.generatedWh, 0n)
})

t.test("files that a scenario names are relative to it, and one that is missing is named", async (t) => {
  const folder = t.testdir({
    "s.yaml":
      "seed: 1\nstart: 0\ndata: {file: homes.csv}\nstate: s.json\nhomes: [{name: A, column: a}]\n" +
      "mqtt: {url: 'mqtts://localhost:8883', caFile: ca.pem}\n" +
      "meters: [{name: M, home: A, measures: grid, kind: mqtt, every: 60, certFile: m.pem, keyFile: m.key, " +
      `secret: "${secrets[0]}"}]\n`,
  })
  const scenario = readScenario(join(folder, "s.yaml"))
  t.equal(scenario.data!.file, join(folder, "homes.csv"))
  t.equal(scenario.state, join(folder, "s.json"))
  t.equal(scenario.mqtt!.caFile, join(folder, "ca.pem"))
  t.match(scenario.meters[0], { certFile: join(folder, "m.pem"), keyFile: join(folder, "m.key") })
  t.notOk(existsSync(scenario.state!))
  t.throws(() => openHomes(scenario), { message: /homes\.csv cannot be read/ })
})
