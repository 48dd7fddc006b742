import { execFile } from "node:child_process"
import { connect, type Socket } from "node:net"
import { promisify } from "node:util"
import t from "tap"
import type { Line, Unit } from "../devices/device.ts"
import { lineAt } from "../devices/line.ts"
import { sdm630 } from "../devices/sdm630.ts"
import { registerBytes } from "./image.ts"
import { startBus } from "./server.ts"

const run = promisify(execFile)
const meter = {
  name: "Roof",
  home: "Home 1",
  measures: "generation",
  kind: "modbus",
  device: "sdm630",
  bus: "Shed",
  unit: 1,
  serial: 0x12345678,
} as const
const grid = { ...meter, name: "Grid", measures: "grid", unit: 7 } as const
const time = 1_750_000_000
const registers = { generatedWh: 48_213_407n, importedWh: 1_234_567n, exportedWh: 7_654_321n }
const layout = { phases: 3, generationIs: "import" } as const
const roof = { ...registers, importedWh: 0n, exportedWh: 0n }
const street = { ...registers, generatedWh: 0n }
const roofLine = lineAt(meter, { registers: roof, powerW: 4321, readable: true }, time, layout)
const gridLine = lineAt(grid, { registers: street, powerW: -2500, readable: true }, time, layout)
const unitOn = (line: Line): Unit => ({
  maxRegisters: sdm630.maxRegisters,
  read: (table, address, count) => registerBytes(sdm630, table, address, count, line),
})
const units = new Map([
  [1, unitOn(roofLine)],
  [7, unitOn(gridLine)],
])
const bus = await startBus({ name: "Shed", host: "127.0.0.1", port: 0 }, units)
t.teardown(() => bus.close())

const floatWords = (...values: number[]) => {
  const view = new DataView(new ArrayBuffer(4 * values.length))
  for (const [i, value] of values.entries()) view.setFloat32(4 * i, value)
  return Buffer.from(view.buffer).toString("hex")
}

function open(): Socket {
  return connect(bus.port, "127.0.0.1")
}

