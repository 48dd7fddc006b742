import { existsSync, readFileSync } from "node:fs"
import t from "tap"
import { models, pointsOf } from "./models.ts"

const folder = "../shared/data/sunspec-models"

interface Standard {
  group: Group
}
interface Group {
  name: string
  points: { name: string; type: string; size: number; sf?: string; units?: string }[]
  groups?: Group[]
}

/** Where the points of a group stand, by the standard's own file. */
function standing({ points }: Group) {
  let offset = 0
  return points.map((point) => {
    const at = { ...point, offset }
    offset += point.size
    return at
  })
}

const sunSpecUnits: Record<string, string | undefined> = {
  Pct: "%",
  C: "°C",
  Var: "var",
  Varh: "varh",
  Secs: "s",
  PF: undefined,
}
const unitOf = (units: string | undefined) =>
  units !== undefined && units in sunSpecUnits ? sunSpecUnits[units] : units

for (const [id, { rows, repeat }] of models) {
  const file = `${folder}/model_${id}.json`
  const absent = !existsSync(file) && `${file} is not here`
  t.test(`our table of model ${id} is the standard's`, { skip: absent }, async (t) => {
    const { group }: Standard = JSON.parse(readFileSync(file, "utf8"))
    const compare = (ours: typeof rows, theirs: ReturnType<typeof standing>) => {
      for (const { offset, name, type, factor, unit } of ours) {
        const other = theirs.find((point) => point.offset === offset)
        t.ok(other, `${name} at ${offset}`)
        if (!other) continue
        t.equal(type.replace(/^string\d+$/, `string`), other.type, name)
        if (other.type === "string") t.equal(type, `string${other.size}`)
        t.equal(factor, other.sf, `${name}: scale factor`)
        t.equal(unit, unitOf(other.units), `${name}: unit`)
        // The meter models name three voltages differently from one another.
        if (!/^(PP|Ph)Vph/.test(name)) t.equal(name, other.name)
      }
    }
    compare(rows, standing(group))
    const length = group.points.reduce((sum, { size }) => sum + size, 0)
    if (repeat) {
      const inner = group.groups![0]!
      compare(repeat.rows, standing(inner))
      t.equal(repeat.name, inner.name)
      t.equal(repeat.from, length)
      t.equal(
        repeat.registers,
        inner.points.reduce((sum, { size }) => sum + size, 0),
      )
    }
    const counted = group.points.filter(
      ({ name }) => /Wh(Inj|Abs|Exp|Imp)?$|^WH$/.test(name) && !/var/i.test(name),
    )
    for (const { name } of counted)
      t.ok(
        rows.some((row) => row.name === name),
        `${name} is in our table`,
      )
  })
}

t.test("no model has a point that one request cannot bring with its scale factor", async (t) => {
  for (const [id, { rows, repeat }] of models) {
    const length = (repeat ? repeat.from + 3 * repeat.registers : rows.at(-1)!.offset + 16) - 2
    const model = { id, address: 0, length, occurrence: 1 }
    const expected = rows.filter(({ type }) => type !== "sunssf").length + 3 * (repeat?.rows.length ?? 0)
    t.equal(pointsOf(model, 125).length, expected, `model ${id}`)
  }
})
