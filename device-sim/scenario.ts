import { parse } from "yaml"
import { z } from "zod"
import { PersonError } from "../protocol/error.ts"
import { deviceNames } from "./devices/devices.ts"
import { type FaultName, faultNames, isRegisterFault } from "./faults.ts"
import { loadKindNames } from "./world/load-kinds.ts"

const name = z.string().min(1).max(100)
const time = z.int().min(0)
const watts = z.int().min(0).max(10_000_000)
const wattHours = z.int().min(0)

const home = z.strictObject({
  name,
  panelsW: watts.exactOptional(),
  tilt: z.number().min(0).max(90).exactOptional(),
  azimuth: z.number().min(0).max(360).exactOptional(),
  load: z.enum(loadKindNames).exactOptional(),
  column: z.string().min(1).exactOptional(),
})

const startWh = z.strictObject({
  generated: wattHours.exactOptional(),
  imported: wattHours.exactOptional(),
  exported: wattHours.exactOptional(),
})

const ofAnyMeter = {
  name,
  home: name,
  measures: z.enum(["generation", "grid"]),
  startWh: startWh.exactOptional(),
}

const mqttMeter = z.strictObject({
  ...ofAnyMeter,
  kind: z.literal("mqtt"),
  secret: z.string().regex(/^(0x)?[0-9a-fA-F]{64}$/, "must be 32 bytes of hexadecimal"),
  every: z.int().min(1).max(86_400),
})

const modbusMeter = z.strictObject({
  ...ofAnyMeter,
  kind: z.literal("modbus"),
  device: z.enum(deviceNames),
  bus: name,
  unit: z.int().min(1).max(247),
  serial: z.int().min(0).max(0xffffffff).exactOptional(),
})

const fault = z.strictObject({
  meter: name,
  fault: z.enum(Object.keys(faultNames) as FaultName[]),
  at: time,
  lasts: z.int().min(1).exactOptional(),
})

const shape = z.strictObject({
  /** Without it, virtual time is the wall clock's. */
  clock: z
    .strictObject({
      start: time,
      wallStart: z.number().min(0),
      speed: z.number().gt(0).max(20_000),
      end: time.exactOptional(),
    })
    .exactOptional(),
  seed: z.int().min(0).max(0xffffffff),
  place: z
    .strictObject({ latitude: z.number().min(-90).max(90), longitude: z.number().min(-180).max(180) })
    .exactOptional(),
  data: z
    .strictObject({ file: z.string().min(1), from: time.multipleOf(3600).exactOptional() })
    .exactOptional(),
  start: time,
  homes: z.array(home).min(1),
  mqtt: z.strictObject({ url: z.url({ protocol: /^(mqtts?|wss?)$/ }) }).exactOptional(),
  meters: z.array(z.discriminatedUnion("kind", [mqttMeter, modbusMeter])),
  buses: z
    .array(z.strictObject({ name, host: z.string().min(1), port: z.int().min(0).max(65_535) }))
    .exactOptional(),
  faults: z.array(fault).exactOptional(),
  /** A file in which the process counts its boots. */
  state: z.string().min(1).exactOptional(),
})

/** What a simulator is told: times in Unix seconds, energy in whole Wh, powers in W. See docs/simulation.md. */
export type Scenario = z.infer<typeof shape>
export type MeterSpec = Scenario["meters"][number]
export type MqttMeterSpec = z.infer<typeof mqttMeter>
export type ModbusMeterSpec = z.infer<typeof modbusMeter>
export type FaultSpec = z.infer<typeof fault>
export type BusSpec = NonNullable<Scenario["buses"]>[number]

/** A scenario that cannot be run: the file, the place in it and the reason; further ones as context. */
export class ScenarioError extends PersonError {
  override name = "ScenarioError"
}

/**
 * Parses a scenario from YAML (or JSON, which YAML contains).
 * @throws ScenarioError
 */
