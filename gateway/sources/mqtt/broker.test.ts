import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { connect as connectSocket, type Socket } from "node:net"
import { isDeepStrictEqual } from "node:util"
import { Aedes } from "aedes"
import { connectAsync, type IClientOptions, type MqttClient } from "mqtt"
import t from "tap"
import { rules, start, type TestMeter, testClock, testMeter } from "../../intake.test.support.ts"
import { createIntake, type Intake } from "../../intake.ts"
import { openJournal } from "../../journal/journal.ts"
import { event, listen, partsOf, plainly } from "./broker.test.support.ts"
import { startBroker } from "./broker.ts"

const roof = testMeter("roof")
const other = testMeter("other roof")
const stranger = testMeter("stranger")
const topicOf = (meter: TestMeter) => `meters/${meter.key.meterId}/readings`
const publish = (client: MqttClient, meter: TestMeter, bytes: Uint8Array) =>
  client.publishAsync(topicOf(meter), Buffer.from(bytes), { qos: 1 })

t.test("a meter's readings are stored as they came, and acknowledged at QoS 1 and 2", async (t) => {
  const { client, stored, journal } = await listen(t, [roof, other])
  const meter = await client()
  await publish(meter, roof, roof.says(1))
  await meter.publishAsync(topicOf(roof), Buffer.from(roof.says(2)), { qos: 2 })
  t.same(stored(roof), [1, 2])
  await meter.publishAsync(topicOf(roof), Buffer.from(roof.says(3)), { qos: 0 })
  await publish(meter, roof, roof.says(4))
  t.same(stored(roof), [1, 2, 3, 4], "at QoS 0 it is stored too")
  t.match(journal.readings.lastCounted(roof.key.meterId), {
    bytes: roof.says(4),
    received: start + 1_000_000,
  })
})

t.test("a publish at QoS 1 is acknowledged after its commit and not before", async (t) => {
  let commit = () => {}
  let submitted = () => {}
  const arrived = new Promise<void>((resolve) => {
    submitted = resolve
  })
  const { client, stored } = await listen(t, [roof, other], {
    around: (intake) => ({
      ...intake,
      async submit(message) {
        if (message.claimedMeter !== roof.key.meterId) return intake.submit(message)
        submitted()
        await new Promise<void>((resolve) => {
          commit = resolve
        })
        return intake.submit(message)
      },
    }),
  })
  const [slow, quick] = [await client(), await client()]
  const events: string[] = []
  slow.on("packetreceive", (packet) => events.push(`${packet.cmd}, ${stored(roof).length} stored`))
  const acknowledged = publish(slow, roof, roof.says(1))
  await arrived
  for (const sequence of [1, 2, 3]) await publish(quick, other, other.says(sequence))
  t.same(events, [], "others were served three times meanwhile")
  commit()
  await acknowledged
  t.same(events, ["puback, 1 stored"])
})

t.test("a reading that could not be stored is not acknowledged; sent again, it is", async (t) => {
  let attempts = 0
  const { client, stored, reasons } = await listen(t, [roof, other], {
    around: (intake) => ({
      ...intake,
      async submit(message) {
        attempts++
        if (attempts === 1) throw new Error("the disk is full")
        const outcome = await intake.submit(message)
        if (attempts === 2) throw new Error("the answer is lost")
        return outcome
      },
    }),
  })
  for (const dup of [false, true]) {
    const cut = await client()
    const closed = event(cut, "close")
    let acknowledged = false
    void cut.publishAsync(topicOf(roof), Buffer.from(roof.says(1)), { qos: 1, dup }).then(
      () => {
        acknowledged = true
      },
      () => {},
    )
    await closed
    t.notOk(acknowledged)
    t.same(stored(roof), dup ? [1] : [])
  }
  const again = await client()
  await again.publishAsync(topicOf(roof), Buffer.from(roof.says(1)), { qos: 1, dup: true })
  t.equal(attempts, 3)
  t.same(stored(roof), [1])
  t.same(reasons(), {}, "sending again what was not acknowledged is no replay")
})

