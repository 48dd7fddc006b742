import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import t from "tap"
import { type BusPlace, openBus, UnitSilent, usualBusTimes } from "./bus.ts"
import { wire, withoutPty } from "./pty.test.support.ts"
import { pymodbus, withoutPymodbus } from "./pymodbus.test.support.ts"

const words = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [i, i]))
const units = { 1: words, 7: words }
const block = (address: number, count = 1, code: 3 | 4 = 4) => ({ function: code, address, count }) as const

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

interface Peer {
  place: BusPlace
  start(): ChildProcess
}

const overTcp = (framing: "tcp" | "rtu") => async (): Promise<Peer> => {
  const port = await freePort()
  return {
    place: { name: "peer", pauseMs: 0, tcp: { host: "127.0.0.1", port, framing } },
    start: () => pymodbus({ framing, port }, units),
  }
}

const peers: Record<string, { skip: string | false; make(directory: string): Promise<Peer> }> = {
  "Modbus TCP": { skip: withoutPymodbus, make: overTcp("tcp") },
  "RTU over TCP": { skip: withoutPymodbus, make: overTcp("rtu") },
  "RTU on a serial line": {
    skip: withoutPymodbus || withoutPty,
    async make(directory) {
      const line = await wire(directory)
      t.teardown(() => line.cut())
      return {
        place: {
          name: "peer",
          pauseMs: 0,
          serial: { path: line.a, baudRate: 115_200, parity: "none", stopBits: 1 },
        },
        start: () => pymodbus({ framing: "rtu", path: line.b }, units),
      }
    },
  },
}

for (const [name, { skip, make }] of Object.entries(peers))
  t.test(
    `an independent server over ${name} is read soundly, also after it was held up, killed and started again`,
    { skip },
    async (t) => {
      const { place, start } = await make(t.testdir())
      let server = start()
      t.teardown(() => server.kill("SIGKILL"))
      const times = {
        ...usualBusTimes,
        firstMs: 250,
        mostMs: 250,
        restMs: 0,
        leastReopenMs: 50,
        mostReopenMs: 50,
      }
      const bus = openBus(place, times)
      t.teardown(() => bus.close())
      /** The first of the registers, once there is an answer. */
      const read = async (unit: number, address: number, count = 1, code: 3 | 4 = 4): Promise<number> => {
        for (;;) {
          const answer = await bus
            .unit(unit)
            .read(block(address, count, code))
            .catch((error) => error)
          if (Buffer.isBuffer(answer)) return answer.readUInt16BE(0)
          await sleep(20)
        }
      }
      t.equal(await read(1, 10), 10)
      t.equal(await read(7, 100, 125, 3), 100)
      await bus.unit(1).write(20, [2020])
      t.equal(await read(1, 20), 2020)

      server.kill("SIGSTOP")
      for (const address of [30, 31, 32])
        await t.rejects(bus.unit(1).read(block(address)), { name: UnitSilent.name })
      server.kill("SIGCONT")
      // All that it owes comes in one go.
      for (let address = 40; address < 60; address++) t.equal(await read(1, address), address)

      const gone = once(server, "exit")
      server.kill("SIGKILL")
      await gone
      await t.rejects(bus.unit(1).read(block(60)))
      server = start()
      t.equal(await read(1, 61), 61)
      t.equal(await read(7, 62, 2), 62)
    },
  )
