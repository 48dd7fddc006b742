import { type ChildProcess, spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { connectAsync, type MqttClient } from "mqtt"
import pino from "pino"
import { startBroker } from "../gateway/sources/mqtt/broker.ts"
import { usualLimits } from "../gateway/sources/mqtt/limits.ts"
import { createResends } from "../gateway/sources/mqtt/resends.ts"
import { isInstalled, message, start, stop } from "./process.ts"
import { median, type Options, type Row } from "./row.ts"
import { inFolder, metersOf, openStore } from "./site.ts"

const meterCount = 10
const underWay = 200
/** The bench asks what the machine bears, not what a stranger is allowed. */
const plenty = { perSecond: 1e9, burst: 1e9 }
const limits = {
  ...usualLimits,
  bytes: plenty,
  messages: plenty,
  addressBytes: plenty,
  addressMessages: plenty,
}

interface Took {
  from: number
  until: number
}

/** QoS 1 readings through the embedded broker into the journal; the same publisher through mosquitto to a subscriber. */
export async function mqttIn({ quick }: Options): Promise<Row[]> {
  const rounds = quick ? 2 : 5
  const count = quick ? 2_000 : 10_000
  const hasPeer = isInstalled("mosquitto")
  const rates = { ours: [] as number[], peer: [] as number[] }
  await inFolder(async (folder) => {
    const meters = metersOf(meterCount)
    const { journal, intake } = openStore(folder, meters)
    const parts = {
      site: 1,
      meters,
      intake,
      resends: createResends(),
      readingsPerMinute: 1e9,
      log: pino({ level: "silent" }),
    }
    const broker = await startBroker({ host: "127.0.0.1", port: 0 }, parts, limits)
    const peer = hasPeer ? await startPeer(folder) : undefined
    for (let round = 0; round < rounds; round++) {
      const first = 1 + (round * count) / meterCount
      const { from, until } = await publish(broker.port!, first, count)
      rates.ours.push((1000 * count) / (until - from))
      if (peer) rates.peer.push(await peer.rate(first, count))
    }
    await peer?.close()
    await broker.close()
    await intake.drain()
    if (journal.readings.counts().accepted !== rounds * count)
      throw new Error("Not every reading was stored.")
    journal.close()
  })
  return [
    {
      what: "MQTT in, QoS 1, acknowledged after the commit",
      ours: median(rates.ours),
      unit: "readings/s",
      better: "higher",
      ...(hasPeer && { against: { what: "mosquitto, publisher to subscriber", value: median(rates.peer) } }),
      note: hasPeer
        ? "mosquitto verifies nothing and writes nothing to a disk; what it shows is what MQTT itself costs"
        : "mosquitto is not installed here",
    },
  ]
}

async function publish(port: number, first: number, count: number, onReady?: () => void): Promise<Took> {
  const publisher = start("publisher.js", [port, meterCount, first, count, underWay].map(String))
  await message(publisher)
  onReady?.()
  publisher.send("go")
  const took = await message<Took>(publisher)
  await stop(publisher)
  return took
}

async function startPeer(folder: string) {
  const port = await freePort()
  const file = join(folder, "mosquitto.conf")
  const unbounded = "max_inflight_messages 0\nmax_queued_messages 0\n"
  writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\n${unbounded}`)
  const path = `${process.env.PATH}:/usr/sbin`
  const mosquitto: ChildProcess = spawn("mosquitto", ["-c", file], {
    stdio: "ignore",
    env: { ...process.env, PATH: path },
  })
  let subscriber: MqttClient | undefined
  for (let i = 0; !subscriber && i < 100; i++) {
    subscriber = await connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 }).catch(() => undefined)
    if (!subscriber) await new Promise((resolve) => setTimeout(resolve, 50))
  }
  if (!subscriber) throw new Error("mosquitto does not answer.")
  await subscriber.subscribeAsync("meters/+/readings", { qos: 1 })
  return {
    async rate(first: number, count: number): Promise<number> {
      let received = 0
      const all = new Promise<number>((resolve) => {
        const count1 = () => {
          if (++received < count) return
          subscriber.off("message", count1)
          resolve(Date.now())
        }
        subscriber.on("message", count1)
      })
      const { from } = await publish(port, first, count)
      return (1000 * count) / ((await all) - from)
    },
    async close() {
      await subscriber.endAsync()
      await stop(mosquitto)
    },
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() =>
        typeof address === "object" && address ? resolve(address.port) : reject(new Error()),
      )
    })
  })
}