/** What attackers try, each with the reason that it ends in quarantine with. */
const captured = roof.says(1)
const forged = Uint8Array.from(roof.says(2))
forged.set(other.says(2).subarray(-64), forged.length - 64)
const unsigned = Uint8Array.from(roof.says(2))
unsigned.fill(0, unsigned.length - 64)
const attacks: [what: string, reason: string, topic: string, payload: Uint8Array][] = [
  ["unsigned", "bad-signature", topicOf(roof), unsigned],
  ["signed by another's key", "bad-signature", topicOf(roof), forged],
  ["by a meter that nobody knows", "unknown-meter", topicOf(stranger), stranger.says(1)],
  ["a replay", "replayed", topicOf(roof), captured],
  ["on another meter's topic", "wrong-topic", topicOf(other), roof.says(2)],
  ["on no meter's topic", "wrong-topic", "meters/all/readings", roof.says(2)],
  ["on a topic of the broker's own", "wrong-topic", "$SYS/x/new/clients", Buffer.from("127.0.0.1:1")],
  ["too long for a reading", "oversized", topicOf(roof), Buffer.alloc(300)],
  ["too long for a packet", "oversized", topicOf(roof), Buffer.alloc(5000)],
  ["rubbish", "malformed", topicOf(roof), Buffer.from('{"wh": 1e9}')],
  ["a second story", "equivocation", topicOf(roof), roof.says(1, { generatedWh: 99n })],
]

/** Publishes once and returns how to stop trying: a client that was cut may try again for ever. */
type Attack = (url: string, topic: string, payload: Uint8Array) => Promise<() => void>

const byMqttJs: Attack = async (url, topic, payload) => {
  const client = await connectAsync(url, { reconnectPeriod: 0, protocolVersion: 4 })
  client.on("error", () => {})
  client.publish(topic, Buffer.from(payload), { qos: 1 }, () => {})
  return () => client.end(true)
}

const byMosquitto: Attack = async (url, topic, payload) => {
  const { port } = new URL(url)
  const args = ["-h", "127.0.0.1", "-p", port, "-t", topic, "-s", "-q", "1", "-V", "mqttv311"]
  const child = spawn("mosquitto_pub", args, { stdio: ["pipe", "ignore", "ignore"] })
  child.stdin.end(payload)
  return () => child.kill("SIGKILL")
}

const peers: [string, string | false, Attack][] = [
  ["mqtt.js", false, byMqttJs],
  [
    "mosquitto_pub",
    spawnSync("mosquitto_pub", ["--help"]).error ? "mosquitto_pub is not installed" : false,
    byMosquitto,
  ],
]

for (const [peer, skip, attack] of peers)
  t.test(
    `attacks by ${peer} end in quarantine with their reasons, and an honest meter loses nothing`,
    { skip },
    async (t) => {
      const { client, stored, reasons, url, journal } = await listen(t, [roof, other])
      const meter = await client()
      await publish(meter, roof, captured)
      let sequence = 10
      for (const [what, reason, topic, payload] of attacks) {
        const before = { ...reasons() }
        const stop = await attack(url, topic, payload)
        const honest = Array.from({ length: 5 }, () => publish(meter, roof, roof.says(sequence++)))
        while (isDeepStrictEqual(reasons(), before)) await new Promise((resolve) => setTimeout(resolve, 2))
        stop()
        await Promise.all(honest)
        const expected = { ...before, [reason]: (before[reason] ?? 0) + 1 }
        t.match(Object.keys(reasons()).sort(), Object.keys(expected).sort(), `${what}: ${reason}`)
        t.ok(reasons()[reason]! >= expected[reason]!)
      }
      t.same(stored(roof), [1, ...Array.from({ length: sequence - 10 }, (_, i) => 10 + i)])
      t.same(stored(other), [])
      t.equal(journal.readings.counts().accepted, 1 + sequence - 10)
      t.ok(meter.connected, "the honest meter was never cut")
    },
  )

t.test("nobody can listen, and who tries may still report", async (t) => {
  const { client, stored } = await listen(t, [roof, other])
  const [listener, meter] = [await client(), await client()]
  const heard: string[] = []
  listener.on("message", (topic) => heard.push(topic))
  for (const topic of ["#", "+/+/+", "$SYS/#", topicOf(roof)]) {
    const granted = new Promise((resolve) => {
      listener.once("packetreceive", (packet) => resolve(packet.cmd === "suback" && packet.granted))
    })
    await t.rejects(listener.subscribeAsync(topic, { qos: 1 }), topic)
    t.same(await granted, [128], "the failure code of MQTT 3.1.1, 3.9.3")
  }
  await meter.publishAsync(topicOf(roof), Buffer.from(roof.says(1)), { qos: 1, retain: true })
  await publish(listener, other, other.says(1))
  t.same(heard, [])
  t.same([stored(roof), stored(other)], [[1], [1]])
})

