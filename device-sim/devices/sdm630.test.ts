import { readFileSync } from "node:fs"
import t from "tap"
import { sharedFile } from "../shared-file.ts"
import { sdm630 } from "./sdm630.ts"

const map = sharedFile("maps/sdm630.csv")

t.test(
  "each value sits where the register map has it, with the map's name and type",
  "missing" in map ? { skip: map.missing } : {},
  async (t) => {
    if ("missing" in map) return
    const rows = readFileSync(map.file, "utf8").trim().split("\n").slice(1)
    const known = new Map(
      rows.map((row) => {
        const [, address, code, type, , , , name] = row.split(",")
        return [`${code === "4" ? "input" : "holding"} ${address} ${type}`, name]
      }),
    )
    for (const { table, address, type, name } of sdm630.entries)
      t.equal(known.get(`${table} ${address} ${type}`), name, `${table} ${address}`)
    for (const key of known.keys()) {
      const [table, address] = key.split(" ")
      t.ok(
        sdm630.spans.some(
          (span) =>
            span.table === table &&
            Number(address) >= span.address &&
            Number(address) + 2 <= span.address + span.count,
        ),
        `${key} can be read`,
      )
    }
  },
)

t.test("no two values overlap", async (t) => {
  const taken = new Set<string>()
  for (const { table, address } of sdm630.entries)
    for (const word of [address, address + 1]) {
      t.notOk(taken.has(`${table} ${word}`))
      taken.add(`${table} ${word}`)
    }
})