export function parseScenario(text: string, fileName: string): Scenario {
  let value: unknown
  try {
    value = parse(text)
  } catch (cause) {
    throw new ScenarioError(`${fileName}: ${(cause as Error).message}`, { cause })
  }
  return checkScenario(value, fileName)
}

/** @throws ScenarioError */
export function checkScenario(value: unknown, fileName: string): Scenario {
  const result = shape.superRefine(checkReferences).safeParse(value)
  if (result.success) return result.data
  const [first = `${fileName} is not a scenario.`, ...context] = result.error.issues.map(
    ({ path, message }) => `${fileName}: ${pathOf(path)}${message}`,
  )
  throw new ScenarioError(first, { context, next: "docs/simulation.md has an example of each part." })
}

function pathOf(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("")
  return text === "" ? "" : `${text.replace(/^\./, "")}: `
}

function checkReferences(it: Scenario, context: z.core.$RefinementCtx<Scenario>): void {
  const complain = (message: string, ...path: (string | number)[]) =>
    context.addIssue({ code: "custom", message, path })
  const { homes, meters, buses = [], faults = [] } = it
  for (const [list, named] of Object.entries({ homes, meters, buses }))
    named.forEach(({ name }, i) => {
      if (named.findIndex((other) => other.name === name) !== i)
        complain(`"${name}" is there twice.`, list, i, "name")
    })
  if (it.clock && it.clock.start < it.start)
    complain("The clock starts before the world does.", "clock", "start")
  if (it.clock?.end !== undefined && it.clock.end < it.clock.start)
    complain("The clock ends before it starts.", "clock", "end")
  homes.forEach((home, i) => {
    if ((home.load === undefined) === (home.column === undefined))
      complain("A home has either a load (modelled) or a column (replayed).", "homes", i)
    if (home.load !== undefined && !it.place)
      complain("A modelled home needs a place for its sun.", "homes", i)
    if (home.column !== undefined && !it.data) complain("A replayed home needs data.", "homes", i, "column")
  })
  meters.forEach((meter, i) => {
    const home = homes.find(({ name }) => name === meter.home)
    if (!home) complain(`There is no home "${meter.home}".`, "meters", i, "home")
    else if (meter.measures === "generation" && home.load !== undefined && !home.panelsW)
      complain(`Home "${meter.home}" has no panels.`, "meters", i, "measures")
    for (const register of Object.keys(meter.startWh ?? {}))
      if ((register === "generated") !== (meter.measures === "generation"))
        complain(
          `A meter of ${meter.measures} has no register ${register}.`,
          "meters",
          i,
          "startWh",
          register,
        )
    if (meter.kind === "mqtt" && !it.mqtt) complain("A meter on MQTT needs mqtt.url.", "meters", i, "kind")
    if (meter.kind === "mqtt") {
      const same = (other: MeterSpec) => other.kind === "mqtt" && bare(other.secret) === bare(meter.secret)
      if (meters.findIndex(same) !== i) complain("Two meters have the same secret.", "meters", i, "secret")
    } else {
      if (!buses.some(({ name }) => name === meter.bus))
        complain(`There is no bus "${meter.bus}".`, "meters", i, "bus")
      const same = (other: MeterSpec) =>
        other.kind === "modbus" && other.bus === meter.bus && other.unit === meter.unit
      if (meters.findIndex(same) !== i)
        complain(`Unit ${meter.unit} is on bus "${meter.bus}" twice.`, "meters", i, "unit")
    }
  })
  faults.forEach(({ meter, fault }, i) => {
    const at = meters.find(({ name }) => name === meter)
    if (!at) complain(`There is no meter "${meter}".`, "faults", i, "meter")
    else if (at.kind === "modbus" && !isRegisterFault(fault))
      complain(`A meter on Modbus sends no messages; ${fault} is for MQTT.`, "faults", i, "fault")
  })
}

function bare(secret: string): string {
  return secret.replace(/^0x/, "").toLowerCase()
}
