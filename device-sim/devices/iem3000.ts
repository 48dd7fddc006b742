import type { Device } from "./device.ts"
import { constant, entries } from "./entries.ts"

/**
 * Schneider iEM3155, of the iEM3000 series: energies as 64-bit whole Wh, powers as floats in kW. Addresses by
 * Schneider's register list, whose numbers are one above those on the wire; a read that leaves a listed range is an
 * exception.
 */
export const iem3000: Device = Object.freeze<Device>({
  model: "Schneider iEM3155",
  phases: 3,
  maxRegisters: 125,
  spans: [
    { table: "holding", address: 29, count: 60 },
    { table: "holding", address: 129, count: 2 },
    { table: "holding", address: 2999, count: 112 },
    { table: "holding", address: 3203, count: 24 },
    { table: "holding", address: 3517, count: 12 },
  ],
  entries: [
    constant("holding", { string: 20 }, 29, "name", "Energy Meter"),
    constant("holding", { string: 20 }, 49, "model", "iEM3155"),
    constant("holding", { string: 20 }, 69, "manufacturer", "Schneider Electric"),
    ...entries("holding", "uint32", [[129, "serial_number"]]),
    ...entries("holding", "float32", [
      [2999, "current_l1"],
      [3001, "current_l2"],
      [3003, "current_l3"],
      [3009, "current_avg"],
      [3027, "voltage_l1n"],
      [3029, "voltage_l2n"],
      [3031, "voltage_l3n"],
      [3035, "voltage_ln_avg"],
      [3053, "active_power_l1", 1000],
      [3055, "active_power_l2", 1000],
      [3057, "active_power_l3", 1000],
      [3059, "active_power_total", 1000],
      [3067, "reactive_power_total", 1000],
      [3075, "apparent_power_total", 1000],
      [3109, "frequency"],
    ]),
    ...entries("holding", "int64", [
      [3203, "import_active_energy"],
      [3207, "export_active_energy"],
      [3517, "import_active_energy_l1"],
      [3521, "import_active_energy_l2"],
      [3525, "import_active_energy_l3"],
    ]),
  ],
})
