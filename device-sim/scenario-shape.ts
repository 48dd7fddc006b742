import { z } from "zod"
import { deviceNames } from "./devices/devices.ts"
import { anyFaultNames } from "./faults/names.ts"
import { inverterModels, meterModels } from "./sunspec/models.ts"
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

const secret = z.string().regex(/^(0x)?[0-9a-fA-F]{64}$/, "must be 32 bytes of hexadecimal")
const file = z.string().min(1)

const mqttMeter = z.strictObject({
  ...ofAnyMeter,
  kind: z.literal("mqtt"),
  secret,
  every: z.int().min(1).max(86_400),
  /** Keys with which it signs after the first, each from a time on. Its meterId stays. */
  laterKeys: z
    .array(z.strictObject({ secret, from: time }))
    .min(1)
    .exactOptional(),
  /** Readings as COSE by an Ed25519 key, or OCMF records by a P-256 key; `cose` if absent. */
  format: z.enum(["cose", "ocmf"]).exactOptional(),
  /** A client certificate and its key, PEM. */
  certFile: file.exactOptional(),
  keyFile: file.exactOptional(),
  /** The meterId if absent. */
  username: z.string().min(1).exactOptional(),
  password: z.string().min(1).exactOptional(),
})

const modbusMeter = z.strictObject({
  ...ofAnyMeter,
  kind: z.literal("modbus"),
  device: z.enum(deviceNames),
  bus: name,
  unit: z.int().min(1).max(247),
  serial: z.int().min(0).max(0xffffffff).exactOptional(),
  /** Of a device with a key of its own. */
  secret: secret.exactOptional(),
  sunspec: z
    .strictObject({
      /** Where "SunS" stands; 40,000 if absent. */
      base: z.int().min(0).max(65_000).exactOptional(),
      models: z
        .array(z.literal([...inverterModels, ...meterModels]))
        .min(1)
        .exactOptional(),
      endMarker: z.boolean().exactOptional(),
      /** The power of ten of one count of energy, in Wh. */
      energyScale: z.int().min(-3).max(6).exactOptional(),
    })
    .exactOptional(),
})

const fault = z.strictObject({
  meter: name.exactOptional(),
  /** Instead of a meter: every unit of a bus. */
  bus: name.exactOptional(),
  fault: z.enum(anyFaultNames),
  at: time,
  lasts: z.int().min(1).exactOptional(),
  /** Of some register faults: how large it is. */
  wh: z.int().min(1).exactOptional(),
  /** Of clock-step. */
  seconds: z.int().exactOptional(),
  /** Of a bus fault: how many replies at most. */
  times: z.int().min(1).exactOptional(),
  /** Of late, real milliseconds. */
  delayMs: z.int().min(1).max(600_000).exactOptional(),
  /** Of exception. */
  code: z.int().min(1).max(255).exactOptional(),
})

const replyMs = z.int().min(0).max(60_000).exactOptional()

const listener = z.strictObject({
  name,
  host: z.string().min(1),
  port: z.int().min(0).max(65_535),
  framing: z.enum(["tcp", "rtu"]).exactOptional(),
  replyMs,
})

const serialLine = z.strictObject({
  name,
  serial: z.strictObject({
    path: file,
    baudRate: z.int().min(300).max(4_000_000).exactOptional(),
    parity: z.enum(["none", "even", "odd"]).exactOptional(),
    stopBits: z.literal([1, 2]).exactOptional(),
  }),
  replyMs,
})

export const scenarioShape = z.strictObject({
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
  mqtt: z
    .strictObject({
      url: z.url({ protocol: /^(mqtts?|wss?)$/ }),
      /** Who signed the broker's certificate, PEM; the system's authorities if absent. */
      caFile: file.exactOptional(),
    })
    .exactOptional(),
  meters: z.array(z.discriminatedUnion("kind", [mqttMeter, modbusMeter])),
  buses: z.array(z.union([listener, serialLine])).exactOptional(),
  faults: z.array(fault).exactOptional(),
  /** A file in which the process counts its boots. */
  state: z.string().min(1).exactOptional(),
})

/** What a simulator is told: times in Unix seconds, energy in whole Wh, powers in W. See docs/simulation.md. */
export type Scenario = z.infer<typeof scenarioShape>
export type MeterSpec = Scenario["meters"][number]
export type MqttMeterSpec = z.infer<typeof mqttMeter>
export type ModbusMeterSpec = z.infer<typeof modbusMeter>
export type FaultSpec = z.infer<typeof fault>
export type BusSpec = NonNullable<Scenario["buses"]>[number]
