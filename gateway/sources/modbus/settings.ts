import { z } from "zod"
import type { BusPlace } from "./bus.ts"
import { signsItself } from "./devices.ts"
import type { Profile } from "./profile-shape.ts"

/** One line to one or several meters, as it stands in the configuration. */
export const busShape = z
  .strictObject({
    name: z.string().min(1).describe("By which meters name it; no two alike."),
    serial: z
      .strictObject({
        path: z.string().min(1).describe("The port, best by a name that stays: /dev/serial/by-id/…"),
        baudRate: z
          .int()
          .min(300)
          .max(921_600)
          .describe("As the meters are set: `commonwatt provision scan` finds it."),
        parity: z.enum(["none", "even", "odd"]).default("none").describe("As the meters are set."),
        stopBits: z
          .union([z.literal(1), z.literal(2)])
          .default(1)
          .describe("As the meters are set."),
      })
      .exactOptional()
      .describe("RTU on a serial port. A bus is either serial or tcp."),
    tcp: z
      .strictObject({
        host: z.string().min(1).describe("Its name or address."),
        port: z.int().min(1).max(65535).default(502).describe("Modbus TCP has 502."),
        framing: z
          .enum(["tcp", "rtu"])
          .default("tcp")
          .describe("rtu for a serial server that passes frames on."),
      })
      .exactOptional()
      .describe("A device or a serial server on the network."),
    pauseMs: z
      .int()
      .min(0)
      .max(10_000)
      .default(0)
      .describe("The rest before each request, ms, for devices that cannot follow."),
  })
  .transform(({ name, pauseMs, serial, tcp }, context): BusPlace => {
    if (serial && !tcp) return { name, pauseMs, serial }
    if (tcp && !serial) return { name, pauseMs, tcp }
    context.addIssue("a bus is either serial or tcp")
    return z.NEVER
  })

/** Where a meter is on a bus, and what it is. */
export const placeShape = z.strictObject({
  bus: z.string().describe("One of `buses`, by its name."),
  unit: z.int().min(0).max(255).describe("Its unit id; 1 to 247 on a serial line."),
  profile: z.string().describe("What kind of device it is: docs/profiles.md."),
  measures: z
    .enum(["generation", "grid"])
    .describe(
      "generation: its import register counts what is made; grid: both registers, at the connection.",
    ),
  everySeconds: z.int().positive().describe("How often it is read; not less than once an interval."),
  keyFile: z
    .string()
    .exactOptional()
    .describe(
      "The key with which the gateway signs for a plain meter, plain or sealed. A meter with a key of its own has none here.",
    ),
  laterKeyFiles: z
    .array(z.string())
    .exactOptional()
    .describe(
      "The keys with which it signs for it after the first: each from the time that the registry has for it.",
    ),
  serial: z.string().min(1).exactOptional().describe("The serial number that the meter must say it has."),
  base: z
    .int()
    .min(0)
    .max(65535)
    .exactOptional()
    .describe("Where a SunSpec device's registers begin, if not where they usually do."),
})

export type ModbusPlace = z.output<typeof placeShape>

/** Two buses on one line would disturb each other, and their requests would not take turns. */
export function mistakeInBuses(buses: readonly BusPlace[]): string | undefined {
  const taken = new Set<string>()
  for (const [i, bus] of buses.entries()) {
    const here = `buses.${i} (${bus.name})`
    if (taken.has(`name ${bus.name}`)) return `${here}: another bus has the same name`
    if (taken.has(`line ${lineOf(bus)}`)) return `${here}: another bus is the same line, ${lineOf(bus)}`
    taken.add(`name ${bus.name}`).add(`line ${lineOf(bus)}`)
  }
  return undefined
}

/** @param format in which a meter of the configured scheme has its readings. */
export function mistakeInPlace(
  { bus: name, unit, keyFile, laterKeyFiles }: ModbusPlace,
  buses: readonly BusPlace[],
  profile: Profile,
  format: "cose" | "bsm" | "ocmf",
): string | undefined {
  const bus = buses.find((one) => one.name === name)
  if (!bus) return `there is no bus named ${name}`
  // MODBUS over Serial Line V1.02, 2.2: 0 is for all units at once and nobody answers, from 248 on reserved.
  if ("serial" in bus && (unit < 1 || unit > 247)) return "modbus.unit must be from 1 to 247 on a serial line"
  if (signsItself(profile) ? profile.kind !== format : format !== "cose")
    return `scheme: a meter of profile ${profile.maker} ${profile.model} ${signsItself(profile) ? `signs in its own format: ${profile.kind}…` : "is signed for by the gateway: ed25519"}`
  if (signsItself(profile) && keyFile !== undefined) return "modbus.keyFile: the meter has a key of its own"
  if (signsItself(profile) && laterKeyFiles !== undefined)
    return "modbus.laterKeyFiles: the meter has a key of its own"
  if (!signsItself(profile) && keyFile === undefined)
    return "modbus.keyFile is missing: the gateway signs for a plain meter"
  return undefined
}

function lineOf(bus: BusPlace): string {
  return "serial" in bus ? bus.serial.path : `${bus.tcp.host}:${bus.tcp.port}`
}
