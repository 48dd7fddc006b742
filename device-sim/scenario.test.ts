import { readFileSync } from "node:fs"
import t from "tap"
import { stringify } from "yaml"
import { faultNames } from "./faults.ts"
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

t.test("the manual's example is a scenario, and its table has every fault with its sentence", async (t) => {
  const manual = readFileSync("docs/simulation.md", "utf8")
  const example = /```yaml\n(.*?)```/s.exec(manual)
  t.equal(parseScenario(example?.[1] ?? "", "docs/simulation.md").homes.length, 3)
  for (const [name, sentence] of Object.entries(faultNames))
    t.ok(manual.includes(`| \`${name}\` | ${sentence} |`), name)
})
