import type { Device, Line } from "./device.ts"
import { constant, entries } from "./entries.ts"
import { quantities } from "./quantities.ts"

/** An inverter that sleeps has no power: not a number, where a meter has 0. */
const power = (line: Line) => {
  const watts = quantities.active_power_total(line)
  return watts === 0 ? undefined : watts
}

/**
 * An SMA inverter by SMA's own profile: numbers without scale factors, NaN by type, an exception outside the listed
 * ranges. Energy and power by OpenEMS and evcc; class, serial number and condition by SMA's technical information
 * "SMA Modbus Interface".
 */
export const sma: Device = Object.freeze<Device>({
  model: "SMA inverter",
  phases: 3,
  maxRegisters: 125,
  oneTable: true,
  spans: [
    { table: "input", address: 30051, count: 8 },
    { table: "input", address: 30201, count: 2 },
    { table: "input", address: 30513, count: 18 },
    { table: "input", address: 30775, count: 2 },
    { table: "input", address: 30783, count: 6 },
    { table: "input", address: 30803, count: 2 },
  ],
  entries: [
    constant("input", "uint32", 30051, "class", 8001), // solar inverters
    constant("input", "uint32", 30053, "type", 9067), // STP 10000TL-10
    { table: "input", type: "uint32", address: 30057, name: "serial", shows: quantities.serial_number },
    constant("input", "uint32", 30201, "condition", 307), // ok
    {
      table: "input",
      type: "uint64",
      address: 30513,
      name: "Metering.TotWhOut",
      shows: quantities.import_active_energy,
    },
    constant("input", "uint64", 30517, "Metering.DyWhOut", undefined),
    constant("input", "uint64", 30521, "Metering.TotOpTms", undefined),
    constant("input", "uint64", 30525, "Metering.TotFeedTms", undefined),
    ...entries("input", "uint32", [
      [30783, "voltage_l1", 0.01],
      [30785, "voltage_l2", 0.01],
      [30787, "voltage_l3", 0.01],
      [30803, "frequency", 0.01],
    ]),
    {
      table: "input",
      type: "uint32",
      address: 30529,
      name: "Metering.TotWhOut (32 bits)",
      shows: quantities.import_active_energy,
    },
    { table: "input", type: "int32", address: 30775, name: "GridMs.TotW", shows: power },
  ],
})
