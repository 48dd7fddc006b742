import { setTimeout as sleep } from "node:timers/promises"
import ModbusSerial from "modbus-serial"
import t from "tap"
import { BusDown, BusFault, type BusPlace, type BusTimes, openBus, UnitSilent, usualBusTimes } from "./bus.ts"
import { ModbusException } from "./device.ts"
import { type Answer, modbusServer, type Request, serve } from "./modbus-server.test.support.ts"
import { devicePort, wire, withoutPty } from "./pty.test.support.ts"

type Tap = Pick<typeof t, "teardown" | "testdir">

/** Time-outs of so many ms, and no rest after them: what is asked is asked at once. */
const timeoutsOf = (ms: number): BusTimes => ({
  ...usualBusTimes,
  firstMs: ms,
  leastMs: ms,
  mostMs: ms,
  restMs: 0,
  leastReopenMs: 0,
})
const patient = timeoutsOf(60_000)

const block = (address: number, count = 1, code: 3 | 4 = 4) => ({ function: code, address, count }) as const
const wordOf = async (read: Promise<Buffer>) => (await read).readUInt16BE(0)

/** A device that says which register was asked for: RTU replies do not, so that a wrong one shows. */
const itsAddress = (request: Request, add = 0) =>
  Array.from({ length: request.count }, (_, i) => request.address + add + i)
const sound: Answer = (request) => request.registers(itsAddress(request))

/** The two ways that RTU frames take. */
const transports: Record<string, { skip: string | false; open(t: Tap, answer: Answer): Promise<BusPlace> }> =
  {
    "a serial line": {
      skip: withoutPty,
      async open(t, answer) {
        const line = await wire(t.testdir())
        const device = await devicePort(t, line.b)
        let n = 0
        serve(device, "rtu", (request) => answer(request, n++))
        t.teardown(() => line.cut())
        return {
          name: "line",
          pauseMs: 0,
          serial: { path: line.a, baudRate: 115_200, parity: "none", stopBits: 1 },
        }
      },
    },
    "RTU over TCP": {
      skip: false,
      async open(t, answer) {
        const device = await modbusServer(answer, 0, "rtu")
        t.teardown(() => device.close())
        return { name: "server", pauseMs: 0, tcp: { host: "127.0.0.1", port: device.port, framing: "rtu" } }
      },
    },
  }

