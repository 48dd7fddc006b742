import { once, setMaxListeners } from "node:events"
import { connect as connectSocket } from "node:net"
import { connectAsync } from "mqtt"
import t from "tap"
import { nativeScheme } from "../../../protocol/meter.ts"
import { curves } from "../../../protocol/ocmf/curves.ts"
import { testMeter } from "../../intake.test.support.ts"
import type { Outcome } from "../../intake.ts"
import { hashPassword } from "../../password.ts"
import { event, listen, plainly, topicOf, until } from "./broker.test.support.ts"
import { createReceive, type Publish, WrongTopic } from "./receive.ts"
import { createResends } from "./resends.ts"

const roof = testMeter("roof")

t.test("mqtt.js sends again without the DUP flag what was not acknowledged: that is no replay", async (t) => {
  let answers = 0
  const { url, stored, reasons, client } = await listen(t, [roof], {
    around: (intake) => ({
      ...intake,
      async submit(message) {
        const outcome = await intake.submit(message)
        if (++answers === 1) throw new Error("the answer is lost")
        return outcome
      },
    }),
  })
  const meter = await connectAsync(url, { reconnectPeriod: 1, protocolVersion: 4 })
  t.teardown(() => meter.endAsync(true))
  meter.on("error", () => {})
  const flags: (boolean | undefined)[] = []
  meter.on("packetsend", (packet) => {
    if (packet.cmd === "publish") flags.push(packet.dup)
  })
  await meter.publishAsync(topicOf(roof), Buffer.from(roof.says(1)), { qos: 1 })
  t.same(flags.length, 2)
  t.same([stored(roof), reasons()], [[1], {}])

  const thief = await client()
  await thief.publishAsync(topicOf(roof), Buffer.from(roof.says(1)), { qos: 1 })
  t.same(reasons(), { replayed: 1 }, "a copy from anyone else is")
  await meter.publishAsync(topicOf(roof), Buffer.from(roof.says(2)), { qos: 1 })
  await meter.publishAsync(topicOf(roof), Buffer.from(roof.says(1)), { qos: 1 })
  t.same(reasons(), { replayed: 2 }, "and so is one of its own, once it has gone on")
})

const receipts: unknown[] = []
const publish = (over: Partial<Publish>): Publish => ({
  topic: topicOf(roof),
  bytes: Uint8Array.of(1),
  source: "test",
  connection: {},
  sender: undefined,
  ownMeter: false,
  redelivered: false,
  signal: new AbortController().signal,
  ...over,
})
const authentic = (sequence: number) =>
  ({ kind: "authentic", signed: { reading: { sequence } }, verdict: { accepted: true } }) as Outcome
const refused: Outcome = { kind: "refused", reason: "malformed", detail: "", meterId: undefined }

/** @returns how a meter's readings are received, and what has come through. */
function receiving(readingsPerMinute: number, outcomes: (bytes: Uint8Array) => Outcome, now = () => 0) {
  const submitted: number[] = []
  const receive = createReceive({
    meters: [roof],
    resends: createResends(),
    readingsPerMinute,
    now,
    onReceipt: (_meterId, receipt) => receipts.push(receipt),
    intake: {
      async submit({ bytes }) {
        submitted.push(bytes[0]!)
        return outcomes(bytes)
      },
      turnAway: async () => refused,
      drain: async () => {},
    },
  })
  return { receive, submitted }
}

t.test(
  "a key holder who is too fast waits, and nothing of his is acknowledged before it is stored",
  async (t) => {
    let now = 0
    const { receive, submitted } = receiving(
      600,
      ([n]) => authentic(n!),
      () => now,
    )
    const acknowledged: number[] = []
    const all = Array.from({ length: 6000 }, () => receive(publish({})))
    await Promise.all(all)
    t.equal(submitted.length, 6000, "ten minutes' worth at once")
    const more = [7, 8, 9].map((n) =>
      receive(publish({ bytes: Uint8Array.of(n) })).then(() => void acknowledged.push(n)),
    )
    await new Promise((resolve) => setTimeout(resolve, 30))
    t.equal(submitted.length, 6000)
    t.same(acknowledged, [])
    now = 300
    await Promise.all(more)
    t.same(acknowledged.sort(), [7, 8, 9])
    t.equal(submitted.length, 6003)
  },
)

t.test("nobody can use up a meter's rate with rubbish, and who is gone waits for nothing", async (t) => {
  const { receive, submitted } = receiving(6, ([n]) => (n === 1 ? refused : authentic(n!)))
  const ends = new AbortController()
  setMaxListeners(0, ends.signal)
  const rubbish = Array.from({ length: 500 }, () => receive(publish({ signal: ends.signal })).catch(() => {}))
  await Promise.all(rubbish.slice(0, 60))
  await receive(publish({ bytes: Uint8Array.of(2) }))
  t.ok(submitted.includes(2))
  ends.abort()
  await Promise.all(rubbish)
  const slow = receiving(0.001, ([n]) => authentic(n!))
  const gone = new AbortController()
  const waits = slow.receive(publish({ signal: gone.signal }))
  gone.abort()
  await t.rejects(waits, { name: "AbortError" })
  t.same(slow.submitted, [])
})

