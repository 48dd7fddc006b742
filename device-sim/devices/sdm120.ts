import type { Device } from "./device.ts"
import { constant, entries } from "./entries.ts"

/**
 * Eastron SDM120 Modbus, one phase. Addresses by its manual and volkszaehler/mbmd (BSD-3-Clause); holding registers,
 * serial number and the limit of 80 registers as of its sibling SDM630.
 */
export const sdm120: Device = Object.freeze<Device>({
  model: "Eastron SDM120",
  phases: 1,
  maxRegisters: 80,
  spans: [
    { table: "input", address: 0x0000, count: 0x015a },
    { table: "holding", address: 0x0000, count: 0x003c },
    { table: "holding", address: 0xfc00, count: 2 },
  ],
  entries: [
    ...entries("input", "float32", [
      [0x0000, "voltage"],
      [0x0006, "current"],
      [0x000c, "active_power"],
      [0x0012, "apparent_power"],
      [0x0018, "reactive_power"],
      [0x001e, "power_factor"],
      [0x0024, "phase_angle"],
      [0x0046, "frequency"],
      [0x0048, "import_active_energy", 1000],
      [0x004a, "export_active_energy", 1000],
      [0x0156, "total_active_energy", 1000],
    ]),
    constant("holding", "float32", 0x0012, "parity_stop", 0),
    ...entries("holding", "float32", [[0x0014, "modbus_address"]]),
    constant("holding", "float32", 0x001c, "baud_code", 0), // 2400, which the series begins with
    ...entries("holding", "uint32", [[0xfc00, "serial_number"]]),
  ],
})
