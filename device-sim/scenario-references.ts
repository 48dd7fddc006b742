import type { z } from "zod"
import { inverters, signingDevices } from "./devices/devices.ts"
import { type BusFaultName, busFaults, isBusFault } from "./faults/bus.ts"
import { isMessageFault } from "./faults/message.ts"
import { isOperationFault } from "./faults/operation.ts"
import { sizedFaults } from "./faults/register.ts"
import type {
  BusSpec,
  FaultSpec,
  MeterSpec,
  ModbusMeterSpec,
  MqttMeterSpec,
  Scenario,
} from "./scenario-shape.ts"
import { inverterModels, meterModels } from "./sunspec/models.ts"

/** What the shape alone cannot say: that names name something, and that things fit each other. */
export function checkReferences(it: Scenario, context: z.core.$RefinementCtx<Scenario>): void {
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
    if (meter.kind === "mqtt") checkMqttMeter(meter, (message, key) => complain(message, "meters", i, key))
    else checkModbusMeter(meter, (message, key) => complain(message, "meters", i, key))
    if (meter.kind === "mqtt" && !it.mqtt) complain("A meter on MQTT needs mqtt.url.", "meters", i, "kind")
    const { secret } = meter
    const hasSame = (other: MeterSpec) => other.secret !== undefined && bare(other.secret) === bare(secret!)
    if (secret !== undefined && meters.findIndex(hasSame) !== i)
      complain("Two meters have the same secret.", "meters", i, "secret")
    if (meter.kind === "modbus") {
      if (!buses.some(({ name }) => name === meter.bus))
        complain(`There is no bus "${meter.bus}".`, "meters", i, "bus")
      const same = (other: MeterSpec) =>
        other.kind === "modbus" && other.bus === meter.bus && other.unit === meter.unit
      if (meters.findIndex(same) !== i)
        complain(`Unit ${meter.unit} is on bus "${meter.bus}" twice.`, "meters", i, "unit")
    }
  })
  for (const [i, fault] of faults.entries())
    checkFault(fault, it, (message, key) => complain(message, "faults", i, key))
}

type Complain = (message: string, key: string) => void

function checkMqttMeter(
  { certFile, keyFile, format, laterKeys = [] }: MqttMeterSpec,
  complain: Complain,
): void {
  if (format === "ocmf" && laterKeys.length > 0)
    complain("A meter that signs in a format of its maker keeps its key.", "laterKeys")
  if (laterKeys.some(({ from }, i) => i > 0 && from <= laterKeys[i - 1]!.from))
    complain("Each key is in force later than the one before it.", "laterKeys")
  if ((certFile === undefined) !== (keyFile === undefined))
    complain(
      "A client certificate needs its key, and the key its certificate.",
      certFile ? "keyFile" : "certFile",
    )
}

function checkModbusMeter({ device, measures, secret, sunspec }: ModbusMeterSpec, complain: Complain): void {
  if (inverters.has(device) && measures !== "generation")
    complain(`A ${device} measures generation.`, "measures")
  if (signingDevices.has(device) && !secret) complain(`A ${device} signs: it needs a secret.`, "secret")
  if (!signingDevices.has(device) && secret) complain(`A ${device} has no key of its own.`, "secret")
  if (!sunspec) return
  const known: readonly number[] | undefined =
    device === "sunspec-inverter" ? inverterModels : device === "sunspec-meter" ? meterModels : undefined
  if (!known) complain(`A ${device} is no SunSpec device that can be configured.`, "sunspec")
  else
    for (const model of sunspec.models ?? [])
      if (!known.includes(model)) complain(`A ${device} has no model ${model}.`, "sunspec")
}

function checkFault(spec: FaultSpec, it: Scenario, complain: Complain): void {
  const { fault } = spec
  const place = placeOf(spec, it)
  if (place.wrong) complain(...place.wrong)
  else if (isBusFault(fault)) checkBusFault(fault, place.bus!, complain)
  else checkMeterFault(fault, place.meter!, complain)
  const sizes = [
    ["wh", sizedFaults.has(fault)],
    ["seconds", fault === "clock-step"],
    ["times", isBusFault(fault)],
    ["delayMs", fault === "late"],
    ["code", fault === "exception"],
  ] as const
  for (const [size, fits] of sizes)
    if (spec[size] !== undefined && !fits) complain(`${fault} has no ${size}.`, size)
}

interface Place {
  meter?: MeterSpec | undefined
  bus?: BusSpec | undefined
  wrong?: [message: string, key: string]
}

/** Where a fault happens: a bus for the faults of a bus, else a meter. */
function placeOf(
  { fault, meter: meterName, bus: busName }: FaultSpec,
  { meters, buses = [] }: Scenario,
): Place {
  if ((meterName === undefined) === (busName === undefined))
    return { wrong: ["A fault is either of a meter or of a bus.", meterName === undefined ? "meter" : "bus"] }
  const meter = meters.find(({ name }) => name === meterName)
  const onBus = busName ?? (meter?.kind === "modbus" ? meter.bus : undefined)
  const bus = buses.find(({ name }) => name === onBus)
  if (meterName !== undefined && !meter) return { wrong: [`There is no meter "${meterName}".`, "meter"] }
  if (busName !== undefined && !bus) return { wrong: [`There is no bus "${busName}".`, "bus"] }
  if (isBusFault(fault) && meter?.kind === "mqtt")
    return { wrong: [`A meter on MQTT is on no bus; ${fault} is for Modbus.`, "fault"] }
  if (isBusFault(fault) && !bus) return { wrong: ["The meter is on a bus that is not there.", "meter"] }
  if (!isBusFault(fault) && !meter)
    return { wrong: [`${fault} is a fault of a meter, not of a bus.`, "fault"] }
  return { meter, bus }
}

function checkBusFault(fault: BusFaultName, bus: BusSpec, complain: Complain): void {
  const { only } = busFaults[fault]
  const rtu = "serial" in bus || bus.framing === "rtu"
  if (only === "rtu" && !rtu) complain(`${fault} is for RTU; bus "${bus.name}" is Modbus TCP.`, "fault")
  if (only === "tcp" && rtu) complain(`${fault} is for Modbus TCP; bus "${bus.name}" is RTU.`, "fault")
  if (only === "connection" && "serial" in bus)
    complain(`Bus "${bus.name}" is a serial line and has no connection; ${fault} is for TCP.`, "fault")
}

function checkMeterFault(fault: string, meter: MeterSpec, complain: Complain): void {
  if (meter.kind === "mqtt") {
    if (fault === "not-a-number")
      complain("A signed reading has no place for what is not a number; not-a-number is for Modbus.", "fault")
    return
  }
  const signs = signingDevices.has(meter.device)
  if (isMessageFault(fault) && !(signs && ["tampered", "wrong-key"].includes(fault)))
    complain(`A meter on Modbus sends no messages; ${fault} is for MQTT.`, "fault")
  if (isOperationFault(fault) && !signs)
    complain(`A ${meter.device} signs nothing; ${fault} is for meters that sign.`, "fault")
}

function bare(secret: string): string {
  return secret.replace(/^0x/, "").toLowerCase()
}
