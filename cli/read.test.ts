import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import t from "tap"
import { stringify } from "yaml"
import { testMeter } from "../gateway/intake.test.support.ts"
import { modbusServer } from "../gateway/sources/modbus/modbus-server.test.support.ts"
import type { Shown } from "../gateway/sources/modbus/read-once.ts"
import { toHex } from "../protocol/hex.ts"

const household = `0x${"1".repeat(40)}`

/** A gateway's configuration with a meter on the network, one on a serial port that is not there, and one on MQTT. */
function configuration(port: number): string {
  const meter = (name: string, modbus?: object) => ({
    name,
    household,
    scheme: "ed25519",
    publicKey: toHex(testMeter(name).key.publicKey),
    ratedW: 5000,
    startTime: 0,
    ...(modbus && {
      modbus: { profile: "sdm630", measures: "grid", everySeconds: 60, keyFile: "none.key", ...modbus },
    }),
  })
  return stringify({
    site: 1,
    dataDir: "data",
    mqtt: { host: "127.0.0.1", port: 0 },
    web: { host: "127.0.0.1", port: 0 },
    chain: { rpc: "http://127.0.0.1:1", chainId: 1, oracle: household, keyFile: "none.key" },
    settlement: { everySeconds: 3600 },
    rules: {},
    auditors: ["age1auditor"],
    households: [{ name: "Anna", address: household }],
    buses: [
      { name: "cupboard", tcp: { host: "127.0.0.1", port } },
      { name: "cellar", serial: { path: "/dev/no-such-port", baudRate: 9600 } },
    ],
    meters: [
      meter("grid", { bus: "cupboard", unit: 3 }),
      meter("cellar", { bus: "cellar", unit: 1 }),
      meter("roof"),
    ],
  })
}

async function read(...args: string[]) {
  const child = spawn(process.execPath, ["dist/cli/commonwatt.js", "read", ...args])
  const [out, talk] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")])
  return {
    code: child.exitCode,
    talk,
    lines: out
      .trim()
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Shown),
  }
}

t.test("each meter on a bus is read once: what it showed, or why nothing", async (t) => {
  // Each float is 230.5, and so is every other register a part of it.
  const device = await modbusServer((request) =>
    request.registers(Array.from({ length: request.count }, (_, i) => (i % 2 === 0 ? 0x4366 : 0x8000))),
  )
  t.teardown(() => device.close())
  const file = join(t.testdir({ "gateway.yaml": configuration(device.port) }), "gateway.yaml")

  const all = await read("--config", file)
  t.equal(all.code, 1, "one could not be read")
  t.same(all.lines.map(({ meter }) => meter).sort(), ["cellar", "grid"])
  const [cellar, grid] = all.lines.sort((a, b) => (a.meter < b.meter ? -1 : 1)) as [Shown, Shown]
  t.match(cellar, {
    bus: "cellar",
    unit: 1,
    error: "there is no serial port /dev/no-such-port",
    next: /Plug the adapter in/,
  })
  t.notOk(cellar.points)
  t.match(grid, { bus: "cupboard", unit: 3, profile: /SDM630/, identity: { maker: "Eastron" } })
  t.ok(Math.abs(grid.time - Date.now() / 1000) < 600)
  t.match(
    grid.points!.find(({ name }) => name === "import_active_energy"),
    { quality: "good", value: 230_500, unit: "Wh", resolution: Number },
  )
  t.match(all.talk, /Reading 2 meters …\n1 of 2 could not be read/)

  const one = await read("--config", file, "--meter", "grid")
  t.equal(one.code, 0)
  t.equal(one.lines.length, 1)
})

t.test("a meter that there is not, or that is not polled, is answered in words", async (t) => {
  const file = join(t.testdir({ "gateway.yaml": configuration(1) }), "gateway.yaml")
  for (const [name, told] of [
    ["attic", /no meter named "attic"\.\nUse one of: grid, cellar\./],
    ["roof", /roof is not polled: it sends by MQTT\./],
  ] as const) {
    const { code, talk, lines } = await read("--config", file, "--meter", name)
    t.equal(code, 2)
    t.match(talk, told)
    t.same(lines, [])
  }
})
