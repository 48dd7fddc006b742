import { join } from "node:path"
import t from "tap"
import { type Config, checkConfig } from "./config.ts"
import { reload, reloadable } from "./reload.ts"

const text = `
site: 1
name: Sunny Lane
dataDir: data
mqtt: { host: 127.0.0.1, port: 1883, tls: { port: 8883, certFile: a, keyFile: b, caFile: c } }
web: { host: 127.0.0.1, port: 8080 }
chain: { rpc: "http://127.0.0.1:8545", chainId: 1, oracle: "0x${"2".repeat(40)}", keyFile: gateway.key }
settlement: { everySeconds: 86400, waitSeconds: 120 }
rules: {}
validators: ["http://one.example"]
auditors: [age1one]
households: [{ name: Home 1, address: "0x${"1".repeat(40)}" }]
meters:
  - { name: roof, household: "0x${"1".repeat(40)}", scheme: ed25519, publicKey: "0xb33ff89bea3568342b50756dbd89b12b04ca27d0c1f9c668647d3a3b4316aafe", ratedW: 5000, startTime: 1 }
`
const table = "# grid: DE\n# source: s\n# version: 1\nhour,grams_per_kwh\n2026-06-01T00:00Z,1\n"
const changed = (from: string | RegExp, to: string): Config => {
  const other = text.replace(from, to)
  if (other === text) throw new Error(`${from} is not in the text`)
  return checkConfig(other, "gateway.yaml")
}

t.test(
  "what can change under way is taken, by parts of the gateway that hold on to it as well",
  async (t) => {
    const folder = t.testdir({ "grid.csv": table })
    const running = checkConfig(text, "gateway.yaml")
    const { validators, auditors, households, settlement, mqtt } = running
    const { tls } = mqtt
    const cases: [next: Config, taken: (typeof reloadable)[number], holds: () => boolean][] = [
      [changed("Sunny Lane", "Rainy Lane"), "name", () => running.name === "Rainy Lane"],
      [changed("site: 1", "site: 1\nlogLevel: debug"), "logLevel", () => running.logLevel === "debug"],
      [changed("one.example", "two.example"), "validators", () => validators[0] === "http://two.example"],
      [changed("age1one", "age1two"), "auditors", () => auditors[0] === "age1two"],
      [
        changed("name: Home 1", "name: Anna, recipient: age1anna"),
        "households (names and recipients, not who they are)",
        () => households[0]!.name === "Anna" && households[0]!.recipient === "age1anna",
      ],
      [
        changed("waitSeconds: 120", "waitSeconds: 60"),
        "settlement.waitSeconds",
        () => settlement.waitSeconds === 60,
      ],
      [
        changed("caFile: c", `caFile: c, revoked: ["sha256:${Array(32).fill("ab").join(":")}"]`),
        "mqtt.tls.revoked",
        () => tls!.revoked?.length === 1,
      ],
      [
        changed("site: 1", `site: 1\nemissionFactors: { file: ${JSON.stringify(join(folder, "grid.csv"))} }`),
        "emissionFactors",
        () => running.emissionFactors?.grid === "DE",
      ],
    ]
    t.same(new Set(cases.map(([, taken]) => taken)), new Set(reloadable), "each is tried")
    for (const [next, taken, holds] of cases) {
      reload(running, checkConfig(text, "gateway.yaml"))
      t.same(reload(running, next), { taken: [taken], waiting: [] })
      t.ok(holds(), taken)
    }
  },
)

t.test("what was taken out of the file is gone", async (t) => {
  const running = changed("site: 1", "site: 1\nlogLevel: debug")
  reload(running, checkConfig(text, "gateway.yaml"))
  t.notOk("logLevel" in running)
})

t.test("what cannot change under way stays as it is, and is named", async (t) => {
  for (const [next, waits] of [
    [changed("8080", "8081"), "web"],
    [changed("everySeconds: 86400", "everySeconds: 3600"), "settlement"],
    [changed("ratedW: 5000", "ratedW: 6000"), "meters"],
    [
      changed(
        /address: "0x1+"/,
        `address: "0x${"1".repeat(40)}" }, { name: Home 2, address: "0x${"4".repeat(40)}"`,
      ),
      "households",
    ],
    [changed("site: 1", "site: 1\nholdSeconds: 5"), "holdSeconds"],
    [changed("8545", "8546"), "chain"],
  ] as const) {
    const running = checkConfig(text, "gateway.yaml")
    const before = structuredClone(running)
    t.same(reload(running, next), { taken: [], waiting: [waits] })
    t.same(running, before)
  }
})

t.test("the same file again changes nothing", async (t) => {
  const running = checkConfig(text, "gateway.yaml")
  t.same(reload(running, checkConfig(text, "gateway.yaml")), { taken: [], waiting: [] })
})