for (const [name, { skip, open }] of Object.entries(transports))
  t.test(`over ${name}`, { skip }, async (t) => {
    /** A unit to ask on a bus with a device that answers as told. */
    async function unitOf(t: Tap, answer: Answer, times = patient) {
      const bus = openBus(await open(t, answer), times)
      t.teardown(() => bus.close())
      return bus.unit(1)
    }

    t.test("registers are read and written, of any number", async (t) => {
      const seen: unknown[] = []
      const unit = await unitOf(t, (request) => {
        seen.push([request.unit, request.function, request.address, request.count, request.words])
        if (request.function === 16) request.answer([16, 0, request.address, 0, request.count])
        else sound(request, 0)
      })
      t.same(await unit.read(block(52, 2)), Buffer.from([0, 52, 0, 53]))
      t.equal((await unit.read(block(1000, 125, 3))).readUInt16BE(2 * 124), 1124)
      await unit.write(50, [7, 0xffff])
      t.same(seen, [
        [1, 4, 52, 2, []],
        [1, 3, 1000, 125, []],
        [1, 16, 50, 2, [7, 0xffff]],
      ])
    })

    t.test("requests take turns, however many at once, and each gets its own answer", async (t) => {
      let waiting = 0
      let most = 0
      const unit = await unitOf(t, (request, n) => {
        most = Math.max(most, ++waiting)
        setImmediate(() => {
          waiting--
          sound(request, n)
        })
      })
      const addresses = Array.from({ length: 50 }, (_, i) => i)
      t.same(await Promise.all(addresses.map((address) => wordOf(unit.read(block(address))))), addresses)
      t.equal(most, 1)
    })

    t.test(
      "a late reply answers no later request of its shape, though nothing in it tells them apart",
      async (t) => {
        const late: Request[] = []
        const unit = await unitOf(
          t,
          (request, n) => {
            if (n === 0) return late.push(request)
            // In order, as a device answers: what it owed first.
            for (const owed of late.splice(0)) sound(owed, 0)
            sound(request, n)
          },
          timeoutsOf(100),
        )
        await t.rejects(unit.read(block(10)), { name: UnitSilent.name })
        for (const address of [20, 21, 22, 23, 24]) t.equal(await wordOf(unit.read(block(address))), address)
      },
    )

    t.test("a lost reply is no other's loss", async (t) => {
      const unit = await unitOf(t, (request, n) => n > 0 && sound(request, n), timeoutsOf(100))
      await t.rejects(unit.read(block(10)), {
        name: UnitSilent.name,
        message: /did not answer within \d+ ms$/,
      })
      for (const address of [20, 21]) t.equal(await wordOf(unit.read(block(address))), address)
    })

    const flip = (frame: Buffer, at: number) => {
      frame[at]! ^= 0x10
      return frame
    }
    const dataOf = (request: Request) => [request.function, 2, 0xab, 0xcd]
    const broken: Record<string, (request: Request) => void> = {
      "with a wrong CRC": (r) => r.raw(flip(r.frame(dataOf(r)), 4)),
      "cut off": (r) => r.raw(r.frame(dataOf(r)).subarray(0, 4)),
      "of one byte": (r) => r.raw(Uint8Array.of(0xff)),
      "that says another number of bytes than it has": (r) => r.raw(flip(r.frame(dataOf(r)), 2)),
    }
    for (const [what, answer] of Object.entries(broken))
      t.test(`a reply ${what} is an error at once, and the next requests are answered soundly`, async (t) => {
        const unit = await unitOf(t, (request, n) => (n === 0 ? answer(request) : sound(request, n)))
        await t.rejects(unit.read(block(10)), { name: BusFault.name, message: /^unit 1: \d bytes came/ })
        for (const address of [20, 21]) t.equal(await wordOf(unit.read(block(address))), address)
      })

    const others: Record<string, (request: Request) => void> = {
      "another unit's": (r) => r.answer(dataOf(r), { unit: 2 }),
      "another unit's exception": (r) => r.answer([0x84, 2], { unit: 2 }),
      "to another function": (r) => r.answer([3, 2, 0xab, 0xcd]),
      "of another length": (r) => r.answer([4, 4, 0xab, 0xcd, 0xab, 0xcd]),
    }
    for (const [what, answer] of Object.entries(others)) {
      t.test(`a reply that is ${what} is no answer`, async (t) => {
        const unit = await unitOf(
          t,
          (request, n) => (n === 0 ? answer(request) : sound(request, n)),
          timeoutsOf(100),
        )
        await t.rejects(unit.read(block(10)), {
          name: UnitSilent.name,
          message: /; \d bytes came that are no/,
        })
        for (const address of [20, 21]) t.equal(await wordOf(unit.read(block(address))), address)
      })

      t.test(`a reply that is ${what} does not keep the answer from being found behind it`, async (t) => {
        const unit = await unitOf(t, (request, n) => {
          if (n === 0) answer(request)
          sound(request, n)
        })
        for (const address of [10, 11]) t.equal(await wordOf(unit.read(block(address))), address)
      })
    }

    t.test("noise before a reply, behind it and between requests costs no read", async (t) => {
      const unit = await unitOf(t, (request, n) => {
        if (n === 0) request.raw(Uint8Array.of(0, 0xff, 1, 4))
        sound(request, n)
        if (n === 1) request.raw(Uint8Array.of(1, 4, 2, 0xab, 0xcd))
      })
      for (const address of [10, 11, 12, 13]) {
        t.equal(await wordOf(unit.read(block(address))), address)
        await sleep(20)
      }
    })

    t.test("a reply that comes twice answers once", async (t) => {
      const unit = await unitOf(t, (request, n) => {
        sound(request, n)
        request.registers(itsAddress(request, 1000))
      })
      for (const address of [10, 11, 12]) {
        t.equal(await wordOf(unit.read(block(address))), address)
        await sleep(10)
      }
    })

    t.test("an exception is an error of the request alone", async (t) => {
      const unit = await unitOf(t, (request, n) => (n === 0 ? request.answer([0x84, 2]) : sound(request, n)))
      await t.rejects(unit.read(block(10)), { name: ModbusException.name, code: 2 })
      t.equal(await wordOf(unit.read(block(11))), 11)
    })

    t.test("an exception that comes late does not settle what is owed", async (t) => {
      let owed: Request | undefined
      const unit = await unitOf(
        t,
        (request, n) => {
          if (n === 0) owed = request
          else if (n === 1) {
            owed!.answer([0x84, 4])
            // The second's own answer comes when a third is asked.
            owed = request
          } else {
            if (owed) sound(owed, n)
            owed = undefined
            sound(request, n)
          }
        },
        timeoutsOf(100),
      )
      await t.rejects(unit.read(block(10)), { name: UnitSilent.name })
      await t.rejects(unit.read(block(20)), {
        message: "unit 1: an answer to an earlier request may still come",
      })
      for (const address of [30, 31, 32]) t.equal(await wordOf(unit.read(block(address))), address)
    })

    t.test(
      "whatever goes wrong, in whatever order, a value is of the register that was asked for",
      async (t) => {
        const owed: Request[] = []
        const settle = () => {
          for (const request of owed.splice(0)) sound(request, 0)
        }
        const kinds: Answer[] = [
          (r) => owed.push(r),
          () => {},
          (r) => {
            settle()
            r.raw(flip(r.frame(dataOf(r)), 4))
          },
          (r) => {
            settle()
            r.raw(r.frame(dataOf(r)).subarray(0, 5))
          },
          (r) => r.answer(dataOf(r), { unit: 2 }),
          (r, n) => {
            settle()
            r.raw(Uint8Array.of(0xff, 1))
            sound(r, n)
          },
        ]
        let seed = 1
        const random = (below: number) => {
          seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff
          return (seed >> 8) % below
        }
        const unit = await unitOf(
          t,
          (request, n) => {
            if (random(2) === 0) return kinds[random(kinds.length)]!(request, n)
            settle()
            sound(request, n)
          },
          timeoutsOf(15),
        )
        const reads = name === "a serial line" ? 60 : 16
        let right = 0
        for (let address = 1000; address < 1000 + reads; address++) {
          const value = await wordOf(unit.read(block(address, 1 + random(2)))).catch((error) => error)
          if (value instanceof Error) continue
          right++
          if (value !== address) t.fail(`${value} for ${address}`)
        }
        t.ok(right > reads / 8, `${right} of ${reads} reads went well`)
      },
    )
  })

