import ModbusSerial from "modbus-serial"
import t from "tap"
import { type Bus, BusDown, BusFault, type BusTimes, openBus, UnitSilent, usualBusTimes } from "./bus.ts"
import { ModbusException } from "./device.ts"
import { modbusServer, type Request } from "./modbus-server.test.support.ts"

/** Patient but for what a test says: none may hang on the machine's pace. */
const patient: BusTimes = { ...usualBusTimes, firstMs: 60_000, leastMs: 60_000, mostMs: 60_000 }
const timeoutsOf = (ms: number): BusTimes => ({ ...patient, firstMs: ms, leastMs: ms, mostMs: ms, restMs: 0 })

const networkBus = (port: number, times: BusTimes) =>
  openBus({ name: "test", pauseMs: 0, tcp: { host: "127.0.0.1", port, framing: "tcp" } }, times)

/** A bus to a device; both end with the test. */
async function busTo(
  t: { teardown(end: () => unknown): unknown },
  answer: (request: Request, n: number) => void,
  times = patient,
) {
  const device = await modbusServer(answer)
  const bus = networkBus(device.port, times)
  t.teardown(async () => {
    await bus.close()
    await device.close()
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
    t.same(await bus.unit(1).read(block(52, 2)), Buffer.from([1, 2, 1, 3]))
    t.same(await bus.unit(247).read(block(40_000, 3, 3)), Buffer.from([1, 2, 1, 3, 1, 4]))
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
      Array.from({ length: 300 }, (_, i) =>
        wordOf(bus.unit(1 + (i % 3)).read(block(i), () => order.push(i))),
      ),
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
    timeoutsOf(50),
  )
  await t.rejects(bus.unit(9).read(block(0)), {
    name: "UnitSilent",
    message: "unit 9 did not answer within 50 ms",
  })
  for (let i = 0; i < 300; i++)
    if ((await wordOf(bus.unit(1).read(block(0)))) !== fresh) t.fail("an old value")
  t.equal(device.connections(), 2)
})

t.test(
  "a connection that was thrown away is given back, also when the other side keeps its end open",
  async (t) => {
    const { bus, device } = await busTo(t, () => {}, timeoutsOf(10))
    for (let i = 0; i < 5; i++) await t.rejects(bus.unit(1).read(block(0)), UnitSilent)
    await device.allGivenBack()
    t.equal(device.connections(), 5)
  },
)

const wrong: [what: string, message: RegExp, answer: (request: Request) => void][] = [
  ["another unit's", /^unit 1: unit 2 answered in its place$/, (r) => r.answer([4, 2, 0, 7], { unit: 2 })],
  ["another function's", /^unit 1: an answer to function 3 came, not to 4$/, (r) => r.answer([3, 2, 0, 7])],
  ["too long", /^unit 1: 4 bytes came for 1 registers$/, (r) => r.answer([4, 4, 0, 7, 0, 8])],
  ["too short", /^unit 1: 1 bytes came for 1 registers$/, (r) => r.answer([4, 1, 7])],
  ["empty", /^unit 1: what came is not Modbus TCP$/, (r) => r.answer([])],
  ["garbage", /^unit 1: what came is not Modbus TCP$/, (r) => r.raw(Buffer.alloc(50, 0xff))],
  ["an exception of another unit", /^unit 1: unit 2 answered/, (r) => r.answer([0x84, 2], { unit: 2 })],
  [
    "one that counts its bytes wrongly",
    /^unit 1: 2 bytes came for 1 registers$/,
    (r) => r.answer([4, 1, 0, 7]),
  ],
  [
    "one that counts too many bytes",
    /^unit 1: 2 bytes came for 1 registers$/,
    (r) => r.answer([4, 200, 0, 7]),
  ],
]
for (const [what, message, answer] of wrong)
  t.test(`a reply that is ${what} is an error, and the next request has a new connection`, async (t) => {
    const { bus, device } = await busTo(t, (request, n) =>
      n === 0 ? answer(request) : request.registers([fresh]),
    )
    const failed = bus.unit(1).read(block(0))
    const next = wordOf(bus.unit(1).read(block(0)))
    await t.rejects(failed, { message })
    t.notOk((await failed.catch((error) => error)) instanceof UnitSilent)
    t.equal(await next, fresh)
    t.equal(device.connections(), 2)
  })

