import { readFileSync } from "node:fs"
import t from "tap"
import { stringify } from "yaml"
import { faultsByKind } from "./faults/names.ts"
import { parseScenario, type Scenario, ScenarioError } from "./scenario.ts"

const scenario: Scenario = {
  seed: 1,
  start: 1_750_000_000,
  clock: { start: 1_750_000_000, wallStart: 1_760_000_000_000, speed: 5000, end: 1_750_086_400 },
  place: { latitude: 47.995, longitude: 7.85 },
  data: { file: "homes.csv" },
  homes: [
    { name: "Home 1", load: "family", panelsW: 5000 },
    { name: "Home 2", column: "home2" },
    { name: "Home 3", load: "single" },
  ],
  mqtt: { url: "mqtt://127.0.0.1:1883" },
  meters: [
    {
      name: "Roof 1",
      home: "Home 1",
      measures: "generation",
      kind: "mqtt",
      secret: "ab".repeat(32),
      every: 900,
    },
    {
      name: "Grid 1",
      home: "Home 1",
      measures: "grid",
      kind: "modbus",
      device: "sdm630",
      bus: "Shed",
      unit: 1,
    },
  ],
  buses: [{ name: "Shed", host: "127.0.0.1", port: 1502 }],
  faults: [{ meter: "Roof 1", fault: "replay", at: 1_750_009_000 }],
}

type Draft = Record<string, unknown> & { [list in "homes" | "meters" | "faults"]: Record<string, unknown>[] }

function changed(change: (draft: Draft) => void): string {
  const draft = JSON.parse(JSON.stringify(scenario)) as Draft
  change(draft)
  return stringify(draft)
}

t.test("a scenario survives being written and read", async (t) => {
  t.same(parseScenario(stringify(scenario), "s.yaml"), scenario)
  t.same(parseScenario(JSON.stringify(scenario), "s.json"), scenario)
})

t.test("what is wrong is said with its place and its reason", async (t) => {
  for (const [change, message] of [
    [(s) => (s.meters[0]!.home = "Home 9"), 's.yaml: meters[0].home: There is no home "Home 9".'],
    [(s) => (s.meters[0]!.home = "Home 3"), 's.yaml: meters[0].measures: Home "Home 3" has no panels.'],
    [(s) => (s.meters[0]!.secret = "abcd"), "s.yaml: meters[0].secret: must be 32 bytes of hexadecimal"],
    [(s) => (s.meters[1]!.bus = "Attic"), 's.yaml: meters[1].bus: There is no bus "Attic".'],
    [
      (s) => (s.meters[1]!.startWh = { generated: 5 }),
      "s.yaml: meters[1].startWh.generated: A meter of grid has no register generated.",
    ],
    [(s) => (s.homes[1]!.name = "Home 1"), 's.yaml: homes[1].name: "Home 1" is there twice.'],
    [
      (s) => (s.homes[2]!.column = "home3"),
      "s.yaml: homes[2]: A home has either a load (modelled) or a column (replayed).",
    ],
    [(s) => delete s.place, "s.yaml: homes[0]: A modelled home needs a place for its sun."],
    [(s) => delete s.data, "s.yaml: homes[1].column: A replayed home needs data."],
    [(s) => delete s.mqtt, "s.yaml: meters[0].kind: A meter on MQTT needs mqtt.url."],
    [(s) => (s.start = 1_750_000_001), "s.yaml: clock.start: The clock starts before the world does."],
    [
      (s) => (s.faults[0]!.meter = "Grid 1"),
      "s.yaml: faults[0].fault: A meter on Modbus sends no messages; replay is for MQTT.",
    ],
    [(s) => (s.homes[0]!.colour = "red"), 's.yaml: homes[0]: Unrecognized key: "colour"'],
  ] as [(draft: Draft) => void, string][]) {
    const text = changed(change)
    t.throws(() => parseScenario(text, "s.yaml"), { name: ScenarioError.name })
    try {
      parseScenario(text, "s.yaml")
    } catch (error) {
      t.equal((error as Error).message.split("\n")[0], message)
    }
  }
  t.throws(() => parseScenario("a: [", "s.yaml"), { message: /^s.yaml: / })
})

