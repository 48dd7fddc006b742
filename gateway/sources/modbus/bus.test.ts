import ModbusSerial from "modbus-serial"
import t from "tap"
import { type Bus, BusTimeout, ModbusException, openTcpBus } from "./bus.ts"
import { modbusServer, type Request } from "./modbus-server.test.support.ts"

/** A bus to a device; both end with the test. */
async function busTo(
  t: { teardown(end: () => unknown): unknown },
  answer: (request: Request, n: number) => void,
  timeoutMs = 60_000,
) {
  const device = await modbusServer(answer)
  const bus = openTcpBus("127.0.0.1", device.port, timeoutMs)
  t.teardown(() => {
    bus.close()
    return device.close()
  })
  return { device, bus }
}

const block = (address: number, count = 1, code: 3 | 4 = 4) => ({ function: code, address, count }) as const
const wordOf = async (read: Promise<Buffer>) => (await read).readUInt16BE(0)

t.test(
  "a read says unit, function, address and count as they are, and gives the registers' bytes",
  async (t) => {
    const seen: unknown[] = []
    const { bus } = await busTo(t, (request) => {
      seen.push([request.unit, request.function, request.address, request.count])
      request.registers(Array.from({ length: request.count }, (_, i) => 0x0102 + i))
    })
    t.same(await bus.read(1, block(52, 2)), Buffer.from([1, 2, 1, 3]))
    t.same(await bus.read(247, block(40_000, 3, 3)), Buffer.from([1, 2, 1, 3, 1, 4]))
    t.same(seen, [
      [1, 4, 52, 2],
      [247, 3, 40_000, 3],
    ])
  },
)

t.test(
  "requests take turns, whoever asks and however many at once, and each gets its own answer",
  async (t) => {
    let waiting = 0
    let most = 0
    const { bus, device } = await busTo(t, (request) => {
      most = Math.max(most, ++waiting)
      setImmediate(() => {
        waiting--
        request.registers([request.address])
      })
    })
    const order: number[] = []
    const values = await Promise.all(
      Array.from({ length: 300 }, (_, i) => wordOf(bus.read(1 + (i % 3), block(i), () => order.push(i)))),
    )
    t.same(
      values,
      Array.from({ length: 300 }, (_, i) => i),
    )
    t.same(order, values, "each is told when its turn comes")
    t.equal(most, 1)
    t.equal(device.connections(), 1)
  },
)

/** What the device measures: it rises with each request, so that an old answer is noticed. */
const stale = 111
const fresh = 222

t.test("modbus-serial alone takes a late reply for the answer to a new request", async (t) => {
  let late: Request | undefined
  const device = await modbusServer((request, n) => {
    if (n === 0) {
      late = request
      return
    }
    // The reply that was late comes when its number is in use again, 256 requests later.
    if (request.transaction === late!.transaction) late!.registers([stale])
    request.registers([fresh])
  })
  const client = new (ModbusSerial as unknown as typeof ModbusSerial.default)()
  await client.connectTCP("127.0.0.1", { port: device.port })
  client.setID(1)
  client.setTimeout(20)
  t.match(await client.readInputRegisters(0, 1).catch((error) => error), { errno: "ETIMEDOUT" })
  client.setTimeout(60_000)
  const values: number[] = []
  for (let i = 0; i < 256; i++) values.push((await client.readInputRegisters(0, 1)).data[0]!)
  t.same(values.slice(0, -1), new Array(255).fill(fresh))
  t.equal(values.at(-1), stale, "this is why a bus does not keep a connection after a time-out")
  client.destroy(() => {})
  await device.close()
})

t.test("a late reply never answers a new request: after a time-out there is a new connection", async (t) => {
  let late: Request | undefined
  const { bus, device } = await busTo(
    t,
    (request, n) => {
      if (n === 0) {
        late = request
        return
      }
      late!.registers([stale])
      request.registers([fresh])
    },
    50,
  )
  await t.rejects(bus.read(9, block(0)), {
    name: "BusTimeout",
    message: "unit 9 did not answer within 50 ms",
  })
  for (let i = 0; i < 300; i++) if ((await wordOf(bus.read(1, block(0)))) !== fresh) t.fail("an old value")
  t.equal(device.connections(), 2)
})

t.test(
  "a connection that was thrown away is given back, also when the other side keeps its end open",
  async (t) => {
    const { bus, device } = await busTo(t, () => {}, 10)
    for (let i = 0; i < 5; i++) await t.rejects(bus.read(1, block(0)), BusTimeout)
    await device.allGivenBack()
    t.equal(device.connections(), 5)
  },
)

