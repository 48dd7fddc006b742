import { type AddressInfo, createServer } from "node:net"
import { Aedes } from "aedes"
import t from "tap"
import { createUplink, maxWaiting } from "./uplink.ts"

t.test("at the bound the oldest messages are kept and new ones are not taken", async (t) => {
  const uplink = createUplink({ url: "mqtt://127.0.0.1:1" }, "meters/1/readings", "Roof", () => {})
  const message = { payload: Uint8Array.of(1), once: false }
  for (let i = 0; i < maxWaiting - 1; i++) uplink.send([message])
  t.notOk(uplink.send([message, message]), "two do not fit, and neither is taken")
  t.equal(uplink.waiting, maxWaiting - 1)
  t.ok(uplink.send([message]))
  t.notOk(uplink.send([message]))
  t.equal(uplink.waiting, maxWaiting)
  uplink.close()
})

t.test("a broker that is not there is said once, however often it is tried", async (t) => {
  const log: string[] = []
  const uplink = createUplink({ url: "mqtt://127.0.0.1:1" }, "meters/1/readings", "Roof", (line) =>
    log.push(line),
  )
  for (let i = 0; i < 50; i++) {
    uplink.tick(Date.now())
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  uplink.close()
  t.equal(log.length, 1)
  t.match(log[0], /^Roof: no connection to the broker \(.*ECONNREFUSED.*\); trying again\.$/)
})

t.test("a broker that cuts the connection at each lie meets every lie, and gets every reading", async (t) => {
  const heard: number[] = []
  const broker = await Aedes.createBroker()
  broker.authorizePublish = (_client, { payload }, done) => {
    const [number = 0] = payload as Buffer
    heard.push(number)
    done(number >= 100 ? new Error("a lie") : null)
  }
  const server = createServer(broker.handle)
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  const { port } = server.address() as AddressInfo
  const uplink = createUplink({ url: `mqtt://127.0.0.1:${port}` }, "meters/1/readings", "Roof", () => {})
  const message = (number: number) => ({ payload: Uint8Array.of(number), once: number >= 100 })
  uplink.send([1, 2, 100, 101, 3, 102, 4].map(message))
  while (uplink.waiting > 0) {
    uplink.tick(Date.now())
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  uplink.close()
  broker.close()
  server.close()
  t.strictSame(
    heard.filter((number) => number >= 100),
    [100, 101, 102],
  )
  t.strictSame([...new Set(heard.filter((number) => number < 100))], [1, 2, 3, 4])
})