/** The bytes that come back within a quarter of a second, or until the other side closes. */
async function exchange(...parts: string[]): Promise<{ answer: string; closed: boolean }> {
  const socket = open()
  let answer = ""
  let closed = false
  socket.on("data", (bytes) => {
    answer += bytes.toString("hex")
  })
  socket.on("error", () => {})
  socket.on("close", () => {
    closed = true
  })
  for (const part of parts) {
    socket.write(Buffer.from(part.replaceAll(" ", ""), "hex"))
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await new Promise((resolve) => setTimeout(resolve, 200))
  const wasClosed = closed
  socket.destroy()
  return { answer, closed: wasClosed }
}

const mbpoll = await run("mbpoll", ["-V"]).then(
  () => true,
  () => false,
)
const skip = mbpoll ? {} : { skip: "mbpoll is not installed" }

/** What mbpoll reads, as hexadecimal. */
async function poll(unit: number, type: "3" | "4", address: number, count: number): Promise<string> {
  const { stdout } = await run("mbpoll", [
    ...["-1", "-0", "-B", "-m", "tcp", "-p", String(bus.port), "-a", String(unit)],
    ...["-t", `${type}:hex`, "-r", String(address), "-c", String(count), "127.0.0.1"],
  ])
  return Array.from(stdout.matchAll(/^\[\d+\]:\s+0x([0-9A-F]{4})$/gm), ([, word]) =>
    word!.toLowerCase(),
  ).join("")
}

t.test("mbpoll reads the SDM630 exactly", skip, async (t) => {
  t.equal(await poll(1, "3", 0x48, 4), floatWords(48_213.407, 0), "generation is counted as import")
  t.equal(await poll(7, "3", 0x48, 4), floatWords(1_234.567, 7_654.321))
  t.equal(await poll(1, "3", 0x34, 2), floatWords(4321))
  t.equal(await poll(7, "3", 0x34, 2), floatWords(-2500))
  t.equal(await poll(1, "3", 0x00, 6), floatWords(...roofLine.phases.map(({ volts }) => volts)))
  t.equal(await poll(1, "4", 0x0a, 2), floatWords(3), "three phases, four wires")
  t.equal(await poll(7, "4", 0x14, 2), floatWords(7), "its own address")
  t.equal(await poll(1, "4", 0xfc00, 2), "12345678")
})

t.test("mbpoll meets an exception and exits with 1", skip, async (t) => {
  await t.rejects(poll(1, "3", 0x017d, 2), { code: 1, stderr: /Illegal data address/ })
  await t.rejects(poll(9, "3", 0x48, 2), { code: 1, stderr: /Target device failed to respond/ })
})

t.test("a read may span values, begin inside one, and meet unused addresses that read 0", async (t) => {
  const { answer } = await exchange("0001 0000 0006 01 04 0047 0004")
  const words = floatWords(roofLine.frequencyHz).slice(4) + floatWords(48_213.407) + floatWords(0).slice(0, 4)
  t.equal(answer, `0001000000 0b 01 04 08 ${words}`.replaceAll(" ", ""))
  const unused = await exchange("0002 0000 0006 01 04 0050 0050")
  t.equal(unused.answer, `0002000000a30104a0${"00".repeat(160)}`)
})

t.test("exceptions say what is wrong with a request", async (t) => {
  for (const [request, exception, why] of [
    ["01 04 017d 0002", "01 84 02", "past the end of the map"],
    ["01 03 003c 0002", "01 83 02", "no such holding registers"],
    ["01 04 0000 0000", "01 84 03", "no registers"],
    ["01 04 0000 0051", "01 84 03", "81 registers, one more than the device gives"],
    ["01 04 ffff 0050", "01 84 02", "beyond 65,535"],
    ["01 06 0000 0001", "01 86 01", "writing"],
    ["01 01 0000 0001", "01 81 01", "coils"],
    ["09 04 0000 0002", "09 84 0b", "a unit that is not there"],
  ] as const) {
    const { answer } = await exchange(`abcd 0000 0006 ${request}`)
    t.equal(answer, `abcd00000003${exception}`.replaceAll(" ", ""), why)
  }
  const short = await exchange("abcd 0000 0004 01 04 0000")
  t.equal(short.answer, "abcd00000003018403", "half a request")
})

t.test("frames may come in pieces or together", async (t) => {
  const pieces = await exchange("00", "01 0000 00", "06 01 04 0034", "0002")
  t.equal(pieces.answer, `000100000007010404${floatWords(4321)}`)
  const both = await exchange("0001 0000 0006 01 04 0034 0002 0002 0000 0006 07 04 0034 0002")
  t.equal(both.answer, `000100000007010404${floatWords(4321)}000200000007070404${floatWords(-2500)}`)
})

t.test("what cannot be Modbus ends its connection and no other", async (t) => {
  const steady = open()
  for (const garbage of [
    "4745 5420 2f20 4854 5450",
    "0001 1234 0006 01 04 0000 0001",
    "0001 0000 ffff 01",
    "0001 0000 0000",
  ])
    t.same(await exchange(garbage), { answer: "", closed: true }, garbage)
  const reply = new Promise<string>((resolve) =>
    steady.once("data", (bytes) => resolve(bytes.toString("hex"))),
  )
  steady.write(Buffer.from("000100000006010400340002", "hex"))
  t.equal(await reply, `000100000007010404${floatWords(4321)}`)
  steady.destroy()
})

t.test("a client that asks and never reads does not fill the memory", async (t) => {
  const deaf = open()
  deaf.pause()
  deaf.on("error", () => {})
  const request = Buffer.from("000100000006010400000050", "hex")
  const many = Buffer.concat(Array.from({ length: 2000 }, () => request))
  const before = process.memoryUsage().rss
  for (let i = 0; i < 200 && deaf.write(many); i++) await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.ok(process.memoryUsage().rss - before < 100_000_000)
  deaf.destroy()
  t.equal((await exchange("0001 0000 0006 01 04 0034 0002")).answer.length, 26)
})

t.test("a taken port is said in words", async (t) => {
  await t.rejects(startBus({ name: "Shed", host: "127.0.0.1", port: bus.port }, units), {
    message: `Bus "Shed" cannot listen on 127.0.0.1:${bus.port}: another program listens there.`,
  })
})

t.test("currents, voltages and powers of a line agree", async (t) => {
  for (const { volts, amperes, voltAmperes, watts, vars, powerFactor } of [
    ...roofLine.phases,
    ...gridLine.phases,
  ]) {
    t.ok(volts > 226 && volts < 234)
    t.ok(Math.abs(volts * amperes - voltAmperes) < 1e-9)
    t.ok(Math.abs(watts ** 2 + vars ** 2 - voltAmperes ** 2) < 1e-6)
    t.ok(Math.abs(voltAmperes * powerFactor - watts) < 1e-9)
  }
  t.ok(Math.abs(roofLine.frequencyHz - 50) < 0.05)
})