t.test("receipts tell of what is authentic, and of rubbish to its own sender alone", async (t) => {
  receipts.length = 0
  const { receive } = receiving(Infinity, ([n]) => (n === 1 ? refused : authentic(n!)))
  await receive(publish({}))
  await receive(publish({ ownMeter: true }))
  await receive(publish({ bytes: Uint8Array.of(5) }))
  await t.rejects(receive(publish({ topic: "meters/all/readings" })), WrongTopic)
  t.match(receipts, [
    { verdict: "refused", reason: "malformed" },
    { verdict: "counted", sequence: 5 },
  ])
  t.equal(receipts.length, 2)
})

t.test("a record is handed in verbatim, in the format that its meter's scheme says", async (t) => {
  const native = { ...roof, key: { ...roof.key, scheme: nativeScheme("ocmf", curves.secp256r1) } }
  const seen: (string | undefined)[] = []
  const receive = createReceive({
    meters: [native],
    resends: createResends(),
    readingsPerMinute: Infinity,
    onReceipt() {},
    intake: {
      async submit({ bytes, format }) {
        seen.push(format, Buffer.from(bytes).toString())
        return refused
      },
      turnAway: async () => refused,
      drain: async () => {},
    },
  })
  const bytes = Buffer.from("OCMF|{}|{}")
  await receive(publish({ topic: `meters/${roof.key.meterId}/records`, bytes }))
  await receive(publish({ topic: `meters/${roof.key.meterId}/readings`, bytes }))
  t.same(seen, ["ocmf", "OCMF|{}|{}", undefined, "OCMF|{}|{}"])
})

t.test("a client that floods is held back by TCP, and an honest meter is served meanwhile", async (t) => {
  const slow = { perSecond: 1, burst: 100 }
  const { port, client, stored, reasons } = await listen(t, [roof], {
    limits: { messages: slow, refusedMessages: 1e9 },
  })
  const meter = await client()
  const flood = connectSocket(port, "127.0.0.1")
  t.teardown(() => flood.destroy())
  flood.on("error", () => {})
  await once(flood, "connect")
  flood.write(Buffer.from([0x10, 15, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 60, 0, 3, 97, 98, 99]))
  await once(flood, "readable")
  const topic = Buffer.from(topicOf(roof))
  const one = Buffer.concat([
    Buffer.from([0x30, topic.length + 5, 0, topic.length]),
    topic,
    Buffer.from("bad"),
  ])
  const block = Buffer.concat(Array.from({ length: 1000 }, () => one))
  for (let i = 0; i < 200; i++) flood.write(block)
  await until(() => (reasons().malformed ?? 0) > 0)
  for (let sequence = 1; sequence <= 50; sequence++)
    await meter.publishAsync(topicOf(roof), Buffer.from(roof.says(sequence)), { qos: 1 })
  t.equal(stored(roof).length, 50)
  t.ok(reasons().malformed! < 300, `${reasons().malformed} of 200,000 came through`)
  t.ok(flood.writableLength > 0, "the rest waits where it came from")
})

t.test("a client that does not read what it asked for is cut, and others go on hearing", async (t) => {
  const passwordHash = await hashPassword("sunny day")
  // Long names make large messages: the kernel holds some megabytes for who does not read.
  const many = Array.from({ length: 200 }, (_, i) =>
    testMeter(`roof ${i} ${"of a house with a long name ".repeat(400)}`),
  )
  const { port, client, broker } = await listen(t, many, {
    settings: {
      ...plainly,
      allowPlainPasswords: true,
      hubs: [{ name: "anna", household: roof.household, passwordHash }],
    },
  })
  const login = { username: "anna", password: "sunny day" }
  const good = await client(login)
  let heard = 0
  good.on("message", () => heard++)
  await good.subscribeAsync("homeassistant/#")
  const deaf = connectSocket(port, "127.0.0.1")
  t.teardown(() => deaf.destroy())
  deaf.on("error", () => {})
  await once(deaf, "connect")
  const text = (words: string) => [0, words.length, ...Buffer.from(words)]
  const about = [...text("MQTT"), 4, 0xc2, 0, 60, ...text("deaf"), ...text("anna"), ...text("sunny day")]
  deaf.write(Buffer.from([0x10, about.length, ...about]))
  await once(deaf, "readable")
  deaf.write(Buffer.from([0x82, 20, 0, 1, ...text("homeassistant/#"), 0]))
  await once(deaf, "readable")
  deaf.pause()
  for (const meter of many)
    broker.show(meter, { time: 1, generatedWh: 1n, importedWh: 1n, exportedWh: 1n, powerW: 1 })
  await until(() => broker.connections() === 1)
  const before = heard
  await good.subscribeAsync("commonwatt/#")
  await until(() => heard > before)
  t.ok(good.connected)
})

t.test(
  "a reading that was stored when the gateway died is known when it is sent again to the next",
  async (t) => {
    const directory = t.testdir({ journal: {} })
    const first = await listen(t, [roof], { directory: `${directory}/journal` })
    const meter = await first.client({ clientId: "roof" })
    await meter.publishAsync(topicOf(roof), Buffer.from(roof.says(1)), { qos: 1 })
    const gone = event(meter, "close")
    await first.close()
    await gone
    const { readingDigest } = await import("../../../protocol/reading.ts")
    const second = await listen(t, [roof], {
      directory: `${directory}/journal`,
      parts: { resends: createResends([readingDigest(roof.says(1))]) },
    })
    const back = await second.client({ clientId: "roof" })
    await back.publishAsync(topicOf(roof), Buffer.from(roof.says(1)), { qos: 1 })
    t.same([second.stored(roof), second.reasons()], [[1], {}])
  },
)
