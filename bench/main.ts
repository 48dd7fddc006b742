import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { parseArgs } from "node:util"
import { arm } from "./arm.ts"
import { audit } from "./audit.ts"
import { batch } from "./batch.ts"
import { chain } from "./chain.ts"
import { gateway } from "./gateway.ts"
import { kills } from "./kills.ts"
import { modbus } from "./modbus.ts"
import { mqttIn } from "./mqtt.ts"
import { pages } from "./pages.ts"
import type { Part, Row } from "./row.ts"
import { asMarkdown, asText, differences, type Run, withTable } from "./table.ts"
import { verifyAndStore } from "./verify-store.ts"
import { wire } from "./wire.ts"

const parts: Readonly<Record<string, Part>> = {
  verify: verifyAndStore,
  kills,
  mqtt: mqttIn,
  modbus,
  gateway,
  batch,
  chain,
  audit,
  pages,
  wire,
  arm,
}
const lastFile = "bench/last.json"
const document = "docs/performance.md"

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true },
    keep: { type: "boolean", default: false },
  },
})
const { quick, only } = values
const unknown = only?.find((name) => !Object.hasOwn(parts, name))
if (unknown !== undefined) {
  console.error(`There is no part ${unknown}. They are: ${Object.keys(parts).join(", ")}.`)
  process.exit(2)
}

const rows: Row[] = []
const failed: string[] = []
for (const [name, part] of Object.entries(parts)) {
  if (only && !only.includes(name)) continue
  const from = performance.now()
  try {
    rows.push(...(await part({ quick, alone: only?.length === 1 })))
  } catch (error) {
    console.error(`${name} failed:`, error)
    failed.push(name)
  }
  console.error(`${name}: ${Math.round((performance.now() - from) / 1000)} s`)
}

const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? "an unknown processor"}`
const current: Run = { machine, node: process.versions.node, quick, rows }
const last = existsSync(lastFile) ? (JSON.parse(readFileSync(lastFile, "utf8")) as Run) : undefined

console.log(asText(rows))
if (last) {
  const names = new Set(rows.map(({ what }) => what))
  const before = only ? last.rows.filter(({ what }) => names.has(what)) : last.rows
  const changes = differences(before, rows)
  console.log(`\nSince the last table${last.quick ? ", which was of a short run" : ""}:`)
  console.log(changes.length > 0 ? changes.join("\n") : "nothing changed")
}
// A part of the table, or one of a short run, takes the place of a whole one only where it is asked to.
if (failed.length === 0 && (values.keep || (!quick && !only))) {
  writeFileSync(lastFile, `${JSON.stringify(current, undefined, 2)}\n`)
  writeFileSync(document, withTable(readFileSync(document, "utf8"), asMarkdown(current)))
  console.log(`\n${lastFile} and ${document} hold this table.`)
}
process.exit(failed.length > 0 ? 1 : 0)
