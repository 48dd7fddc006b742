import { readFileSync } from "node:fs"
import t from "tap"
import { sharedFile } from "../shared-file.ts"
import { home, meterOf, noon } from "../units.test.support.ts"
import { devices, type MapName } from "./devices.ts"
import { registersOf } from "./encode.ts"

const tables: Readonly<Partial<Record<MapName, string>>> = {
  sdm120: "sdm120.csv",
  sdm630: "sdm630.csv",
  "em24-rs485": "em24_rs485.csv",
  "em24-ethernet": "em24_e1_ethernet.csv",
  iem3000: "schneider_iem3000.csv",
  sma: "sma_proprietary.csv",
}

for (const [name, table] of Object.entries(tables) as [MapName, string][]) {
  const map = sharedFile(`maps/${table}`)
  const device = devices[name]
  t.test(
    `${name}: each value sits where the register map has it, with the map's type, scale and word order`,
    "missing" in map ? { skip: map.missing } : {},
    async (t) => {
      if ("missing" in map) return
      const rows = readFileSync(map.file, "utf8").trim().split("\n").slice(1)
      for (const row of rows) {
        const [, address, code, type, order, scale, unit, name = ""] = row.split(",")
        const table = device.oneTable || code === "4" ? "input" : "holding"
        const readable = device.spans.some(
          (span) =>
            span.table === table &&
            Number(address) >= span.address &&
            Number(address) < span.address + span.count,
        )
        t.ok(readable, `${name} can be read`)
        const entry = device.entries.find(
          (candidate) => candidate.table === table && candidate.address === Number(address),
        )
        if (!entry) {
          t.match(name, /reactive_energy|^thd_|neutral_current/, `${name} is not counted here`)
          continue
        }
        t.equal(entry.name, name)
        if (type === "string[7]" || type === "packed") continue
        const [written, width] = [String(entry.type), registersOf(entry.type)]
        t.ok(
          written === type || (width === 1 && type === "int16" && written === "uint16"),
          `${name}: ${written}`,
        )
        t.equal(entry.scale ?? 1, Number(scale) * (unit === "kWh" ? 1000 : 1), `${name}: scale`)
        if (width > 1) t.equal(device.wordOrder ?? "big", order, `${name}: word order`)
      }
    },
  )

  t.test(`${name}: no two values overlap, and all can be read`, async (t) => {
    const taken = new Set<string>()
    for (const { table, address, type } of device.entries)
      for (let word = address; word < address + registersOf(type); word++) {
        t.notOk(taken.has(`${table} ${word}`))
        taken.add(`${table} ${word}`)
        t.ok(
          device.spans.some(
            (span) => span.table === table && word >= span.address && word < span.address + span.count,
          ),
        )
      }
  })
}

t.test("the support's home has sun, so that no register is 0 by chance", async (t) => {
  t.ok(home.powerAt(noon).generatedW > 1000)
  t.equal(meterOf("sma", 3).measures, "generation")
})
