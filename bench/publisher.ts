import { connectAsync } from "mqtt"
import { metersOf, readingsOf } from "./site.ts"

/**
 * A process that publishes signed readings with QoS 1, so many under way at once, and says how long it took until the
 * last was acknowledged. Arguments: port, meters, first number, readings, under way.
 */
const [port, meterCount, first, count, underWay] = process.argv.slice(2).map(Number) as [
  number,
  number,
  number,
  number,
  number,
]
const meters = metersOf(meterCount)
const readings = readingsOf(meters, first, count)
const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4, reconnectPeriod: 0 })
let next = 0
async function publishOn(): Promise<void> {
  while (next < count) {
    const i = next++
    const { meterId } = meters[i % meterCount]!.key
    await client.publishAsync(`meters/${meterId}/readings`, Buffer.from(readings[i]!), { qos: 1 })
  }
}
process.send!("ready")
await new Promise((resolve) => process.once("message", resolve))
const from = Date.now()
await Promise.all(Array.from({ length: underWay }, publishOn))
process.send!({ from, until: Date.now() })
await client.endAsync()
process.disconnect()