const wrong: [what: string, message: RegExp, answer: (request: Request) => void][] = [
  ["another unit's", /unit 1: .*expected address 1 got 2/, (r) => r.answer([4, 2, 0, 7], { unit: 2 })],
  ["another function's", /unit 1: .*expected code 4 got 3/, (r) => r.answer([3, 2, 0, 7])],
  ["too long", /unit 1: .*length error/, (r) => r.answer([4, 4, 0, 7, 0, 8])],
  ["too short", /unit 1: .*length error/, (r) => r.answer([4, 1, 7])],
  ["empty", /unit 1: .*length error/, (r) => r.answer([])],
  [
    "one that counts its bytes wrongly",
    /unit 1: 1 bytes came for 1 registers/,
    (r) => r.answer([4, 1, 0, 7]),
  ],
  ["one that counts too many bytes", /unit 1: .*/, (r) => r.answer([4, 200, 0, 7])],
]
for (const [what, message, answer] of wrong)
  t.test(`a reply that is ${what} is an error, and the next request has a new connection`, async (t) => {
    const { bus, device } = await busTo(t, (request, n) =>
      n === 0 ? answer(request) : request.registers([fresh]),
    )
    const failed = bus.read(1, block(0))
    const next = wordOf(bus.read(1, block(0)))
    await t.rejects(failed, { message })
    t.notOk((await failed.catch((error) => error)) instanceof BusTimeout)
    t.equal(await next, fresh)
    t.equal(device.connections(), 2)
  })

const silent: [what: string, answer: (request: Request) => void][] = [
  ["garbage", ({ socket }) => socket.write(Buffer.alloc(50, 0xff))],
  ["half a reply", ({ socket }) => socket.write(Buffer.from([0, 1, 0, 0]))],
  ["a reply of which more was announced than came", (r) => r.answer([4, 2, 0, 7], { length: 100 })],
  ["a reply with another number", (r) => r.answer([4, 2, 0, 7], { transaction: r.transaction + 1 })],
  ["nothing", () => {}],
]
for (const [what, answer] of silent)
  t.test(`${what} is no answer: a time-out, and the next request has a new connection`, async (t) => {
    const { bus, device } = await busTo(
      t,
      (request, n) => (n === 0 ? answer(request) : request.registers([fresh])),
      50,
    )
    await t.rejects(bus.read(1, block(0)), BusTimeout)
    t.equal(await wordOf(bus.read(1, block(0))), fresh)
    t.equal(device.connections(), 2)
  })

t.test("an exception is an error of the request alone: the connection stays", async (t) => {
  const { bus, device } = await busTo(t, (request, n) =>
    n === 0 ? request.answer([0x84, 2]) : request.registers([fresh]),
  )
  await t.rejects(bus.read(1, block(9)), {
    name: ModbusException.name,
    message: "unit 1 answers with exception 2",
  })
  t.equal(await wordOf(bus.read(1, block(0))), fresh)
  t.equal(device.connections(), 1)
})

t.test("a device that was started again is read again", async (t) => {
  const first = await modbusServer((request) => request.registers([stale]))
  const bus = openTcpBus("127.0.0.1", first.port)
  t.teardown(() => bus.close())
  t.equal(await wordOf(bus.read(1, block(0))), stale)
  await first.close()
  const told: string[] = []
  while (!told.at(-1)?.includes("ECONNREFUSED")) {
    const error = await bus.read(1, block(0)).catch((error) => error)
    told.push(error.message)
    if (error instanceof BusTimeout) t.fail("this costs the bus nothing")
  }
  t.ok(told.length <= 2, told.join(", "))
  const second = await modbusServer((request) => request.registers([fresh]), first.port)
  t.equal(await wordOf(bus.read(1, block(0))), fresh)
  bus.close()
  await second.close()
})

t.test("a device that hangs up when nobody asks for a while costs no read", async (t) => {
  const { bus, device } = await busTo(t, (request) => request.registers([fresh]))
  for (let i = 0; i < 3; i++) {
    t.equal(await wordOf(bus.read(1, block(0))), fresh)
    device.hangUp()
    while (device.open() > 0) await new Promise((resolve) => setImmediate(resolve))
    // The end is there; it is seen when the event loop next looks.
    for (let turns = 0; turns < 10; turns++) await new Promise((resolve) => setImmediate(resolve))
  }
  t.equal(device.connections(), 3)
})

t.test(
  "a connection that ends in the middle of a request is an error at once, not after the time-out",
  async (t) => {
    const { bus } = await busTo(t, (request, n) =>
      n === 0 ? request.socket.end() : request.registers([fresh]),
    )
    await t.rejects(bus.read(1, block(0)), { message: "unit 1: the connection was closed" })
    t.equal(await wordOf(bus.read(1, block(0))), fresh)
  },
)

t.test(
  "closing lets the request under way end, and turns away those that wait and those that come",
  async (t) => {
    const bus: { it?: Bus } = {}
    const device = await modbusServer((request) => {
      bus.it!.close()
      request.registers([fresh])
    })
    bus.it = openTcpBus("127.0.0.1", device.port)
    const reads = [bus.it.read(1, block(0)), bus.it.read(1, block(1)), bus.it.read(2, block(2))]
    t.equal(await wordOf(reads[0]!), fresh)
    for (const read of [...reads.slice(1), bus.it.read(3, block(3))])
      await t.rejects(read, { message: /is closed$/ })
    t.equal(device.requests(), 1)
    await device.allGivenBack()
    await device.close()
  },
)
