import type { Device } from "./device.ts"
import { constant, entries } from "./entries.ts"

/**
 * Eastron SDM630 Modbus V2, three phases. Addresses and system type 3 (three phases, four wires) by its manual, 1.2
 * and 1.3 ("SDM630Modbus MID V2", B+G e-tech); parity code 0 by the manual of its sibling SDM72D-M; baud code 2 for
 * 9600 from use, not from a manual.
 */
export const sdm630: Device = Object.freeze<Device>({
  model: "Eastron SDM630",
  phases: 3,
  maxRegisters: 80, // 40 values in one request, by users of the series; more is an exception
  spans: [
    { table: "input", address: 0x0000, count: 0x017e },
    { table: "holding", address: 0x0000, count: 0x003c },
    { table: "holding", address: 0xfc00, count: 2 },
  ],
  entries: [
    ...entries("input", "float32", [
      [0x0000, "voltage_l1"],
      [0x0002, "voltage_l2"],
      [0x0004, "voltage_l3"],
      [0x0006, "current_l1"],
      [0x0008, "current_l2"],
      [0x000a, "current_l3"],
      [0x000c, "active_power_l1"],
      [0x000e, "active_power_l2"],
      [0x0010, "active_power_l3"],
      [0x0012, "apparent_power_l1"],
      [0x0014, "apparent_power_l2"],
      [0x0016, "apparent_power_l3"],
      [0x0018, "reactive_power_l1"],
      [0x001a, "reactive_power_l2"],
      [0x001c, "reactive_power_l3"],
      [0x001e, "power_factor_l1"],
      [0x0020, "power_factor_l2"],
      [0x0022, "power_factor_l3"],
      [0x0024, "phase_angle_l1"],
      [0x0026, "phase_angle_l2"],
      [0x0028, "phase_angle_l3"],
      [0x002a, "voltage_ln_avg"],
      [0x002e, "current_avg"],
      [0x0030, "current_sum"],
      [0x0034, "active_power_total"],
      [0x0038, "apparent_power_total"],
      [0x003c, "reactive_power_total"],
      [0x003e, "power_factor_total"],
      [0x0042, "phase_angle_total"],
      [0x0046, "frequency"],
      [0x0048, "import_active_energy", 1000],
      [0x004a, "export_active_energy", 1000],
      [0x00c8, "voltage_l1l2"],
      [0x00ca, "voltage_l2l3"],
      [0x00cc, "voltage_l3l1"],
      [0x00ce, "voltage_ll_avg"],
      [0x0156, "total_active_energy", 1000],
      [0x015a, "import_active_energy_l1", 1000],
      [0x015c, "import_active_energy_l2", 1000],
      [0x015e, "import_active_energy_l3", 1000],
      [0x0160, "export_active_energy_l1", 1000],
      [0x0162, "export_active_energy_l2", 1000],
      [0x0164, "export_active_energy_l3", 1000],
      [0x0166, "total_active_energy_l1", 1000],
      [0x0168, "total_active_energy_l2", 1000],
      [0x016a, "total_active_energy_l3", 1000],
    ]),
    constant("holding", "float32", 0x000a, "system_type", 3),
    constant("holding", "float32", 0x0012, "parity_stop", 0), // one stop bit, no parity
    ...entries("holding", "float32", [[0x0014, "modbus_address"]]),
    constant("holding", "float32", 0x001c, "baud_code", 2), // 9600
    ...entries("holding", "uint32", [[0xfc00, "serial_number"]]),
  ],
})
