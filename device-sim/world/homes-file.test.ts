import { readFileSync } from "node:fs"
import t from "tap"
import { sharedFile } from "../shared-file.ts"
import { createHome } from "./home.ts"
import { HomesFileError, readHomes } from "./homes-file.ts"

const table = `hour,a_load_wh,a_pv_wh,b_load_wh,b_pv_wh,grid_gco2_per_kwh
2016-07-31T23:00,1000,0,5,7,170.7
2016-08-01T00:00,851,1900,1371,0,157.3
`

t.test("a table is read by its columns' names, other columns are ignored", async (t) => {
  t.same(readHomes(table, "homes.csv"), {
    firstHour: Date.UTC(2016, 6, 31, 23) / 1000,
    hours: 2,
    homes: [
      { name: "a", loadWh: [1000, 851], generatedWh: [0, 1900] },
      { name: "b", loadWh: [5, 1371], generatedWh: [7, 0] },
    ],
  })
})

t.test("what cannot be read is named by file and line", async (t) => {
  for (const [from, to, message] of [
    ["hour,", "time,", /^homes.csv, line 1: /],
    ["b_pv_wh", "b_sun_wh", /^homes.csv, line 1: There is a column b_load_wh and no column b_pv_wh/],
    ["b_", "a_", /^homes.csv, line 1: /],
    ["1371", "13.71", /^homes.csv, line 3: b_load_wh: "13.71" is not a whole number of Wh/],
    ["1371", "-1", /^homes.csv, line 3: /],
    ["1371", "", /^homes.csv, line 3: /],
    ["08-01T00", "08-01T01", /^homes.csv, line 3: 2016-08-01T01:00 does not follow/],
    ["08-01T00", "13-01T00", /^homes.csv, line 3: "2016-13-01T00:00" is not a full hour/],
    [",157.3", "", /^homes.csv, line 3: The row has 5 cells, the header has 6/],
  ] as const)
    t.throws(() => readHomes(table.replaceAll(from, to), "homes.csv"), { message, name: HomesFileError.name })
  t.throws(() => readHomes("", "homes.csv"), HomesFileError)
  t.throws(() => readHomes("hour,a_load_wh,a_pv_wh\n", "homes.csv"), HomesFileError)
})

t.test("an hour's energy is spread linearly and nets within the hour", async (t) => {
  const data = readHomes(table, "homes.csv")
  const home = createHome({ name: "A", column: "a" }, { seed: 0, start: data.firstHour, data })
  t.same(home.powerAt(data.firstHour), { generatedW: 0, usedW: 1000, importedW: 1000, exportedW: 0 })
  t.equal(home.registersAt(data.firstHour + 1800).importedWh, 500n)
  t.same(home.registersAt(data.firstHour + 7200), {
    generatedWh: 1900n,
    importedWh: 1000n,
    exportedWh: 1049n,
  })
  t.same(
    home.registersAt(data.firstHour + 99_999),
    home.registersAt(data.firstHour + 7200),
    "the data end here",
  )
  t.throws(() => createHome({ name: "C", column: "c" }, { seed: 0, start: 0, data }), {
    message: 'The data has no home "c".',
    next: "It has: a, b.",
  })
})

const real = sharedFile("data/sierra-crest-17-homes-hourly.csv")
const skip = "missing" in real ? { skip: real.missing } : {}

t.test(
  "the real homes' registers equal the file's sums at every full hour, to the Wh, for all 17",
  skip,
  async (t) => {
    if ("missing" in real) return
    const data = readHomes(readFileSync(real.file, "utf8"), real.file)
    t.equal(data.homes.length, 17)
    t.equal(data.hours, 8760)
    let generatedTotal = 0n
    let loadTotal = 0n
    for (const { name, loadWh, generatedWh } of data.homes) {
      const home = createHome({ name, column: name }, { seed: 0, start: data.firstHour, data })
      let [load, generated, imported, exported, wrong] = [0n, 0n, 0n, 0n, 0]
      for (let hour = 0; hour < data.hours; hour++) {
        const net = BigInt(loadWh[hour]! - generatedWh[hour]!)
        load += BigInt(loadWh[hour]!)
        generated += BigInt(generatedWh[hour]!)
        if (net > 0n) imported += net
        else exported -= net
        const shown = home.registersAt(data.firstHour + (hour + 1) * 3600)
        if (shown.generatedWh !== generated || shown.importedWh !== imported || shown.exportedWh !== exported)
          wrong++
      }
      t.equal(wrong, 0, name)
      generatedTotal += generated
      loadTotal += load
    }
    t.equal(generatedTotal, 103_425_908n)
    t.equal(loadTotal, 169_644_210n)
  },
)
