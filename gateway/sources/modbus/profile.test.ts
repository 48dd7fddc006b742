import { readFileSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { PersonError } from "../../../protocol/error.ts"
import { deviceFor, signsItself } from "./devices.ts"
import { parseProfile, profileNamed, readProfiles, shippedProfiles } from "./profile.ts"
import type { Measures } from "./profile-shape.ts"
import { unitWith } from "./unit.test.support.ts"

/** A small profile as an operator writes it, with something else in place of a line. */
const text = (line?: string, other = "") => {
  const whole = `kind: registers
maker: Nobody
model: One
source: this test
function: 3
points:
  energy:
    address: 10
    type: uint32
    unit: Wh
  power: { address: 12, type: int16, unit: W }
measures:
  generation:
    generatedWh: energy
    powerW: power
`
  return line === undefined ? whole : whole.replace(line, other)
}

t.test("a profile that does not exist is refused with those that do", async (t) => {
  t.throws(() => profileNamed("sdm6300"), {
    name: PersonError.name,
    message: 'There is no meter profile "sdm6300".',
    next: "Use one of: bsm-ws36a, em24-ethernet, em24-rs485, iem3000, iskra-wm3m4c, sdm120, sdm630, sma, sunspec.",
  })
  t.throws(() => profileNamed("constructor"), PersonError)
})

t.test("each profile names its sources, and becomes a device for what it measures", async (t) => {
  for (const [name, profile] of shippedProfiles) {
    t.ok(profile.source.length > 20, name)
    const measures = "measures" in profile ? (Object.keys(profile.measures) as Measures[]) : ["grid" as const]
    for (const one of measures) t.ok(deviceFor(profile, { measures: one }), `${name} for ${one}`)
    t.equal(signsItself(profile), name === "bsm-ws36a" || name === "iskra-wm3m4c")
  }
})

t.test("a mistake is named with its file and its line", async (t) => {
  const cases: [line: string, other: string, at: string][] = [
    ["kind: registers", "kind: register", "p.yaml:1: kind:"],
    ["maker: Nobody\n", "", "p.yaml:1: maker:"],
    ["type: uint32", "type: uint33", "p.yaml:9: points.energy.type:"],
    ["    address: 10", "    address: 65536", "p.yaml:8: points.energy.address:"],
    ["    unit: Wh", "    unti: Wh", "p.yaml:10: points.energy.unti: is not known here"],
    [
      "    unit: Wh",
      "    unit: VAh",
      "p.yaml:14: measures.generation.generatedWh: energy is not in Wh, kWh or MWh",
    ],
    [
      "generatedWh: energy",
      "generatedWh: enrgy",
      "p.yaml:14: measures.generation.generatedWh: there is no point named enrgy",
    ],
    [
      "generatedWh: energy",
      "generatedWh: constructor",
      "p.yaml:14: measures.generation.generatedWh: there is no point named constructor",
    ],
    ["unit: W }", "unit: kW }", "p.yaml:15: measures.generation.powerW: power is not in W"],
    [
      "    unit: Wh",
      "    scaleFactor: sf",
      "p.yaml:10: points.energy.scaleFactor: there is no point named sf",
    ],
    ["    unit: Wh", "    scale: 0", "p.yaml:10: points.energy.scale: must not be 0"],
    ["type: uint32", "type: string", "p.yaml:7: points.energy: a string needs its number of registers"],
    ["    unit: Wh", "    notANumber: [8000]", "p.yaml:10: points.energy.notANumber.0:"],
    [
      "function: 3",
      "function: 3\nquirks: { mostRegisters: 1 }",
      "p.yaml:9: points.energy.address: needs 2 registers",
    ],
    [
      "function: 3",
      "function: 3\nquirks: { boundaries: [11] }",
      "p.yaml:9: points.energy.address: lies across the boundary at 11",
    ],
    [
      "function: 3",
      "function: 3\naddressesFrom: 1\nidentity: { serial: number }",
      "p.yaml:7: identity.serial: there is no point named number",
    ],
    ["    address: 10", "    address: 10\n    address: 11", "p.yaml:9:"],
    ["source: this test", "source: [", "p.yaml:"],
  ]
  for (const [line, other, at] of cases) {
    t.not(text(line, other), text(), `${line} is in the text`)
    try {
      parseProfile(text(line, other), "p.yaml")
      t.fail(`${other} passes`)
    } catch (error) {
      t.ok(
        error instanceof PersonError && error.context.some((where) => where.startsWith(at)),
        `${at} is in ${(error as PersonError).context}`,
      )
    }
  }
  for (const nothing of ["", "[]", "7", "- a\n- b"])
    t.throws(() => parseProfile(nothing, "p.yaml"), PersonError)
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`
  t.throws(() => parseProfile(bomb, "p.yaml"), PersonError)
})

t.test("an operator's own profile is used beside the others, without touching the program", async (t) => {
  const folder = t.testdir({ "my-meter.yaml": text(), "README.md": "notes", ".draft.yaml": "[" })
  const profiles = readProfiles(folder)
  t.same([...profiles.keys()].sort(), [...shippedProfiles.keys(), "my-meter"].sort())
  const unit = unitWith({ holding: { 10: "0000 04d2", 12: "ffff" } })
  const { snapshot } = await deviceFor(profileNamed("my-meter", profiles), { measures: "generation" }).poll(
    unit,
    () => 1,
  )
  t.same(snapshot, { registers: { generatedWh: 1234n }, powerW: -1, resolutionWh: 1 })
})

t.test("a name that is taken and a file that is broken stop the start, with their path", async (t) => {
  const read = (files: Record<string, string>) => {
    const folder = t.testdir(files)
    return { folder, read: () => readProfiles(folder) }
  }
  const taken = read({ "sdm630.yaml": text() })
  t.throws(taken.read, {
    message: 'There are two meter profiles of the name "sdm630".',
    context: [`${join(taken.folder, "sdm630.yaml")}: one comes with the program`],
  })
  t.throws(read({ "mine.yaml": text(), "mine.yml": text() }).read, {
    message: /two meter profiles of the name "mine"/,
  })
  const broken = read({ "mine.json": '{\n  "kind": "registers"\n}' })
  t.throws(broken.read, { name: PersonError.name, message: /mine.json has \d+ mistake/ })
  t.throws(() => readProfiles(join(taken.folder, "nowhere")), PersonError)
})

t.test("the examples of the documentation are profiles, and read what they say", async (t) => {
  const text = readFileSync("docs/profiles.md", "utf8")
  const examples = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, example]) => example!)
  const [profile, other] = examples.map((example) => parseProfile(example, "docs/profiles.md"))
  t.equal(other?.kind, "sunspec")
  const unit = unitWith({
    holding: {
      255: "4142 3132 3300",
      3029: "08fd 0000",
      3033: "04d2",
      3059: "ffff ffff",
      4095: "e240 0001",
      4097: "0001 0000",
      4099: "ffff",
    },
  })
  const device = deviceFor(profile!, { measures: "grid", serial: "AB123" })
  t.same(await device.identify(unit), { maker: "Example", model: "EX-300", serial: "AB123" })
  const { points, snapshot } = await device.poll(unit, () => 1)
  t.same(snapshot, { registers: { importedWh: 1_234_560n, exportedWh: 10n }, powerW: -1, resolutionWh: 10 })
  t.match(
    points.find(({ name }) => name === "voltage"),
    { value: 230.1, unit: "V", resolution: 0.1 },
  )
  t.match(
    points.find(({ name }) => name === "temperature"),
    { quality: "not-implemented" },
  )
})
