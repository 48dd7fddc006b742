import { execFile, spawnSync } from "node:child_process"
import { promisify } from "node:util"
import t from "tap"
import type { Unit } from "./devices/device.ts"
import { type Bus, startBus } from "./modbus/server.ts"
import type { ModbusMeterSpec } from "./scenario.ts"
import { home, meterOf, noon, openWire, simulate, startWh } from "./units.test.support.ts"

const run = promisify(execFile)
const has = (command: string, ...args: string[]) => spawnSync(command, args).error === undefined
const python = "/usr/bin/python3"
const hasPymodbus = spawnSync(python, ["-c", "import pymodbus, serial"]).status === 0

const { generatedWh, importedWh, exportedWh } = home.registersAt(noon)
const generated = generatedWh + BigInt(startWh.generation.generated)
const imported = importedWh + BigInt(startWh.grid.imported)
const exported = exportedWh + BigInt(startWh.grid.exported)

const hex = (value: bigint, registers: number) => value.toString(16).padStart(4 * registers, "0")
const float = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatBE(value)
  return bytes.toString("hex")
}
const swapped = (text: string) => text.match(/.{4}/g)!.reverse().join("")
const sunspec = (energyScale: number, models: number[]) =>
  ({ sunspec: { models, energyScale } }) as Pick<ModbusMeterSpec, "sunspec">

/** Where each device's energy is, and what stands there at noon. */
const grid = { measures: "grid" } as const
const cases: [meter: ModbusMeterSpec, type: 3 | 4, address: number, words: string][] = [
  [meterOf("sdm120", 1, grid), 3, 0x48, float(Number(imported) / 1000) + float(Number(exported) / 1000)],
  [meterOf("sdm630", 2), 3, 0x48, float(Number(generated) / 1000) + float(0)],
  [meterOf("em24-rs485", 3, grid), 4, 0x42, swapped(hex(imported / 100n, 2))],
  [meterOf("em24-ethernet", 4, grid), 4, 0x4e, swapped(hex(exported / 100n, 2))],
  [meterOf("iem3000", 5, grid), 4, 3203, hex(imported, 4) + hex(exported, 4)],
  [meterOf("sma", 6), 3, 30513, hex(generated, 4)],
  [meterOf("sunspec-inverter", 7), 4, 40_070, `00670032`],
  [meterOf("sunspec-inverter", 7), 4, 40_094, `${hex(generated, 2)}0000`],
  [meterOf("sunspec-meter", 8, { ...grid, ...sunspec(1, [203]) }), 4, 40_108, hex(exported / 10n, 2)],
  [meterOf("bsm-ws36a", 9, grid), 4, 40_136, hex(imported / 10n, 2)],
  [meterOf("wm3m4c", 10, grid), 3, 418, hex(imported, 2) + hex(exported, 2)],
]

const units = new Map<number, Unit>()
for (const [meter] of cases) units.set(meter.unit, simulate(meter).unit)

const tcp = await startBus({ name: "TCP", host: "127.0.0.1", port: 0 }, units)
const rtuOverTcp = await startBus({ name: "RTU", host: "127.0.0.1", port: 0, framing: "rtu" }, units)
t.teardown(() => Promise.all([tcp.close(), rtuOverTcp.close()]))

async function mbpoll(where: string[], unit: number, type: 3 | 4, address: number, count: number) {
  const { stdout } = await run("mbpoll", [
    ...[
      "-1",
      "-0",
      "-o",
      "3",
      "-a",
      String(unit),
      "-t",
      `${type}:hex`,
      "-r",
      String(address),
      "-c",
      String(count),
    ],
    ...where,
  ])
  return Array.from(stdout.matchAll(/^\[\d+\]:\s+0x([0-9A-F]{4})$/gm), ([, word]) =>
    word!.toLowerCase(),
  ).join("")
}