const silent: [what: string, answer: (request: Request) => void][] = [
  ["half a reply", (r) => r.raw(Buffer.from([0, 1, 0, 0]))],
  ["a reply of which more was announced than came", (r) => r.answer([4, 2, 0, 7], { length: 100 })],
  ["a reply with another number", (r) => r.answer([4, 2, 0, 7], { transaction: r.transaction + 1 })],
  ["nothing", () => {}],
]
for (const [what, answer] of silent)
  t.test(`${what} is no answer: a time-out, and the next request has a new connection`, async (t) => {
    const { bus, device } = await busTo(
      t,
      (request, n) => (n === 0 ? answer(request) : request.registers([fresh])),
      timeoutsOf(50),
    )
    await t.rejects(bus.unit(1).read(block(0)), UnitSilent)
    t.equal(await wordOf(bus.unit(1).read(block(0))), fresh)
    t.equal(device.connections(), 2)
  })

t.test("an exception is an error of the request alone: the connection stays", async (t) => {
  const { bus, device } = await busTo(t, (request, n) =>
    n === 0 ? request.answer([0x84, 2]) : request.registers([fresh]),
  )
  await t.rejects(bus.unit(1).read(block(9)), {
    name: ModbusException.name,
    message: "unit 1 answers with exception 2",
  })
  t.equal(await wordOf(bus.unit(1).read(block(0))), fresh)
  t.equal(device.connections(), 1)
})

t.test("a device that was started again is read again", async (t) => {
  const first = await modbusServer((request) => request.registers([stale]))
  const bus = networkBus(first.port, { ...patient, leastReopenMs: 0 })
  t.teardown(() => bus.close())
  t.equal(await wordOf(bus.unit(1).read(block(0))), stale)
  await first.close()
  const told: string[] = []
  while (!told.at(-1)?.includes("ECONNREFUSED")) {
    const error = (await bus
      .unit(1)
      .read(block(0))
      .catch((error) => error)) as Error
    told.push(error.message)
    if (error instanceof UnitSilent) t.fail("this costs the bus nothing")
  }
  t.ok(told.length <= 2, told.join(", "))
  await t.rejects(bus.unit(1).read(block(0)), {
    name: BusDown.name,
    message: /^127\.0\.0\.1:\d+ cannot be reached: connect ECONNREFUSED/,
    next: "Check the address and the cable.",
  })
  const second = await modbusServer((request) => request.registers([fresh]), first.port)
  t.equal(await wordOf(bus.unit(1).read(block(0))), fresh)
  bus.close()
  await second.close()
})

t.test("a device that hangs up when nobody asks for a while costs no read", async (t) => {
  const { bus, device } = await busTo(t, (request) => request.registers([fresh]))
  for (let i = 0; i < 3; i++) {
    t.equal(await wordOf(bus.unit(1).read(block(0))), fresh)
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
      n === 0 ? request.stream.end() : request.registers([fresh]),
    )
    await t.rejects(bus.unit(1).read(block(0)), {
      name: BusFault.name,
      message: "unit 1: the other side ended the connection",
    })
    t.equal(await wordOf(bus.unit(1).read(block(0))), fresh)
  },
)

t.test(
  "closing lets the request under way end, and turns away those that wait and those that come",
  async (t) => {
    const bus: { it?: Bus } = {}
    const ask = (unit: number, at: number) => bus.it!.unit(unit).read(block(at))
    const device = await modbusServer((request) => {
      void bus.it!.close()
      request.registers([fresh])
    })
    bus.it = networkBus(device.port, patient)
    const reads = [ask(1, 0), ask(1, 1), ask(2, 2)]
    t.equal(await wordOf(reads[0]!), fresh)
    for (const read of [...reads.slice(1), ask(3, 3)]) await t.rejects(read, { message: /is closed$/ })
    t.equal(device.requests(), 1)
    await device.allGivenBack()
    await device.close()
  },
)

/** A clock of one's own: it shows what it is told to. */
function handClock() {
  let time = 0
  return {
    now: () => time,
    pass(ms: number) {
      time += ms
    },
  }
}

