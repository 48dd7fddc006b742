import { existsSync, readFileSync } from "node:fs"
import { resolve } from "node:path"
import t from "tap"
import type { Hex } from "../protocol/hex.ts"
import { type CountedReading, computeBatch, type MeterPart } from "./batch.ts"

const file = resolve(process.env.COMMONWATT_SHARED ?? "../shared", "data/sierra-crest-17-homes-hourly.csv")
const hour = 3600
const from = Date.UTC(2016, 6, 31, 23) / 1000

/** Columns of the file by name, whole Wh an hour. */
function readColumns(): Map<string, number[]> {
  const [head, ...lines] = readFileSync(file, "utf8").trim().split(/\r?\n/)
  const rows = lines.map((line) => line.split(","))
  return new Map(head!.split(",").map((name, i) => [name, rows.map((row) => Number(row[i]))]))
}

t.test(
  "seventeen real homes share 17,695,689 Wh in a year",
  { skip: existsSync(file) ? false : "the homes' file is not there; COMMONWATT_SHARED names its folder" },
  async (t) => {
    const columns = readColumns()
    const homes = Array.from({ length: 17 }, (_, i) => ({
      load: columns.get(`home${i + 1}_load_wh`)!,
      pv: columns.get(`home${i + 1}_pv_wh`)!,
    }))
    const hours = homes[0]!.load.length
    t.equal(hours, 8760)

    // One grid meter a home, whose registers count what is left of each hour after its own generation.
    const parts = homes.map(({ load, pv }, i): MeterPart => {
      let [importedWh, exportedWh] = [0n, 0n]
      const readings: CountedReading[] = [{ time: from, registers: { importedWh, exportedWh }, digest: "0x" }]
      for (let h = 0; h < hours; h++) {
        const net = BigInt(pv[h]! - load[h]!)
        if (net > 0n) exportedWh += net
        else importedWh -= net
        readings.push({ time: from + (h + 1) * hour, registers: { importedWh, exportedWh }, digest: "0x" })
      }
      const name: Hex = `0x${String(i + 1).padStart(64, "0")}`
      return {
        meterId: name,
        household: name,
        startTime: from,
        startWh: 0n,
        ratedW: 100_000,
        restarts: [],
        before: undefined,
        stated: undefined,
        counted: readings,
      }
    })
    const { households } = computeBatch(parts, from, from + hours * hour, {
      intervalSeconds: hour,
      sharingKey: { name: "proportional", version: 1 },
      headroomBasisPoints: 1000,
      clockToleranceSeconds: 120,
    })
    const records = households.flatMap((household) => household.records)
    const total = (of: "importedWh" | "exportedWh" | "givenWh" | "receivedWh") =>
      records.reduce((sum, { energy }) => sum + energy![of], 0n)

    t.equal(households.length, 17)
    t.equal(records.length, 17 * hours)
    // The file's own totals, as its description states them: load − generation = import − export.
    t.equal(total("importedWh") - total("exportedWh"), 169_644_210n - 103_425_908n)

    // Independently of intervals and shares: each hour's smaller of all surpluses and all deficits.
    let expected = 0
    for (let h = 0; h < hours; h++) {
      const nets = homes.map(({ load, pv }) => pv[h]! - load[h]!)
      const surplus = nets.reduce((sum, net) => sum + Math.max(0, net), 0)
      const deficit = nets.reduce((sum, net) => sum + Math.max(0, -net), 0)
      expected += Math.min(surplus, deficit)
    }
    t.equal(expected, 17_695_689)

    // 17,695,690 Wh is what the same year gives before the file was rounded to whole Wh, home by home and hour by
    // hour; from the whole Wh that stand in it, nothing is lost or made by sharing, to the last one.
    t.equal(total("givenWh"), 17_695_689n)
    t.equal(total("receivedWh"), 17_695_689n)
  },
)