t.test("mbpoll reads every device over TCP", { skip: !has("mbpoll", "-V") && "no mbpoll" }, async (t) => {
  const where = ["-m", "tcp", "-p", String(tcp.port), "127.0.0.1"]
  for (const [meter, type, address, words] of cases)
    t.equal(await mbpoll(where, meter.unit, type, address, words.length / 4), words, meter.device)
})

const noWire = (!has("socat", "-V") && "no socat") || (!has("mbpoll", "-V") && "no mbpoll")

t.test(
  "mbpoll reads every device over RTU on a wire, and a wire that was cut comes back",
  { skip: noWire },
  async (t) => {
    const folder = t.testdir()
    let wire = await openWire(folder)
    const log: string[] = []
    const bus: Bus = await startBus({ name: "Wire", serial: { path: wire.ends[0] } }, units, {
      log: (line) => log.push(line),
    })
    t.teardown(async () => {
      wire.cut()
      await bus.close()
    })
    const where = ["-m", "rtu", "-b", "9600", "-P", "none", wire.ends[1]]
    for (const [meter, type, address, words] of cases)
      t.equal(await mbpoll(where, meter.unit, type, address, words.length / 4), words, meter.device)
    await t.rejects(mbpoll([...where, "-o", "0.2"], 99, 3, 0, 2), "who is not there is silent")

    wire.cut()
    while (log.length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    wire = await openWire(folder)
    while (log.length === 1) await new Promise((resolve) => setTimeout(resolve, 20))
    const [meter, type, address, words] = cases[0]!
    t.equal(await mbpoll(where, meter.unit, type, address, words.length / 4), words)
    t.match(log, [/^Bus "Wire": .*meters is gone/, /^Bus "Wire": .*meters is open again/])
  },
)

t.test("a serial port that is not there is said in words", async (t) => {
  await t.rejects(startBus({ name: "Wire", serial: { path: "/dev/no-such-line" } }, units), {
    message: /^Bus "Wire" cannot open \/dev\/no-such-line: /,
  })
})

/** Reads [kind, target, unit, function, address, count] lists from its input, writes hexadecimal words. */
const reader = `
import json, sys
from pymodbus.client import ModbusTcpClient, ModbusSerialClient
from pymodbus.transaction import ModbusRtuFramer
def client(kind, target):
    if kind == "tcp": return ModbusTcpClient("127.0.0.1", port=target)
    if kind == "rtu": return ModbusTcpClient("127.0.0.1", port=target, framer=ModbusRtuFramer)
    return ModbusSerialClient(port=target, baudrate=9600, timeout=3)
out = []
for kind, target, requests in json.load(sys.stdin):
    c = client(kind, target)
    assert c.connect()
    for unit, function, address, count in requests:
        read = c.read_holding_registers if function == 3 else c.read_input_registers
        answer = read(address, count, slave=unit)
        out.append(str(answer) if answer.isError() else "".join("%04x" % word for word in answer.registers))
    c.close()
print(json.dumps(out))
`

async function pymodbus(script: string, input: unknown): Promise<unknown> {
  const child = run(python, ["-c", script])
  child.child.stdin?.end(JSON.stringify(input))
  return JSON.parse((await child).stdout)
}

const noPymodbus = !hasPymodbus && "no python3 with pymodbus and serial"

t.test("pymodbus reads every device over TCP and over RTU inside TCP", { skip: noPymodbus }, async (t) => {
  const requests = cases.map(([meter, type, address, words]) => [
    meter.unit,
    type === 4 ? 3 : 4,
    address,
    words.length / 4,
  ])
  const expected = cases.map(([, , , words]) => words)
  t.same(
    await pymodbus(reader, [
      ["tcp", tcp.port, requests],
      ["rtu", rtuOverTcp.port, requests],
    ]),
    [...expected, ...expected],
  )
})

t.test("pymodbus reads over RTU on a wire", { skip: noPymodbus || noWire }, async (t) => {
  const wire = await openWire(t.testdir())
  const bus = await startBus({ name: "Wire", serial: { path: wire.ends[0] } }, units)
  t.teardown(async () => {
    wire.cut()
    await bus.close()
  })
  const [meter, , address, words] = cases[1]!
  t.same(await pymodbus(reader, [["serial", wire.ends[1], [[meter.unit, 4, address, 4]]]]), [words])
})

/** A SunSpec client after the public rules: find the mark, walk by the models' own lengths, scale the energy. */
const walker = `
import json, struct, sys
from pymodbus.client import ModbusTcpClient
port, unit, energies = json.load(sys.stdin)
c = ModbusTcpClient("127.0.0.1", port=port)
assert c.connect()
def read(address, count):
    words = []
    while count > 0:
        answer = c.read_holding_registers(address, min(count, 125), slave=unit)
        if answer.isError(): return None
        words += answer.registers; address += min(count, 125); count -= 125
    return words
base = next(b for b in (40000, 0, 50000) if read(b, 2) == [0x5375, 0x6e53])
at = base + 2; models = []; found = {}
while True:
    header = read(at, 2)
    if header is None or header[0] == 0xffff: break
    number, length = header
    body = read(at + 2, length)
    models.append([number, length])
    for model, offset, kind, factor in energies:
        if model != number: continue
        size = {"acc32": 2, "uint64": 4, "float32": 2}[kind]
        raw = b"".join(struct.pack(">H", w) for w in body[offset:offset + size])
        if kind == "float32": found[str(model)] = struct.unpack(">f", raw)[0]
        else:
            scale = struct.unpack(">h", struct.pack(">H", body[factor]))[0]
            found[str(model)] = int.from_bytes(raw, "big") * 10 ** scale
    at += 2 + length
text = lambda words: b"".join(struct.pack(">H", w) for w in words).rstrip(bytes(1)).decode()
print(json.dumps({"base": base, "models": models, "energy": found, "end": header is not None,
  "serial": text(read(base + 2 + 2 + 48, 16))}))
`
/** Model, offset behind its header, type, offset of the scale factor. */
const energies = [
  [103, 22, "acc32", 24],
  [113, 30, "float32", 0],
  [701, 17, "uint64", 118],
  [203, 36, "acc32", 52],
  [213, 58, "float32", 0],
  [714, 5, "uint64", 16],
]

t.test(
  "a SunSpec client by the public rules finds the models at any base, end marker or not",
  { skip: noPymodbus },
  async (t) => {
    const plants = [
      { base: 40_000, models: [103], endMarker: true, energyScale: 0 },
      { base: 0, models: [113, 701, 714], endMarker: false, energyScale: 2 },
      { base: 50_000, models: [103, 701], endMarker: true, energyScale: -1 },
    ] as const
    for (const [i, plant] of plants.entries()) {
      const meter = meterOf("sunspec-inverter", i + 1, {
        sunspec: { ...plant, models: [...plant.models] },
        startWh: { generated: 4_000_000 },
      })
      const bus = await startBus(
        { name: "Plant", host: "127.0.0.1", port: 0 },
        new Map([[meter.unit, simulate(meter).unit]]),
      )
      const wh = generatedWh + 4_000_000n
      const step = BigInt(10 ** Math.max(0, plant.energyScale))
      const lengths: Record<number, number> = { 103: 50, 113: 60, 701: 153, 714: 43 }
      t.match(await pymodbus(walker, [bus.port, meter.unit, energies]), {
        base: plant.base,
        models: [[1, 66], ...plant.models.map((model) => [model, lengths[model]])],
        end: plant.endMarker,
        serial: String(meter.serial),
        energy: Object.fromEntries(
          plant.models.map((model) => [
            model,
            model === 113 ? Math.fround(Number(wh)) : Number((wh / step) * step),
          ]),
        ),
      })
      await bus.close()
    }
  },
)
