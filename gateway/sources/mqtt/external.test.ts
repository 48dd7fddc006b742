import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { connectAsync, type MqttClient } from "mqtt"
import t from "tap"
import { rules, start, testClock, testMeter } from "../../intake.test.support.ts"
import { createIntake, type Intake } from "../../intake.ts"
import { openJournal } from "../../journal/journal.ts"
import { partsOf, topicOf, until } from "./broker.test.support.ts"
import { issuer, lacking } from "./certificates.test.support.ts"
import { type BrokerSettings, connectBroker } from "./external.ts"
import { startMqtt } from "./mqtt.ts"

const skip = lacking("mosquitto", "openssl")
const roof = testMeter("roof")

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, "close")
  return port
}

type Teardown = Pick<typeof t, "teardown" | "testdir">

/** A real mosquitto that keeps what it has on the disk, with a meter's and a hub's client to it. */
async function mosquitto(t: Teardown, more: string[] = []) {
  const directory = t.testdir({ broker: {}, journal: {} })
  const port = await freePort()
  const file = join(directory, "mosquitto.conf")
  const lines = [
    `listener ${port} 127.0.0.1`,
    "allow_anonymous true",
    "persistence true",
    `persistence_location ${directory}/broker/`,
    ...(process.getuid?.() === 0 ? ["user root"] : []),
    ...more,
  ]
  writeFileSync(file, `${lines.join("\n")}\n`)
  let child: ChildProcess | undefined
  const clients: MqttClient[] = []
  const url = `mqtt://127.0.0.1:${port}`
  const client = async () => {
    const made = await connectAsync(url, { reconnectPeriod: 0 })
    made.on("error", () => {})
    clients.push(made)
    return made
  }
  const broker = {
    directory,
    port,
    url,
    client,
    async up() {
      child = spawn("mosquitto", ["-c", file], { stdio: "ignore" })
      for (let up = false; !up; )
        up = await client().then(
          () => true,
          () => new Promise<false>((resolve) => setTimeout(() => resolve(false), 20)),
        )
    },
    async down() {
      for (const made of clients.splice(0)) made.end(true)
      const ended = child && once(child, "exit")
      child?.kill("SIGTERM")
      child = undefined
      await ended
    },
  }
  t.teardown(() => broker.down())
  await broker.up()
  return broker
}

/** A gateway over a journal in that directory. */
function gateway(
  directory: string,
  settings: Partial<BrokerSettings> & { url: string },
  around: (intake: Intake) => Intake = (i) => i,
) {
  mkdirSync(directory, { recursive: true })
  const journal = openJournal(directory, [roof])
  const intake = createIntake([roof], journal, rules, testClock(start + 1_000_000))
  const source = connectBroker({ clientId: "gateway", ...settings }, partsOf([roof], around(intake)))
  let closed = false
  return {
    source,
    stored: () => journal.readings.after(roof.key.meterId, 0n).map(({ sequence }) => sequence),
    reasons: () => Object.fromEntries(journal.quarantine.counts()),
    async close() {
      if (closed) return
      closed = true
      await source.close()
      await intake.drain()
      journal.close()
    },
  }
}

