import { existsSync, readFileSync } from "node:fs"
import { resolve } from "node:path"
import t from "tap"
import { judgeRegister, newRegister, type RegisterMemory } from "./register.ts"

const file = resolve(
  process.env.COMMONWATT_SHARED ?? "../shared",
  "data/konstanz-1-home-registers-hourly.csv",
)
const skip = existsSync(file) ? false : "the home's file is not there; COMMONWATT_SHARED names its folder"
/** A connection of 3 x 43.5 A. */
const ratedW = 30_000
/** What is counted of each register over the whole file, Wh. */
const counted = { grid_export_kwh: 9_563_098n, grid_import_kwh: 6_321_316n, pv_kwh: 12_336_971n } as const
type Column = keyof typeof counted

const [head, ...lines] = skip ? [""] : readFileSync(file, "utf8").trim().split(/\r?\n/)
const rows = lines.map((line) => line.split(","))
/** Hours that are not in the file are not there: it has 11,527 of 11,681. */
const times = rows.map(([utc]) => Date.parse(utc!) / 1000)

/** Values of a column in whole Wh; undefined where there is none. */
function readColumn(name: Column): (bigint | undefined)[] {
  const at = head!.split(",").indexOf(name)
  return rows.map((row) => (row[at] === "" ? undefined : BigInt(Math.round(Number(row[at]) * 1000))))
}

function count(shown: readonly (bigint | undefined)[]) {
  const bounds = { ratedW, headroomBasisPoints: 1000, clockToleranceSeconds: 120 }
  const kinds = new Map<string, number>()
  let last: { wh: bigint; time: number } | undefined
  let first = 0n
  let memory: RegisterMemory | undefined
  for (const [row, value] of shown.entries()) {
    if (value === undefined) continue
    const time = times[row]!
    if (!last || !memory) {
      last = { wh: value, time }
      first = value
      memory = newRegister(value, time)
      continue
    }
    const verdict = judgeRegister(last, value, time, 0n, memory, bounds)
    memory = verdict.memory
    kinds.set(verdict.kind, (kinds.get(verdict.kind) ?? 0) + 1)
    if ("countedWh" in verdict) last = { wh: verdict.countedWh, time }
  }
  return { wh: last!.wh - first, kinds, restarts: memory?.counter?.restarts ?? 0 }
}

/** What the file says by itself, without any rule: the last value less the first. */
function sumOf(shown: readonly (bigint | undefined)[]): bigint {
  const there = shown.filter((value) => value !== undefined)
  return there.at(-1)! - there[0]!
}

for (const name of Object.keys(counted) as Column[])
  t.test(
    `a real home's register ${name} is counted to the Wh, and no fault of its display adds one`,
    { skip },
    async (t) => {
      const shown = readColumn(name)
      const { wh, kinds, restarts } = count(shown)
      t.equal(wh, counted[name])
      t.equal(wh, sumOf(shown))
      t.equal(restarts, 0)
      t.same(
        [...kinds.keys()].filter((kind) => kind !== "gap" && kind !== "late"),
        [],
        "every reading counts",
      )
      const each = (by: number, lie: (value: bigint, i: number) => bigint | undefined) =>
        shown.map((value, i) =>
          value !== undefined && i > 48 && i < shown.length - 48 && i % by === 0 ? lie(value, i) : value,
        )
      const faults: Record<string, (bigint | undefined)[]> = {
        "0 now and then": each(37, () => 0n),
        "0 every night": shown.map((value, i) =>
          i > 48 && i < shown.length - 48 && i % 24 < 5 ? 0n : value,
        ),
        "a digit lost": each(41, (value) => value / 10n),
        "a wild value": each(43, (value) => value + 5_000_000n),
        "absent for days": shown.map((value, i) =>
          i > 48 && i < shown.length - 48 && i % 500 < 100 ? undefined : value,
        ),
        frozen: shown.map((value, i) =>
          i > 48 && i < shown.length - 48 && i % 97 < 9 ? shown[i - (i % 97)] : value,
        ),
      }
      for (const [fault, values] of Object.entries(faults)) {
        t.equal(count(values).wh, wh, fault)
      }

      // Reset after each 1,000th row, just behind a reading, so that nothing is lost.
      let from = 0n
      const resets = shown.map((value, i) => {
        if (i > 0 && i % 1000 === 0) from = shown[i - 1] ?? from
        return value === undefined ? undefined : value - from
      })
      const through = count(resets)
      t.equal(through.wh, wh)
      t.equal(through.restarts, 11)
    },
  )