t.test(
  "modbus-serial alone is off by one after a late reply, with a valid CRC each time",
  { skip: withoutPty },
  async (t) => {
    const line = await wire(t.testdir())
    const device = await devicePort(t, line.b)
    const client = new (ModbusSerial as unknown as typeof ModbusSerial.default)()
    const waiting: Request[] = []
    serve(device, "rtu", (request) => {
      waiting.push(request)
      // It answers each request when the next one comes: the first one too late.
      if (waiting.length > 1) sound(waiting.shift()!, 0)
    })
    await client.connectRTUBuffered(line.a, { baudRate: 115_200 })
    client.setID(1)
    client.setTimeout(50)
    await t.rejects(client.readInputRegisters(10, 1))
    client.setTimeout(60_000)
    const values: number[] = []
    for (const address of [11, 12, 13]) values.push((await client.readInputRegisters(address, 1)).data[0]!)
    t.same(values, [10, 11, 12], "this is why no reply is taken that may be another's")
    await new Promise<void>((resolve) => client.close(() => resolve()))
    t.teardown(() => line.cut())
  },
)

t.test(
  "an adapter that is pulled out and plugged in again is used again",
  { skip: withoutPty },
  async (t) => {
    const directory = t.testdir()
    let line = await wire(directory)
    let device = await devicePort(t, line.b)
    serve(device, "rtu", (request) => sound(request, 0))
    const bus = openBus(
      { name: "usb", pauseMs: 0, serial: { path: line.a, baudRate: 9600, parity: "none", stopBits: 1 } },
      patient,
    )
    const read = (address: number) => wordOf(bus.unit(1).read(block(address)))
    t.equal(await read(10), 10)
    const before = bus.connection()
    await line.cut()
    while (bus.connection() === before) await sleep(5)
    await t.rejects(read(11), {
      name: BusDown.name,
      message: `there is no serial port ${line.a}`,
      next: /Plug the adapter in/,
    })
    line = await wire(directory)
    device = await devicePort(t, line.b)
    serve(device, "rtu", (request) => sound(request, 0))
    t.equal(await read(12), 12)
    await bus.close()
    t.teardown(() => line.cut())
  },
)

t.test(
  "an adapter that is pulled out in the middle of a request is an error at once",
  { skip: withoutPty },
  async (t) => {
    const line = await wire(t.testdir())
    const device = await devicePort(t, line.b)
    serve(device, "rtu", () => void line.cut())
    const bus = openBus(
      { name: "usb", pauseMs: 0, serial: { path: line.a, baudRate: 9600, parity: "none", stopBits: 1 } },
      patient,
    )
    await t.rejects(bus.unit(1).read(block(10)), { name: BusFault.name, message: /^unit 1: / })
    await bus.close()
  },
)

t.test("a serial port serves one program, and who comes second is told", { skip: withoutPty }, async (t) => {
  const line = await wire(t.testdir())
  const device = await devicePort(t, line.b)
  serve(device, "rtu", (request) => sound(request, 0))
  const place: BusPlace = {
    name: "line",
    pauseMs: 0,
    serial: { path: line.a, baudRate: 9600, parity: "none", stopBits: 1 },
  }
  const [first, second] = [openBus(place, patient), openBus(place, patient)]
  t.equal(await wordOf(first.unit(1).read(block(10))), 10)
  await t.rejects(second.unit(1).read(block(11)), {
    name: BusDown.name,
    message: `another program has the serial port ${line.a}`,
    next: /stop the gateway first/,
  })
  await first.close()
  t.equal(await wordOf(second.unit(1).read(block(12))), 12)
  await second.close()
  t.teardown(() => line.cut())
})
