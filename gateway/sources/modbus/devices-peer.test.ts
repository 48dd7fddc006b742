import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { createServer } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import t from "tap"
import { openBus, usualBusTimes } from "./bus.ts"
import { deviceFor } from "./devices.ts"
import { profileNamed } from "./profile.ts"
import em24Ethernet from "./profiles/em24-ethernet.test.json" with { type: "json" }
import em24Rs485 from "./profiles/em24-rs485.test.json" with { type: "json" }
import iem3000 from "./profiles/iem3000.test.json" with { type: "json" }
import sdm120 from "./profiles/sdm120.test.json" with { type: "json" }
import sdm630 from "./profiles/sdm630.test.json" with { type: "json" }
import sma from "./profiles/sma.test.json" with { type: "json" }
import { long, MapWriter } from "./sunspec/map.test.support.ts"
import type { Contents } from "./unit.test.support.ts"

/** An independent Modbus server whose units have the registers that they are given and no others. */
const server = `
import sys, json
from pymodbus.server import StartTcpServer
from pymodbus.datastore import ModbusSparseDataBlock, ModbusSlaveContext, ModbusServerContext
def block(contents):
    values = {}
    for address, words in contents.items():
        for i, word in enumerate(words.split()):
            values[int(address) + i] = int(word, 16)
    return ModbusSparseDataBlock(values or {65535: 0})
units = {
    int(n): ModbusSlaveContext(hr=block(u.get("holding", {})), ir=block(u.get("input", {})), zero_mode=True)
    for n, u in json.load(sys.stdin).items()
}
StartTcpServer(context=ModbusServerContext(slaves=units, single=False), address=("127.0.0.1", int(sys.argv[1])))
`
const python = "/usr/bin/python3"
const isHere = spawnSync(python, ["-c", "import pymodbus.server, pymodbus.datastore"]).status === 0

interface Case {
  unit: number
  profile: string
  image: { holding?: Contents; input?: Contents }
  generatedWh: bigint
}

const sunSpecAt = (base: number) =>
  new MapWriter(base).common("Maker", "M1", "S1").model(103, 50, [
    [24, ...long(4_821_341)],
    [26, 1],
  ])

const cases: Case[] = [
  { unit: 1, profile: "sdm120", image: sdm120, generatedWh: 40_000_500n },
  { unit: 2, profile: "sdm630", image: sdm630, generatedWh: 65_536_000n },
  { unit: 3, profile: "em24-rs485", image: em24Rs485, generatedWh: 482_134_000n },
  { unit: 4, profile: "em24-ethernet", image: em24Ethernet, generatedWh: 482_134_000n },
  { unit: 5, profile: "iem3000", image: iem3000, generatedWh: 9_007_199_254_740_993n },
  { unit: 6, profile: "sma", image: sma, generatedWh: 48_213_407n },
  { unit: 7, profile: "sunspec", image: sunSpecAt(40000), generatedWh: 48_213_410n },
  { unit: 8, profile: "sunspec", image: sunSpecAt(0), generatedWh: 48_213_410n },
  { unit: 9, profile: "sunspec", image: sunSpecAt(50000).end(), generatedWh: 48_213_410n },
]

t.test(
  "every profile reads its image off an independent Modbus server",
  { skip: isHere ? false : "python3-pymodbus is not installed" },
  async (t) => {
    const port = await freePort()
    const child = spawn(python, ["-c", server, String(port)], { stdio: ["pipe", "ignore", "ignore"] })
    t.teardown(() => child.kill("SIGKILL"))
    child.stdin.end(JSON.stringify(Object.fromEntries(cases.map(({ unit, image }) => [unit, image]))))
    const bus = openBus(
      { name: "peer", pauseMs: 0, tcp: { host: "127.0.0.1", port, framing: "tcp" } },
      { ...usualBusTimes, leastReopenMs: 50, mostReopenMs: 200, restMs: 0 },
    )
    t.teardown(() => bus.close())
    await untilItListens(child, () => bus.unit(1).read({ function: 4, address: 0, count: 2 }))
    for (const { unit, profile, generatedWh } of cases) {
      const device = deviceFor(profileNamed(profile), { measures: "generation" })
      await device.identify(bus.unit(unit))
      const { snapshot } = await device.poll(bus.unit(unit), () => 1_700_000_000)
      t.equal(snapshot?.registers.generatedWh, generatedWh, `${profile}, unit ${unit}`)
    }
  },
)

async function untilItListens(child: ChildProcess, ask: () => Promise<unknown>): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`)
    try {
      await ask()
      return
    } catch {
      await sleep(100)
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1")
  await new Promise((resolve) => probe.once("listening", resolve))
  const { port } = probe.address() as { port: number }
  await new Promise((resolve) => probe.close(resolve))
  return port
}