t.test("a unit that did not answer is left alone for a minute, whoever asks; others are not", async (t) => {
  const asked: number[] = []
  const device = await modbusServer((request) => {
    asked.push(request.unit)
    if (request.unit === 1) request.registers([fresh])
  })
  const clock = handClock()
  const bus = openBus(
    { name: "test", pauseMs: 0, tcp: { host: "127.0.0.1", port: device.port, framing: "tcp" } },
    { ...usualBusTimes, firstMs: 20, leastMs: 20 },
    clock.now,
  )
  t.teardown(async () => {
    await bus.close()
    await device.close()
  })
  await t.rejects(bus.unit(9).read(block(0)), { name: UnitSilent.name, retryInMs: 60_000 })
  clock.pass(59_999)
  await t.rejects(bus.unit(9).read(block(0)), {
    message: "unit 9 did not answer and is left alone for a while",
    retryInMs: 1,
  })
  t.equal(await wordOf(bus.unit(1).read(block(0))), fresh)
  t.same(asked, [9, 1])
  clock.pass(1)
  await t.rejects(
    bus.unit(9).read(block(0)),
    { message: /did not answer within 40 ms/ },
    "and patiently then",
  )
  t.same(asked, [9, 1, 9])
})

t.test("a gateway's exception that its unit did not answer is as good as a time-out", async (t) => {
  const { bus, device } = await busTo(t, (request) => request.answer([0x84, 11]))
  await t.rejects(bus.unit(9).read(block(0)), {
    name: UnitSilent.name,
    message: "unit 9 answers with exception 11",
  })
  await t.rejects(bus.unit(9).read(block(0)), /left alone/)
  t.equal(device.requests(), 1)
})

t.test(
  "a line that cannot be opened is tried at growing distances, and asking meanwhile costs nothing",
  async (t) => {
    const device = await modbusServer((request) => request.registers([fresh]))
    await device.close()
    const clock = handClock()
    const bus = openBus(
      { name: "test", pauseMs: 0, tcp: { host: "127.0.0.1", port: device.port, framing: "tcp" } },
      usualBusTimes,
      clock.now,
    )
    t.teardown(() => bus.close())
    const rests: number[] = []
    for (let i = 0; i < 9; i++) {
      const { retryInMs } = (await bus
        .unit(1)
        .read(block(0))
        .catch((error) => error)) as BusDown
      rests.push(retryInMs)
      clock.pass(retryInMs - 1)
      await t.rejects(bus.unit(1).read(block(0)), { name: BusDown.name, retryInMs: 1 })
      clock.pass(1)
    }
    t.same(rests, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
    const again = await modbusServer((request) => request.registers([fresh]), device.port)
    t.equal(await wordOf(bus.unit(1).read(block(0))), fresh)
    await bus.close()
    await again.close()
  },
)

t.test("who answers may be another after each opening: the connection has a number", async (t) => {
  const { bus, device } = await busTo(t, (request) => request.registers([fresh]))
  await bus.unit(1).read(block(0))
  const first = bus.connection()
  await bus.unit(1).read(block(0))
  t.equal(bus.connection(), first)
  device.hangUp()
  while (bus.connection() === first) await new Promise((resolve) => setImmediate(resolve))
  const lost = bus.connection()
  await bus.unit(1).read(block(0))
  t.not(bus.connection(), first)
  t.not(bus.connection(), lost)
})

t.test("registers are written, and an answer to another write is none", async (t) => {
  const written: unknown[] = []
  const { bus } = await busTo(t, (request, n) => {
    written.push([request.unit, request.function, request.address, request.words])
    request.answer([16, 0, n === 0 ? 50 : 51, 0, 2])
  })
  await bus.unit(42).write(50, [1, 0xfffe])
  t.same(written, [[42, 16, 50, [1, 0xfffe]]])
  await t.rejects(bus.unit(42).write(50, [1, 2]), /^unit 42: the answer to another write came$/)
})

t.test("a bus that wants a rest before each request gets it, and so does a unit", async (t) => {
  const at: number[] = []
  const device = await modbusServer((request) => {
    at.push(performance.now())
    request.registers([fresh])
  })
  const bus = openBus(
    { name: "test", pauseMs: 30, tcp: { host: "127.0.0.1", port: device.port, framing: "tcp" } },
    patient,
  )
  t.teardown(async () => {
    await bus.close()
    await device.close()
  })
  for (const [unit, pauseMs] of [
    [1, 0],
    [1, 0],
    [2, 60],
  ] as const)
    await bus.unit(unit, pauseMs).read(block(0))
  t.ok(at[1]! - at[0]! >= 29, `${at[1]! - at[0]!} ms`)
  t.ok(at[2]! - at[1]! >= 59, `${at[2]! - at[1]!} ms`)
})