t.test("a retained reading is stored like any other, and the broker keeps nothing for later", async (t) => {
  const seen: [string, boolean][] = []
  const original = Aedes.prototype.publish
  t.teardown(() => {
    Aedes.prototype.publish = original
  })
  Aedes.prototype.publish = function (this: Aedes, ...args: Parameters<typeof original>) {
    seen.push([args[0].topic, Boolean(args[0].retain)])
    return original.apply(this, args)
  }
  const { client, stored } = await listen(t, [roof, other])
  const meter = await client()
  for (const qos of [1, 2] as const)
    await meter.publishAsync(topicOf(roof), Buffer.from(roof.says(qos)), { qos, retain: true })
  t.same(stored(roof), [1, 2])
  t.same(
    seen.filter(([topic]) => topic === topicOf(roof)),
    [
      [topicOf(roof), false],
      [topicOf(roof), false],
    ],
  )
})

t.test("wills, sessions that outlast their connection, and endless silence are not offered", async (t) => {
  const { tries, stored, reasons } = await listen(t, [roof, other])
  const refused: [string, IClientOptions][] = [
    ["a will", { will: { topic: topicOf(roof), payload: Buffer.from(roof.says(1)), qos: 1, retain: true } }],
    ["a persistent session", { clean: false, clientId: "meter" }],
    ["no keep-alive", { keepalive: 0 }],
    ["a keep-alive of an hour", { keepalive: 3600 }],
    ["MQTT 5", { protocolVersion: 5 }],
  ]
  for (const [what, options] of refused) {
    const client = tries(options)
    let connected = false
    client.on("connect", () => {
      connected = true
    })
    await event(client, "close")
    t.notOk(connected, what)
  }
  t.same(stored(roof), [], "a will leaves nothing")
  t.same(reasons(), {})
})

t.test("a client cannot push another out by taking its name", async (t) => {
  const { client, stored, broker } = await listen(t, [roof, other])
  const meter = await client({ clientId: "roof" })
  const impostors = [await client({ clientId: "roof" }), await client({ clientId: "roof" })]
  for (const impostor of impostors) await publish(impostor, other, Buffer.from("rubbish"))
  await publish(meter, roof, roof.says(1))
  t.ok(meter.connected)
  t.equal(broker.connections(), 3)
  t.same(stored(roof), [1])
})

/** A TCP connection that says what it is told to. */
async function raw(port: number, bytes: Uint8Array = new Uint8Array()): Promise<Socket> {
  const socket = connectSocket(port, "127.0.0.1")
  socket.on("error", () => {})
  await once(socket, "connect")
  socket.resume()
  if (bytes.length > 0) socket.write(bytes)
  return socket
}
/** A reset is an end too. */
const gone = (socket: Socket) =>
  new Promise<void>((resolve) => {
    if (socket.destroyed) resolve()
    else socket.once("close", () => resolve())
  })
const half = Uint8Array.from([0x10, 20, 0, 4, 0x4d, 0x51])

t.test("one address has so many connections and no more, until it gives one back", async (t) => {
  const { client, tries, port } = await listen(t, [roof, other], { limits: { connectionsPerAddress: 3 } })
  const clients = [await client(), await client()]
  const idle = await raw(port)
  const fourth = tries()
  await event(fourth, "close")
  t.notOk(fourth.connected)
  idle.destroy()
  await gone(idle)
  // The broker hears of it a little later than we do.
  for (let inside = false; !inside; ) {
    const fifth = tries()
    inside = await Promise.race([
      event(fifth, "connect").then(() => true),
      event(fifth, "close").then(() => false),
    ])
  }
  t.ok(clients.every(({ connected }) => connected))
})

