import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { deviceNames } from "./devices/devices.ts"
import { parseScenario, runSimulation, type Scenario } from "./main.ts"
import { openWire } from "./units.test.support.ts"

const noSocat = spawnSync("socat", ["-V"]).error !== undefined

const manual = readFileSync("docs/simulation.md", "utf8")
const examples = Array.from(manual.matchAll(/```yaml\n(.*?)```/gs), ([, text]) =>
  parseScenario(text!, "docs/simulation.md"),
)

/** The example on ports of this machine's choice, with its serial line where this test has one, and no broker. */
function here(scenario: Scenario, folder: string): Scenario {
  const { state: _, mqtt, ...rest } = scenario
  return {
    ...rest,
    ...(mqtt && { mqtt: { url: "mqtt://127.0.0.1:1" } }),
    buses: (rest.buses ?? []).map((bus) =>
      "serial" in bus
        ? { ...bus, serial: { ...bus.serial, path: join(folder, "meters") } }
        : { ...bus, port: 0 },
    ),
    meters: rest.meters.map((meter) => {
      if (meter.kind !== "mqtt") return meter
      const { certFile: _, keyFile: __, ...unnamed } = meter
      return unnamed
    }),
  }
}

t.test("every example of the manual is a scenario that starts", async (t) => {
  t.ok(examples.length >= 5)
  const folder = t.testdir()
  const wire = noSocat ? undefined : await openWire(folder)
  t.teardown(() => wire?.cut())
  for (const [i, example] of examples.entries()) {
    if (!wire && example.buses?.some((bus) => "serial" in bus)) continue
    const abort = new AbortController()
    const log: string[] = []
    const run = runSimulation(here(example, folder), { log: (line) => log.push(line), signal: abort.signal })
    await new Promise((resolve) => setTimeout(resolve, 100))
    abort.abort()
    await run
    for (const { name } of example.buses ?? [])
      t.ok(
        log.some((line) => line.startsWith(`Bus "${name}" with `)),
        `${i}: ${name} is open`,
      )
    for (const meter of example.meters)
      if (meter.secret)
        t.ok(
          log.some((line) => line.startsWith(`${meter.name} signs as 0x`)),
          `${meter.name} has its key printed`,
        )
  }
})

t.test("the manual has each kind of device", async (t) => {
  for (const name of deviceNames) t.ok(manual.includes(`\`${name}\``), name)
})
