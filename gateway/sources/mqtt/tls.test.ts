import { spawn } from "node:child_process"
import { X509Certificate } from "node:crypto"
import { once } from "node:events"
import { copyFileSync, readFileSync, utimesSync } from "node:fs"
import { connect as connectSocket, type Socket } from "node:net"
import { connect as connectTls } from "node:tls"
import t from "tap"
import { toHex } from "../../../protocol/hex.ts"
import { start, type TestMeter, testMeter } from "../../intake.test.support.ts"
import { hashPassword } from "../../password.ts"
import { event, listen, plainly, topicOf, until } from "./broker.test.support.ts"
import { issuer, lacking, type Pair } from "./certificates.test.support.ts"
import type { MqttSettings } from "./settings.ts"
import { receiptsTopic } from "./topics.ts"

const skip = lacking("openssl", "mosquitto_pub", "mosquitto_sub")
const roof = testMeter("roof")
const other = testMeter("other roof")
const neighbour = testMeter("neighbour", { household: "0x2222222222222222222222222222222222222222" })
const meters = [roof, other, neighbour]
const nameOf = (meter: TestMeter) => meter.key.meterId.slice(2)

if (skip) t.pass(skip)
else {
  const directory = t.testdir()
  const ours = issuer(directory, "ours")
  const strangers = issuer(directory, "strangers")
  const server = ours.issue("gateway", { server: true, file: "server" })
  const certificates = {
    roof: ours.issue(nameOf(roof), { file: "roof" }),
    other: ours.issue(nameOf(other), { file: "other" }),
    stranger: strangers.issue(nameOf(roof), { file: "stranger" }),
    expired: ours.issue(nameOf(roof), { file: "expired", days: -1 }),
    nobody: ours.issue("nobody", { file: "nobody" }),
    named: ours.issue("east roof", { file: "named" }),
    hub: ours.issue("hub of anna", { file: "hub" }),
  }
  const tls = { host: "127.0.0.1", port: 0, ...server, caFile: ours.certFile }
  const of = ({ certFile, keyFile }: Pair) => ({
    ca: readFileSync(ours.certFile),
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
  })
  const files = (pair: Pair | undefined) => [
    ...["--cafile", ours.certFile],
    ...(pair ? ["--cert", pair.certFile, "--key", pair.keyFile] : []),
  ]
  const mosquitto = (program: "pub" | "sub", port: number, pair: Pair | undefined, ...args: string[]) =>
    spawn("stdbuf", [
      "-oL",
      `mosquitto_${program}`,
      "-h",
      "localhost",
      "-p",
      String(port),
      "-V",
      "mqttv311",
      ...files(pair),
      ...args,
    ])

  /** @returns the exit code of mosquitto_pub: 0 where the publish was acknowledged. */
  async function publishes(
    port: number,
    pair: Pair | undefined,
    topic: string,
    payload: Uint8Array,
  ): Promise<number> {
    const child = mosquitto("pub", port, pair, "-q", "1", "-t", topic, "-s")
    child.stdin.on("error", () => {})
    child.stdin.end(payload)
    // It goes on trying for ever where the connection is cut after it was made.
    const patience = setTimeout(() => child.kill(), 1_000)
    const [code] = await once(child, "exit")
    clearTimeout(patience)
    return code ?? 1
  }

  /** A reset is an end too, and once() would take its error for a failure. */
  const gone = (socket: Socket) => new Promise<void>((resolve) => socket.once("close", () => resolve()))

  t.test("by TLS a meter's own certificate lets it report, and no other certificate does", async (t) => {
    const { tlsPort, journal, stored, reasons } = await listen(t, meters, { settings: { tls } })
    t.equal(await publishes(tlsPort, certificates.roof, topicOf(roof), roof.says(1)), 0)
    t.same(stored(roof), [1])
    const next = testMeter("roof's next key")
    journal.keys.learn(roof.key.meterId, [
      { scheme: next.key.scheme, publicKey: toHex(next.key.publicKey), from: start + 61 },
    ])
    t.equal(await publishes(tlsPort, certificates.roof, topicOf(roof), next.says(2)), 0)
    t.same(stored(roof), [1, 2], "it goes on with certificate and topic when its key has changed")
    const bad: [string, Pair | undefined][] = [
      ["another issuer's", certificates.stranger],
      ["one that has expired", certificates.expired],
      ["one that names nobody here", certificates.nobody],
      ["none", undefined],
    ]
    const codes = await Promise.all(
      bad.map(([, pair], i) => publishes(tlsPort, pair, topicOf(roof), next.says(3 + i))),
    )
    bad.forEach(([what], i) => void t.not(codes[i], 0, what))
    t.same(stored(roof), [1, 2])
    t.same(reasons(), {}, "they were not heard at all")
  })

  t.test("a certificate is good for its own meter's topics alone", async (t) => {
    const { tlsPort, stored, reasons } = await listen(t, meters, { settings: { tls } })
    t.not(
      await publishes(tlsPort, certificates.other, topicOf(roof), roof.says(1)),
      0,
      "even with a true reading",
    )
    t.not(await publishes(tlsPort, certificates.other, receiptsTopic(other.key.meterId), roof.says(1)), 0)
    t.ok(reasons()["wrong-topic"]! >= 2)
    t.same(stored(roof), [])
    t.equal(await publishes(tlsPort, certificates.other, topicOf(other), other.says(1)), 0)
    t.same(stored(other), [1])
  })

  t.test(
    "a meter hears of its own readings what became of them, after the commit, and nobody else does",
    async (t) => {
      const { tlsPort, overTls, client, stored } = await listen(t, meters, { settings: { ...plainly, tls } })
      const heard: string[] = []
      const listener = mosquitto(
        "sub",
        tlsPort,
        certificates.roof,
        "-q",
        "1",
        "-t",
        receiptsTopic(roof.key.meterId),
        "-v",
        "-d",
      )
      t.teardown(() => listener.kill("SIGKILL"))
      let said = ""
      listener.stdout.on("data", (chunk) => {
        said += chunk
        for (const line of said.split("\n")) {
          const receipt = /^meters\/\S+\/receipts (\{.*\})$/.exec(line)?.[1]
          if (receipt && !heard.includes(receipt)) heard.push(receipt)
        }
      })
      await until(() => said.includes("SUBACK"))
      const meter = await overTls(of(certificates.roof))
      const intruder = await overTls(of(certificates.other))
      await t.rejects(intruder.subscribeAsync(receiptsTopic(roof.key.meterId)))
      await t.rejects(intruder.subscribeAsync("#"))
      const anyone = await client()
      await t.rejects(anyone.subscribeAsync(receiptsTopic(roof.key.meterId)))
      const rubbish = Buffer.from("rubbish")
      await anyone.publishAsync(topicOf(roof), rubbish, { qos: 1 })
      for (const payload of [roof.says(1), roof.says(2, { generatedWh: 0n }), roof.says(1), rubbish])
        await meter.publishAsync(topicOf(roof), Buffer.from(payload), { qos: 1 })
      await until(() => heard.length === 4)
      t.match(
        heard.map((text) => JSON.parse(text)),
        [
          { sequence: 1, verdict: "counted" },
          { sequence: 2, verdict: "in doubt", reason: "register-fell" },
          { verdict: "known" },
          { verdict: "refused", reason: "malformed" },
        ],
      )
      t.match(JSON.parse(heard[0]!).digest, /^0x[0-9a-f]{64}$/)
      t.same(stored(roof), [1, 2])
    },
  )

  t.test("a certificate can be given to a meter or a hub by its name or its fingerprint", async (t) => {
    const fingerprint = new X509Certificate(readFileSync(certificates.nobody.certFile)).fingerprint256
    const { tlsPort, stored } = await listen(t, meters, {
      settings: {
        tls,
        clients: [
          { meter: "roof", certificate: "east roof" },
          { meter: "other roof", certificate: `sha256:${fingerprint}` },
        ],
      },
    })
    t.equal(await publishes(tlsPort, certificates.named, topicOf(roof), roof.says(1)), 0)
    t.equal(await publishes(tlsPort, certificates.nobody, topicOf(other), other.says(1)), 0)
    t.same([stored(roof), stored(other)], [[1], [1]])
  })

  t.test(
    "a certificate that is revoked while the gateway runs lets nobody in, and cuts who is in",
    async (t) => {
      const fingerprint = new X509Certificate(readFileSync(certificates.nobody.certFile)).fingerprint256
      const settings: MqttSettings = {
        tls: { ...tls },
        clients: [{ meter: "other roof", certificate: `sha256:${fingerprint}` }],
      }
      const { tlsPort, overTls, stored } = await listen(t, meters, { settings })
      const client = await overTls(of(certificates.nobody))
      await client.publishAsync(topicOf(other), Buffer.from(other.says(1)), { qos: 1 })
      settings.tls!.revoked = [`sha256:${fingerprint.toLowerCase()}`]
      client.on("error", () => {})
      const cut = event(client, "close")
      client.publish(topicOf(other), Buffer.from(other.says(2)), { qos: 1 })
      await cut
      t.not(await publishes(tlsPort, certificates.nobody, topicOf(other), other.says(3)), 0)
      t.same(stored(other), [1])
    },
  )

  t.test("a hub sees its own household's meters and the gateway's status, and nothing else", async (t) => {
    const { overTls, broker } = await listen(t, meters, {
      settings: { tls, hubs: [{ name: "anna", household: roof.household, certificate: "hub of anna" }] },
    })
    broker.show(roof, { time: 1, generatedWh: 5n, powerW: 100 })
    broker.show(neighbour, { time: 1, importedWh: 7n })
    // As Home Assistant connects: with a will for a topic of its own.
    const hub = await overTls({
      ...of(certificates.hub),
      will: { topic: "homeassistant/status", payload: Buffer.from("offline"), qos: 0, retain: false },
    })
    const heard = new Map<string, string>()
    hub.on("message", (topic, payload) => heard.set(topic, payload.toString()))
    await hub.publishAsync("homeassistant/status", "online", { qos: 1 })
    for (const topic of ["#", "+/#", "meters/#", "$SYS/#"]) await t.rejects(hub.subscribeAsync(topic), topic)
    await hub.subscribeAsync(["homeassistant/+/+/+/config", "commonwatt/#"], { qos: 1 })
    const state = `commonwatt/7/${roof.key.meterId}/state`
    await until(() => heard.size === 4)
    broker.show(neighbour, { time: 2, importedWh: 8n })
    broker.show(roof, { time: 2, generatedWh: 6n, powerW: 100 })
    await until(() => heard.get(state)?.includes('"time":2') ?? false)
    t.same(
      [...heard.keys()].sort(),
      [
        state,
        "commonwatt/7/status",
        `homeassistant/sensor/commonwatt_${roof.key.meterId}/generatedWh/config`,
        `homeassistant/sensor/commonwatt_${roof.key.meterId}/powerW/config`,
      ].sort(),
    )
    t.equal(heard.get("commonwatt/7/status"), "online")
    t.equal(heard.get(state), '{"time":2,"generatedWh":6,"powerW":100}')
    const closed = event(hub, "close")
    hub.publish(topicOf(roof), Buffer.from(roof.says(1)), { qos: 1 }, () => {})
    await closed
  })

  t.test("small devices log in with a password inside TLS, where that is allowed", async (t) => {
    const passwordHash = await hashPassword("sunny day")
    const settings = {
      ...plainly,
      tls: { ...tls, passwords: true },
      clients: [{ meter: "roof", passwordHash }],
    }
    const { overTls, triesTls, tries, stored } = await listen(t, meters, { settings })
    const ca = readFileSync(ours.certFile)
    for (const username of ["roof", roof.key.meterId]) {
      const meter = await overTls({ ca, username, password: "sunny day" })
      await meter.publishAsync(topicOf(roof), Buffer.from(roof.says(stored(roof).length + 1)), { qos: 1 })
      t.ok(await meter.subscribeAsync(receiptsTopic(roof.key.meterId)))
    }
    t.same(stored(roof), [1, 2])
    for (const [username, password] of [
      ["roof", "rainy day"],
      ["nobody", "sunny day"],
      ["other roof", "sunny day"],
    ])
      await t.rejects(
        overTls({ ca, username: username!, password: password! }),
        { code: 5 },
        String(username),
      )
    await t.rejects(overTls({ ca }), { code: 5 }, "nor without any")
    const stranger = triesTls({ ...of(certificates.stranger), username: "roof", password: "sunny day" })
    await event(stranger, "close")
    t.notOk(stranger.connected, "a bad certificate is worse than none")
    const plain = tries({ username: "roof", password: "sunny day" })
    await event(plain, "close")
    t.notOk(plain.connected, "nor over plain TCP")
  })

  t.test(
    "passwords go over plain TCP, and anonymous clients are sent away, where the operator says so",
    async (t) => {
      const passwordHash = await hashPassword("sunny day")
      const settings = {
        ...plainly,
        anonymous: false,
        allowPlainPasswords: true,
        clients: [{ meter: "roof", passwordHash }],
      }
      const { client, tries, stored } = await listen(t, meters, { settings })
      const meter = await client({ username: "roof", password: "sunny day" })
      await meter.publishAsync(topicOf(roof), Buffer.from(roof.says(1)), { qos: 1 })
      t.same(stored(roof), [1])
      const anyone = tries()
      await event(anyone, "close")
      t.notOk(anyone.connected)
    },
  )

  t.test("new certificates are taken up while it runs, and broken files change nothing", async (t) => {
    const files = t.testdir({ journal: {} })
    const own = { certFile: `${files}/c.pem`, keyFile: `${files}/k.pem`, caFile: `${files}/ca.pem` }
    copyFileSync(server.certFile, own.certFile)
    copyFileSync(server.keyFile, own.keyFile)
    copyFileSync(ours.certFile, own.caFile)
    const { tlsPort } = await listen(t, meters, {
      settings: { tls: { host: "127.0.0.1", port: 0, ...own } },
      limits: { reloadMs: 20 },
      directory: `${files}/journal`,
    })
    const serial = async () => {
      const socket = connectTls({
        port: tlsPort,
        host: "127.0.0.1",
        servername: "localhost",
        ...of(certificates.roof),
      })
      socket.on("error", () => {})
      await once(socket, "secureConnect")
      const { serialNumber } = socket.getPeerCertificate()
      socket.destroy()
      return serialNumber
    }
    const before = await serial()
    const next = ours.issue("gateway", { server: true, file: "next" })
    copyFileSync(ours.certFile, own.certFile)
    utimesSync(own.certFile, 1, 1)
    await new Promise((resolve) => setTimeout(resolve, 60))
    t.equal(await serial(), before, "a certificate without its key is left alone")
    copyFileSync(next.keyFile, own.keyFile)
    copyFileSync(next.certFile, own.certFile)
    utimesSync(own.certFile, 2, 2)
    let after = before
    while (after === before) after = await serial()
    t.not(after, before)
  })

  t.test("a TLS handshake that is not done in time is cut, also one that trickles", async (t) => {
    const { tlsPort, tlsPort: port } = await listen(t, meters, {
      settings: { tls },
      limits: { connectTimeoutMs: 60 },
    })
    const sockets = [connectSocket(port, "127.0.0.1"), connectSocket(tlsPort, "127.0.0.1")]
    for (const socket of sockets) socket.on("error", () => {})
    const hello = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03])
    let sent = 0
    const trickle = setInterval(() => sockets[1]!.write(hello.subarray(sent, ++sent)), 10)
    t.teardown(() => clearInterval(trickle))
    await Promise.all(sockets.map((socket) => gone(socket)))
    t.ok(sockets.every(({ destroyed }) => destroyed))
  })

  t.test("a flood of half-open handshakes does not keep an honest meter out", async (t) => {
    const { tlsPort, stored } = await listen(t, meters, { settings: { tls }, limits: { handshakes: 4 } })
    const flood = Array.from({ length: 40 }, () => connectSocket(tlsPort, "127.0.0.1"))
    for (const socket of flood) socket.on("error", () => {})
    t.teardown(() => {
      for (const socket of flood) socket.destroy()
    })
    await Promise.all(flood.slice(0, 36).map((socket) => gone(socket)))
    t.equal(await publishes(tlsPort, certificates.roof, topicOf(roof), roof.says(1)), 0)
    t.same(stored(roof), [1])
  })

  t.test("one certificate has so many connections, and the newest ones", async (t) => {
    const { overTls } = await listen(t, meters, { settings: { tls }, limits: { connectionsPerIdentity: 2 } })
    const first = await overTls(of(certificates.roof))
    const cut = event(first, "close")
    const later = [await overTls(of(certificates.roof)), await overTls(of(certificates.roof))]
    await cut
    t.ok(later.every(({ connected }) => connected))
  })
}