if (skip) t.pass(skip)
else {
  for (const version of ["3.1.1", "5"] as const)
    t.test(
      `what is published while the gateway is away, or mosquitto restarts, arrives (MQTT ${version})`,
      async (t) => {
        const broker = await mosquitto(t)
        const settings = { url: broker.url, version }
        const first = gateway(`${broker.directory}/journal`, settings)
        t.teardown(() => first.close())
        let meter = await broker.client()
        const says = (sequence: number) =>
          meter.publishAsync(topicOf(roof), Buffer.from(roof.says(sequence)), { qos: 1 })
        await until(() => first.source.connections() === 1)
        // Its session exists once it has subscribed.
        for (let sequence = 1; first.stored().length === 0; sequence = 1) {
          await says(sequence)
          await new Promise((resolve) => setTimeout(resolve, 10))
        }
        await first.close()
        for (const sequence of [2, 3, 4]) await says(sequence)
        await broker.down()
        await broker.up()
        meter = await broker.client()
        await says(5)
        const second = gateway(`${broker.directory}/journal`, settings)
        t.teardown(() => second.close())
        await until(() => second.stored().length === 5)
        t.same(second.stored(), [1, 2, 3, 4, 5])
        await broker.down()
        await until(() => second.source.connections() === 0)
        await broker.up()
        await until(() => second.source.connections() === 1)
        meter = await broker.client()
        await says(6)
        await until(() => second.stored().length === 6)
        t.same(second.reasons(), {})
      },
    )

  t.test("a gateway that is killed between receipt and commit gets the message again", async (t) => {
    const broker = await mosquitto(t)
    const script = fileURLToPath(new URL("./forgetful.test.support.js", import.meta.url))
    const killed = spawn(process.execPath, [script, broker.url], { stdio: ["ignore", "pipe", "inherit"] })
    t.teardown(() => killed.kill("SIGKILL"))
    let received = false
    killed.stdout.on("data", () => {
      received = true
    })
    const meter = await broker.client()
    while (!received) {
      await meter.publishAsync(topicOf(roof), Buffer.from(roof.says(1)), { qos: 1 })
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    for (const sequence of [2, 3])
      await meter.publishAsync(topicOf(roof), Buffer.from(roof.says(sequence)), { qos: 1 })
    killed.kill("SIGKILL")
    await once(killed, "exit")
    const { stored, reasons, close } = gateway(`${broker.directory}/journal`, { url: broker.url })
    t.teardown(close)
    await until(() => stored().length === 3)
    t.same(stored(), [1, 2, 3])
    t.same(reasons(), {})
  })

  t.test("what cannot be stored is not acknowledged, and is stored once it can be", async (t) => {
    const broker = await mosquitto(t)
    let room = false
    const { stored, reasons, source, close } = gateway(
      `${broker.directory}/journal`,
      { url: broker.url },
      (intake) => ({
        ...intake,
        submit: (message) => (room ? intake.submit(message) : Promise.reject(new Error("the disk is full"))),
      }),
    )
    t.teardown(close)
    await until(() => source.connections() === 1)
    const meter = await broker.client()
    const spy = await broker.client()
    const receipts: { verdict: string }[] = []
    spy.on("message", (_topic, payload) => receipts.push(JSON.parse(payload.toString())))
    await spy.subscribeAsync(`meters/${roof.key.meterId}/receipts`)
    await new Promise((resolve) => setTimeout(resolve, 50))
    for (const sequence of [1, 2])
      await meter.publishAsync(topicOf(roof), Buffer.from(roof.says(sequence)), { qos: 1 })
    await meter.publishAsync("meters/all/readings", "?", { qos: 1 })
    t.same(stored(), [])
    room = true
    await until(() => stored().length === 2 && reasons()["wrong-topic"] === 1 && receipts.length === 2)
    t.match(receipts, [
      { sequence: 1, verdict: "counted" },
      { sequence: 2, verdict: "counted" },
    ])
  })

  t.test(
    "hubs find meters and status there where the operator wants it, and a dead gateway is offline",
    async (t) => {
      const broker = await mosquitto(t)
      const { source, close } = gateway(`${broker.directory}/journal`, {
        url: broker.url,
        homeAssistant: true,
      })
      t.teardown(close)
      source.show(roof, { time: 1, generatedWh: 5n })
      const hub = await broker.client()
      const heard = new Map<string, string>()
      hub.on("message", (topic, payload) => heard.set(topic, payload.toString()))
      await hub.subscribeAsync(["homeassistant/#", "commonwatt/#"])
      await until(() => heard.size === 3)
      t.same([...heard.keys()].sort(), [
        `commonwatt/7/${roof.key.meterId}/state`,
        "commonwatt/7/status",
        `homeassistant/sensor/commonwatt_${roof.key.meterId}/generatedWh/config`,
      ])
      t.equal(heard.get("commonwatt/7/status"), "online")
      await close()
      await until(() => heard.get("commonwatt/7/status") === "offline")

      const script = fileURLToPath(new URL("./forgetful.test.support.js", import.meta.url))
      const killed = spawn(process.execPath, [script, broker.url], { stdio: "ignore" })
      t.teardown(() => killed.kill("SIGKILL"))
      await until(() => heard.get("commonwatt/7/status") === "online")
      killed.kill("SIGKILL")
      await until(() => heard.get("commonwatt/7/status") === "offline")
    },
  )

  t.test("to a mosquitto with certificates and a password the gateway brings its own", async (t) => {
    const directory = t.testdir({ keys: {} })
    const keys = join(directory, "keys")
    const ours = issuer(keys, "ours")
    const server = ours.issue("broker", { server: true })
    const own = ours.issue("gateway")
    const port = await freePort()
    writeFileSync(join(keys, "password"), "sunny day\n")
    writeFileSync(
      join(keys, "mosquitto.conf"),
      [
        `listener ${port} 127.0.0.1`,
        ...[`cafile ${ours.certFile}`, `certfile ${server.certFile}`, `keyfile ${server.keyFile}`],
        "require_certificate true",
        "use_identity_as_username true",
        `acl_file ${keys}/acl`,
        ...(process.getuid?.() === 0 ? ["user root"] : []),
      ].join("\n"),
    )
    writeFileSync(
      join(keys, "acl"),
      "user gateway\ntopic read meters/+/readings\ntopic read meters/+/records\ntopic write meters/+/receipts\ntopic write commonwatt/#\n\npattern write meters/0x%u/readings\npattern read meters/0x%u/receipts\n",
    )
    const child = spawn("mosquitto", ["-c", join(keys, "mosquitto.conf")], { stdio: "ignore" })
    t.teardown(() => child.kill("SIGKILL"))
    const { source, stored, close } = gateway(join(directory, "journal"), {
      url: `mqtts://localhost:${port}`,
      caFile: ours.certFile,
      passwordFile: join(keys, "password"),
      username: "gateway",
      ...own,
    })
    t.teardown(close)
    await until(() => source.connections() === 1)
    const theirs = ours.issue(roof.key.meterId.slice(2))
    const meter = await connectAsync(`mqtts://localhost:${port}`, {
      ca: readFileSync(ours.certFile),
      cert: readFileSync(theirs.certFile),
      key: readFileSync(theirs.keyFile),
    })
    t.teardown(() => meter.endAsync(true))
    while (stored().length === 0) {
      await meter.publishAsync(topicOf(roof), Buffer.from(roof.says(1)), { qos: 1 })
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    t.same(stored(), [1])
  })
}

t.test("a broker that is away is no reason not to start", async (t) => {
  const port = await freePort()
  const source = await startMqtt(
    { broker: { url: `mqtt://127.0.0.1:${port}`, clientId: "gateway" } },
    partsOf([roof], {} as Intake),
  )
  t.equal(source.connections(), 0)
  t.equal(source.port, undefined)
  await source.close()
})
