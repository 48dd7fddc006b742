import { readFileSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { parseScenario, type Scenario, ScenarioError } from "./scenario.ts"
import { createHome, type Home, type World } from "./world/home.ts"
import { readHomes } from "./world/homes-file.ts"

/** Exact energies between two times, in whole Wh; used = generated + imported - exported. */
export interface EnergyBalance {
  generatedWh: bigint
  usedWh: bigint
  importedWh: bigint
  exportedWh: bigint
}

export interface Truth {
  homes: (EnergyBalance & { name: string })[]
  total: EnergyBalance
}

/**
 * Reads a scenario file; the files that it names are relative to it.
 * @throws ScenarioError
 */
export function readScenario(file: string): Scenario {
  const scenario = parseScenario(readText(file), file)
  const from = (path: string) => resolve(dirname(file), path)
  return {
    ...scenario,
    ...(scenario.data && { data: { ...scenario.data, file: from(scenario.data.file) } }),
    ...(scenario.state !== undefined && { state: from(scenario.state) }),
    ...(scenario.mqtt?.caFile !== undefined && {
      mqtt: { ...scenario.mqtt, caFile: from(scenario.mqtt.caFile) },
    }),
    meters: scenario.meters.map((meter) =>
      meter.kind === "mqtt" && meter.certFile !== undefined && meter.keyFile !== undefined
        ? { ...meter, certFile: from(meter.certFile), keyFile: from(meter.keyFile) }
        : meter,
    ),
  }
}

/** The scenario's homes by name, in its order. Reads the data file if there is one. */
export function openHomes(scenario: Scenario): Map<string, Home> {
  const { seed, place, start, data } = scenario
  const world: World = { seed, start }
  if (place) world.place = place
  if (data) {
    const homes = readHomes(readText(data.file), data.file)
    world.data = { ...homes, firstHour: data.from ?? homes.firstHour }
  }
  return new Map(scenario.homes.map((spec) => [spec.name, createHome(spec, world)]))
}

/** What really happened from `from` to `to` (Unix seconds), as the homes' true registers tell. */
export function truthOf(homes: Iterable<Home>, from: number, to: number): Truth {
  const total: EnergyBalance = { generatedWh: 0n, usedWh: 0n, importedWh: 0n, exportedWh: 0n }
  const balances = Array.from(homes, (home) => {
    const before = home.registersAt(from)
    const after = home.registersAt(to)
    const generatedWh = after.generatedWh - before.generatedWh
    const importedWh = after.importedWh - before.importedWh
    const exportedWh = after.exportedWh - before.exportedWh
    const balance = { generatedWh, usedWh: generatedWh + importedWh - exportedWh, importedWh, exportedWh }
    for (const key of Object.keys(total) as (keyof EnergyBalance)[]) total[key] += balance[key]
    return { name: home.name, ...balance }
  })
  return { homes: balances, total }
}

/** The same for a scenario, by its world alone and without running it. */
export function truth(scenario: Scenario, from: number, to: number): Truth {
  return truthOf(openHomes(scenario).values(), from, to)
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8")
  } catch (cause) {
    throw new ScenarioError(`${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
}
