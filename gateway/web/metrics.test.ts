import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { parse } from "yaml"
import { createHealth } from "../supervise/health.ts"
import { machineFacts } from "../supervise/machine.ts"
import type { WebContext } from "./context.ts"
import { createMetrics } from "./metrics.ts"
import { openVillage } from "./village.test.support.ts"

const documented = readFileSync("docs/metrics.md", "utf8")
const alerts = readFileSync("docs/monitoring/alerts.yaml", "utf8")
const dashboard = readFileSync("docs/monitoring/dashboard.json", "utf8")
const own = /commonwatt_[a-z_]+/g
const rowsOf = (heading: string) =>
  documented
    .slice(documented.indexOf(heading))
    .split("\n\n")
    .find((part) => part.startsWith("|"))!
const firstCells = (table: string) => [...table.matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name!)

/** Names of all metrics with their labels. */
function metrics(t: { teardown(work: () => void): void }) {
  const village = openVillage()
  t.teardown(() => village.close())
  const health = createHealth(
    village.context,
    () => machineFacts(village.config, 0),
    () => 0,
  )
  const kept = {
    factor: 2,
    kept: 3,
    underReplicated: 0,
    missing: 0,
    damaged: 0,
    peers: [],
    problem: undefined,
  }
  const evidence = { status: () => kept } as unknown as NonNullable<WebContext["evidence"]>
  return createMetrics({ ...village.context, evidence }, health)
}

t.test("every metric is documented with its labels, and what is documented is there", async (t) => {
  const registry = metrics(t)
  const there = registry.getMetricsAsArray().filter(({ name }) => name.startsWith("commonwatt_"))
  t.same(firstCells(rowsOf("| metric |")).sort(), there.map(({ name }) => name).sort())
  for (const metric of there) {
    const { name, labelNames = [] } = metric as unknown as { name: string; labelNames?: string[] }
    const labels = labelNames.map((label) => `\`${label}\``).join(", ")
    t.ok(documented.includes(`| \`${name}\` | ${labels}${labels ? " " : ""}|`), `${name}: ${labels}`)
  }
})

t.test("what is not known has no line", async (t) => {
  const text = await metrics(t).metrics()
  t.notMatch(text, /^commonwatt_gas_enough_for_batches /m)
  t.notMatch(text, /^commonwatt_disk_written_bytes_per_day /m)
  t.match(text, /^commonwatt_disk_free_bytes [1-9]/m)
})

t.test("every code of a finding is documented, and none that there is not", async (t) => {
  const room = "gateway/supervise"
  const source = readdirSync(room, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.includes(".test."))
    .map((file) => readFileSync(join(room, file), "utf8"))
    .join("\n")
  const codes = new Set(
    [...source.matchAll(/code: "([a-z-]+)"|alarm\(\s*"([a-z-]+)"/g)].map(([, a, b]) => a ?? b!),
  )
  const offline = ["not-running", "key", "journal"]
  t.ok(codes.size > 20)
  t.same([...firstCells(rowsOf("| code |")), ...offline].sort(), [...codes].sort())
  for (const code of offline) t.ok(documented.includes(`\`${code}\``))
})

t.test("alerts and dashboard ask for nothing that is not there", async (t) => {
  const there = new Set(
    metrics(t)
      .getMetricsAsArray()
      .map(({ name }) => name),
  )
  const rules = (parse(alerts) as { groups: { rules: { expr: string }[] }[] }).groups.flatMap(
    (group) => group.rules,
  )
  const panels = (JSON.parse(dashboard) as { panels: { targets: { expr: string }[] }[] }).panels
  const asked = [...rules, ...panels.flatMap(({ targets }) => targets)].flatMap(({ expr }) => [
    ...(expr.match(own) ?? []),
    ...(expr.match(/\b(?:process|nodejs)_[a-z_]+/g) ?? []),
  ])
  t.ok(asked.length > 20)
  for (const name of new Set(asked)) t.ok(there.has(name), name)
})

const promtool = spawnSync("promtool", ["--version"]).status === 0
t.test(
  "Prometheus takes the alert rules and every expression of the dashboard",
  { skip: promtool ? false : "promtool is not installed (Debian's package prometheus)" },
  async (t) => {
    const panels = (JSON.parse(dashboard) as { panels: { targets: { expr: string }[] }[] }).panels
    const rules = panels
      .flatMap(({ targets }) => targets)
      .map(({ expr }, i) => ({ record: `panel:${i}`, expr: expr.replaceAll("$gateway", ".*") }))
    const dir = t.testdir({ "panels.yaml": JSON.stringify({ groups: [{ name: "panels", rules }] }) })
    for (const file of ["docs/monitoring/alerts.yaml", join(dir, "panels.yaml")]) {
      const { status, stdout, stderr } = spawnSync("promtool", ["check", "rules", file], { encoding: "utf8" })
      t.equal(status, 0, `${stdout}${stderr}`)
    }
  },
)