t.test(
  "when there are too many connections, those go first that have sent no reading, the oldest first",
  async (t) => {
    const { client, port, stored } = await listen(t, [roof, other], { limits: { connections: 4 } })
    const proven = await client()
    await publish(proven, roof, roof.says(1))
    const idle = [await raw(port), await raw(port), await raw(port)]
    const left: number[] = []
    const closed = idle.map((socket, i) => gone(socket).then(() => left.push(i)))
    const late = await client()
    await closed[0]
    await publish(late, other, other.says(1))
    const flood = await Promise.all(Array.from({ length: 20 }, () => raw(port)))
    await Promise.all(closed)
    t.same(left, [0, 1, 2])
    await publish(proven, roof, roof.says(2))
    await publish(late, other, other.says(2))
    t.same(
      [stored(roof), stored(other)],
      [
        [1, 2],
        [1, 2],
      ],
    )
    t.ok(proven.connected && late.connected)
    for (const socket of flood) socket.destroy()
  },
)

t.test("a client is cut after 100 messages that are refused, and may come back", async (t) => {
  const { client, stored, reasons } = await listen(t, [roof, other])
  const loud = await client()
  const closed = event(loud, "close")
  let acknowledged = 0
  loud.on("packetreceive", (packet) => {
    if (packet.cmd === "puback") acknowledged++
  })
  for (let i = 0; i < 99; i++) await publish(loud, roof, Buffer.from("rubbish"))
  await publish(loud, roof, roof.says(1))
  t.ok(loud.connected, "what is in order does not count")
  const hundredth = publish(loud, roof, Buffer.from("rubbish")).catch(() => {})
  await closed
  t.equal(acknowledged, 100)
  t.same(reasons(), { malformed: 100 })
  loud.end(true)
  await hundredth
  const again = await client()
  await publish(again, roof, roof.says(2))
  t.same(stored(roof), [1, 2])
})

t.test("a connection that does not say CONNECT in time, or only half of it, is cut", async (t) => {
  const { port } = await listen(t, [roof, other], { limits: { connectTimeoutMs: 30 } })
  const sockets = [await raw(port), await raw(port, half), await raw(port, Uint8Array.of(0x10))]
  await Promise.all(sockets.map((socket) => gone(socket)))
  t.ok(sockets.every((socket) => socket.destroyed))
})

t.test("what is no MQTT is cut, and the broker goes on", async (t) => {
  const { port, client, stored } = await listen(t, [roof, other])
  for (const bytes of [
    Buffer.from("GET / HTTP/1.1\r\n\r\n"),
    Buffer.alloc(100, 0xff),
    Buffer.from([0x30, 5, 0, 1, 97, 1, 1]),
  ]) {
    const socket = await raw(port, bytes)
    await gone(socket)
  }
  await publish(await client(), roof, roof.says(1))
  t.same(stored(roof), [1])
})

t.test(
  "a packet that is too large is told of in quarantine with its size, and its connection is cut",
  async (t) => {
    const { port, journal } = await listen(t, [roof, other])
    const socket = await raw(port, Uint8Array.from([0x10, 0x80, 0x84, 0xaf, 0x5f]))
    await gone(socket)
    while (journal.quarantine.counts().size === 0) await new Promise((resolve) => setImmediate(resolve))
    t.match(journal.quarantine.newest(1), [
      {
        source: "mqtt 127.0.0.1",
        reason: "oversized",
        detail: /announced, a packet has at most 1024; the connection was cut/,
      },
    ])
  },
)

t.test("closing ends every connection, also those that never said CONNECT", async (t) => {
  const journal = openJournal(t.testdir(), [roof])
  const intake = createIntake([roof], journal, rules, testClock(start + 3600))
  const broker = await startBroker(plainly, partsOf([roof], intake))
  const port = broker.port!
  const sockets = [await raw(port), await raw(port, half)]
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, {
    reconnectPeriod: 0,
    protocolVersion: 4,
  })
  const closed = [...sockets.map((socket) => gone(socket)), event(client, "close")]
  await broker.close()
  await Promise.all(closed)
  await t.rejects(once(connectSocket(port, "127.0.0.1"), "connect"), { code: "ECONNREFUSED" })
  journal.close()
})

t.test("a port that is taken is an error at once", async (t) => {
  const { port } = await listen(t, [roof, other])
  const nobody = {} as Intake
  await t.rejects(startBroker({ host: "127.0.0.1", port }, partsOf([roof], nobody)), {
    code: "EADDRINUSE",
  })
})
