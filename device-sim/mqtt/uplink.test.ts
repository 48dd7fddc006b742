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