t.test("what does not fit a device, a bus or a fault is said too", async (t) => {
  const wire = { name: "Wire", serial: { path: "/dev/ttyUSB0" } }
  const on = (fault: Record<string, unknown>) => (s: Draft) => {
    s.buses = [...(s.buses as object[]), wire]
    s.faults[0] = { at: 0, ...fault }
  }
  const device = (change: Record<string, unknown>) => (s: Draft) => Object.assign(s.meters[1]!, change)
  for (const [change, message] of [
    [
      (s: Draft) =>
        Object.assign(s.meters[0]!, {
          laterKeys: [
            { secret: "ab".repeat(32), from: 2 },
            { secret: "cd".repeat(32), from: 2 },
          ],
        }),
      "meters[0].laterKeys: Each key is in force later than the one before it.",
    ],
    [
      (s: Draft) =>
        Object.assign(s.meters[0]!, { format: "ocmf", laterKeys: [{ secret: "ab".repeat(32), from: 2 }] }),
      "meters[0].laterKeys: A meter that signs in a format of its maker keeps its key.",
    ],
    [device({ device: "sma" }), "meters[1].measures: A sma measures generation."],
    [device({ device: "bsm-ws36a" }), "meters[1].secret: A bsm-ws36a signs: it needs a secret."],
    [device({ secret: "ab".repeat(32) }), "meters[1].secret: A sdm630 has no key of its own."],
    [device({ sunspec: {} }), "meters[1].sunspec: A sdm630 is no SunSpec device that can be configured."],
    [
      device({ device: "sunspec-meter", sunspec: { models: [103] } }),
      "meters[1].sunspec: A sunspec-meter has no model 103.",
    ],
    [
      (s: Draft) => (s.meters[0]!.certFile = "roof.pem"),
      "meters[0].keyFile: A client certificate needs its key, and the key its certificate.",
    ],
    [
      (s: Draft) => (s.buses = [{ name: "Shed", hots: "a", port: 1502 }]),
      "buses[0].host: Invalid input: expected string, received undefined",
    ],
    [
      (s: Draft) => (s.buses = [{ name: "Shed", serial: { path: "/dev/ttyUSB0", parity: "mark" } }]),
      'buses[0].serial.parity: Invalid option: expected one of "none"|"even"|"odd"',
    ],
    [on({ fault: "late" }), "faults[0].meter: A fault is either of a meter or of a bus."],
    [on({ fault: "late", bus: "Attic" }), 'faults[0].bus: There is no bus "Attic".'],
    [on({ fault: "late", meter: "Grid 9" }), 'faults[0].meter: There is no meter "Grid 9".'],
    [
      on({ fault: "late", meter: "Roof 1" }),
      "faults[0].fault: A meter on MQTT is on no bus; late is for Modbus.",
    ],
    [on({ fault: "dip", bus: "Shed" }), "faults[0].fault: dip is a fault of a meter, not of a bus."],
    [
      on({ fault: "wrong-crc", bus: "Shed" }),
      'faults[0].fault: wrong-crc is for RTU; bus "Shed" is Modbus TCP.',
    ],
    [
      on({ fault: "stale-id", bus: "Wire" }),
      'faults[0].fault: stale-id is for Modbus TCP; bus "Wire" is RTU.',
    ],
    [
      on({ fault: "cut", bus: "Wire" }),
      'faults[0].fault: Bus "Wire" is a serial line and has no connection; cut is for TCP.',
    ],
    [
      on({ fault: "reboot", meter: "Grid 1" }),
      "faults[0].fault: A sdm630 signs nothing; reboot is for meters that sign.",
    ],
    [
      on({ fault: "not-a-number", meter: "Roof 1" }),
      "faults[0].fault: A signed reading has no place for what is not a number; not-a-number is for Modbus.",
    ],
    [on({ fault: "frozen", meter: "Grid 1", wh: 5 }), "faults[0].wh: frozen has no wh."],
    [on({ fault: "lost", meter: "Grid 1", delayMs: 5 }), "faults[0].delayMs: lost has no delayMs."],
  ] as [(draft: Draft) => void, string][])
    t.throws(() => parseScenario(changed(change), "s.yaml"), { message: `s.yaml: ${message}` }, message)
})

t.test("the manual's tables have every fault with its sentence", async (t) => {
  const manual = readFileSync("docs/simulation.md", "utf8")
  for (const group of Object.values(faultsByKind))
    for (const [name, sentence] of Object.entries(group))
      t.ok(manual.includes(`| \`${name}\` | ${sentence} |`), name)
})
