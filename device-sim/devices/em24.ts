import type { Device } from "./device.ts"
import { constant, entries, type Row } from "./entries.ts"

const common: readonly Row[] = [
  [0x0000, "voltage_l1", 0.1],
  [0x0002, "voltage_l2", 0.1],
  [0x0004, "voltage_l3", 0.1],
  [0x000c, "current_l1", 0.001],
  [0x000e, "current_l2", 0.001],
  [0x0010, "current_l3", 0.001],
  [0x0012, "active_power_l1", 0.1],
  [0x0014, "active_power_l2", 0.1],
  [0x0016, "active_power_l3", 0.1],
  [0x0028, "active_power_total", 0.1],
]

/**
 * Carlo Gavazzi EM24-DIN with RS-485: values of two registers have the low word first, functions 3 and 4 read the
 * same. Addresses by volkszaehler/mbmd (BSD-3-Clause); the identification code in 0x000B is read by itself, as the
 * maker's protocol for the series says, and 71 is the AV9 as sold; the serial number from 0x1300 on has 7 registers.
 */
export const em24Rs485: Device = Object.freeze<Device>({
  model: "Carlo Gavazzi EM24-DIN",
  phases: 3,
  wordOrder: "little",
  notANumber: "largest", // "EEE" on its display
  maxRegisters: 125,
  oneTable: true,
  spans: [
    { table: "input", address: 0x0000, count: 0x0062 },
    { table: "input", address: 0x1300, count: 7 },
  ],
  entries: [
    ...entries("input", "int32", [
      ...common,
      [0x0042, "import_active_energy", 100],
      [0x0046, "import_active_energy_l1", 100],
      [0x0048, "import_active_energy_l2", 100],
      [0x004a, "import_active_energy_l3", 100],
      [0x005c, "export_active_energy", 100],
    ]),
    ...entries("input", "int16", [
      [0x0032, "power_factor_l1", 0.001],
      [0x0033, "power_factor_l2", 0.001],
      [0x0034, "power_factor_l3", 0.001],
      [0x0035, "power_factor_total", 0.001],
      [0x0037, "frequency", 0.1],
    ]),
    { ...constant("input", "uint16", 0x000b, "model_id", 71), alone: true },
    ...entries("input", { string: 7 }, [[0x1300, "serial"]]),
  ],
})

/**
 * Carlo Gavazzi EM24 E1 with Ethernet: the same words at other addresses. By Victron's dbus-modbus-client; it counts
 * export in application H (7) alone.
 */
export const em24Ethernet: Device = Object.freeze<Device>({
  model: "Carlo Gavazzi EM24 E1",
  phases: 3,
  wordOrder: "little",
  notANumber: "largest", // "EEE" on its display
  maxRegisters: 125,
  oneTable: true,
  spans: [
    { table: "input", address: 0x0000, count: 0x0050 },
    { table: "input", address: 0x0302, count: 3 },
    { table: "input", address: 0x1002, count: 1 },
    { table: "input", address: 0x5000, count: 7 },
    { table: "input", address: 0xa000, count: 1 },
    { table: "input", address: 0xa100, count: 1 },
  ],
  entries: [
    ...entries("input", "int32", [
      ...common,
      [0x0034, "import_active_energy", 100],
      [0x0040, "import_active_energy_l1", 100],
      [0x0042, "import_active_energy_l2", 100],
      [0x0044, "import_active_energy_l3", 100],
      [0x004e, "export_active_energy", 100],
    ]),
    ...entries("input", "int16", [
      [0x002e, "power_factor_l1", 0.001],
      [0x002f, "power_factor_l2", 0.001],
      [0x0030, "power_factor_l3", 0.001],
      [0x0031, "power_factor_total", 0.001],
    ]),
    ...entries("input", "uint16", [[0x0033, "frequency", 0.1]]),
    constant("input", "uint16", 0x0032, "phase_sequence", 0),
    { ...constant("input", "uint16", 0x000b, "model_id", 1648), alone: true }, // EM24DINAV23XE1X
    constant("input", "uint16", 0x0302, "hw_version", 0x1000),
    constant("input", "uint16", 0x0304, "fw_version", 0x1803), // 1.8.3
    constant("input", "uint16", 0x1002, "phase_config", 0), // three phases and neutral
    ...entries("input", { string: 7 }, [[0x5000, "serial"]]),
    constant("input", "uint16", 0xa000, "application", 7),
    constant("input", "uint16", 0xa100, "switch_position", 3), // locked
  ],
})
