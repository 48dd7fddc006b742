import fc from "fast-check"
import t from "tap"
import { createHome, type HomeSpec, type World } from "./home.ts"
import { loadKindNames } from "./load-kinds.ts"
import { modelledHomes } from "./modelled-homes.ts"

const start = Date.UTC(2025, 4, 1) / 1000 + 1234
const day = 86_400
const world: World = { seed: 7, place: { latitude: 47.995, longitude: 7.85 }, start }

const specs = fc.record({
  name: fc.string({ minLength: 1, maxLength: 9 }),
  load: fc.constantFrom(...loadKindNames),
  panelsW: fc.integer({ min: 0, max: 30_000 }),
  tilt: fc.integer({ min: 0, max: 90 }),
  azimuth: fc.integer({ min: 0, max: 360 }),
})
const worlds = fc.record({
  seed: fc.integer({ min: 0, max: 0xffffffff }),
  place: fc.record({
    latitude: fc.integer({ min: -90, max: 90 }),
    longitude: fc.integer({ min: -180, max: 180 }),
  }),
  start: fc.integer({ min: 1_400_000_000, max: 1_800_000_000 }),
})
const moments = fc.array(fc.integer({ min: 0, max: 9 * day }), { minLength: 2, maxLength: 6 })

t.test("load = generated + imported - exported, to the joule, at every time", async (t) => {
  fc.assert(
    fc.property(specs, worlds, moments, (spec, world, times) => {
      const home = createHome(spec, world)
      for (const time of times) {
        const { used, generated, imported, exported } = home.energyAt(world.start + time)
        if (used !== generated + imported - exported) return false
        const { generatedWh, importedWh, exportedWh } = home.registersAt(world.start + time)
        const off = BigInt(Math.floor(used / 3600)) - (generatedWh + importedWh - exportedWh)
        if (off < -1n || off > 2n) return false
      }
      return true
    }),
    { numRuns: 40 },
  )
  t.pass()
})

t.test("registers never fall, in whatever order times are asked for", async (t) => {
  fc.assert(
    fc.property(specs, worlds, moments, (spec, world, times) => {
      const home = createHome(spec, world)
      const asked = times.map((time) => ({ time, ...home.energyAt(world.start + time) }))
      asked.sort((a, b) => a.time - b.time)
      return asked.every((at, i) => {
        const before = asked[i - 1]
        return (
          !before ||
          (at.generated >= before.generated &&
            at.imported >= before.imported &&
            at.exported >= before.exported)
        )
      })
    }),
    { numRuns: 40 },
  )
  t.pass()
})

t.test("generation never exceeds the rated power over any window", async (t) => {
  fc.assert(
    fc.property(
      specs,
      worlds,
      fc.integer({ min: 0, max: 3 * day }),
      fc.integer({ min: 1, max: 20_000 }),
      (spec, world, from, length) => {
        const home = createHome(spec, world)
        const begin = home.energyAt(world.start + from).generated
        return home.energyAt(world.start + from + length).generated - begin <= spec.panelsW * length
      },
    ),
    { numRuns: 60 },
  )
  const bright = createHome({ name: "A", load: "single", panelsW: 1, tilt: 0 }, world)
  for (let time = start; time < start + day; time += 60) t.ok(bright.powerAt(time).generatedW <= 1)
})

t.test("a home is a function of time: a late start, a jump back and single steps agree", async (t) => {
  const spec: HomeSpec = { name: "Home 1", load: "family", panelsW: 5000 }
  const stepwise = createHome(spec, world)
  for (let time = start; time <= start + 3 * day; time += 917) {
    const fresh = createHome(spec, world)
    t.same(stepwise.registersAt(time), fresh.registersAt(time))
  }
  t.same(stepwise.registersAt(start + 5000), createHome(spec, world).registersAt(start + 5000))
})

t.test("power is what the registers gain", async (t) => {
  const home = createHome({ name: "Home 1", load: "home office", panelsW: 6000 }, world)
  for (let time = start; time < start + day; time += 977) {
    const power = home.powerAt(time)
    const before = home.energyAt(time)
    const after = home.energyAt(time + 1)
    t.equal(after.generated - before.generated, power.generatedW)
    t.equal(after.imported - before.imported, power.importedW)
    t.equal(after.exported - before.exported, power.exportedW)
    t.equal(after.used - before.used, power.usedW)
  }
})

t.test("registers are 0 at the world's start and before it", async (t) => {
  const home = createHome({ name: "Home 1", load: "single", panelsW: 4000 }, world)
  t.same(home.registersAt(start), { generatedWh: 0n, importedWh: 0n, exportedWh: 0n })
  t.same(home.registersAt(start - 1000), { generatedWh: 0n, importedWh: 0n, exportedWh: 0n })
})

t.test("the same seed gives the same world and another seed another", async (t) => {
  const energies = (seed: number) =>
    modelledHomes(5, 3).map((spec) => createHome(spec, { ...world, seed }).registersAt(start + 2 * day))
  t.same(energies(1), energies(1))
  t.notSame(energies(1), energies(2))
})

t.test("neighbours see the same weather: their yields per panel lie within a few per cent", async (t) => {
  const yields = ["A", "B", "C"].map((name) => {
    const home = createHome({ name, load: "single", panelsW: 5000 }, world)
    return home.energyAt(start + 10 * day).generated
  })
  t.ok(Math.max(...yields) / Math.min(...yields) < 1.08, yields.join(" "))
  t.equal(new Set(yields).size, 3)
})

t.test(
  "a year looks like a year: 900 to 1,500 Wh per W in Freiburg, and homes use 4 to 30 kWh a day",
  async (t) => {
    for (const load of loadKindNames) {
      const home = createHome({ name: load, load, panelsW: 1000 }, world)
      const year = home.energyAt(start + 365 * day)
      const yieldPerW = year.generated / 3600 / 1000
      t.ok(yieldPerW > 900 && yieldPerW < 1500, `${yieldPerW} Wh per W`)
      const kWhPerDay = year.used / 3.6e6 / 365
      t.ok(kWhPerDay > 4 && kWhPerDay < 30, `${load} uses ${kWhPerDay} kWh a day`)
    }
  },
)

t.test("modelled homes are varied, and the last of them has no panels", async (t) => {
  const homes = modelledHomes(6, 1)
  t.same(homes, modelledHomes(6, 1))
  t.notSame(homes, modelledHomes(6, 2))
  t.equal(homes.filter(({ panelsW }) => panelsW).length, 5)
  t.equal(homes[5]!.panelsW, undefined)
  t.ok(new Set(homes.map(({ load }) => load)).size >= 5)
  t.ok(modelledHomes(1, 1)[0]!.panelsW)
})
