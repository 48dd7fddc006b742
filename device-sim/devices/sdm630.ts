import type { Device, Entry, Line, Phase, Table } from "./device.ts"

const float = (table: Table, address: number, name: string, shows: Entry["shows"]): Entry => ({
  table,
  address,
  type: "float32",
  name,
  shows,
})
const input = (address: number, name: string, shows: Entry["shows"]) => float("input", address, name, shows)
const holding = (address: number, name: string, shows: Entry["shows"]) =>
  float("holding", address, name, shows)

/** The same value of the three phases, one behind the other. */
const phases = (address: number, name: string, shows: (phase: Phase, line: Line) => number): Entry[] =>
  ([0, 1, 2] as const).map((i) =>
    input(address + 2 * i, `${name}_l${i + 1}`, (line) => shows(line.phases[i], line)),
  )

const sum = (line: Line, of: (phase: Phase) => number) =>
  line.phases.reduce((total, phase) => total + of(phase), 0)
const watts = (line: Line) => sum(line, (phase) => phase.watts)
const vars = (line: Line) => sum(line, (phase) => phase.vars)
const voltAmperes = (line: Line) => Math.hypot(watts(line), vars(line))
const powerFactor = (line: Line) => (voltAmperes(line) === 0 ? 1 : watts(line) / voltAmperes(line))
const degrees = (factor: number) => (Math.acos(Math.max(-1, Math.min(1, factor))) * 180) / Math.PI
const volts = (line: Line) => sum(line, (phase) => phase.volts) / 3
const kilo = (wh: bigint) => Number(wh) / 1000

/** Between two phases 120 degrees apart. */
const between = (line: Line, a: 0 | 1 | 2, b: 0 | 1 | 2) => {
  const [x, y] = [line.phases[a].volts, line.phases[b].volts]
  return Math.sqrt(x * x + y * y + x * y)
}
const betweenAll = (line: Line) => (between(line, 0, 1) + between(line, 1, 2) + between(line, 2, 0)) / 3

/**
 * Eastron SDM630 Modbus V2, three phases. Addresses and system type 3 (three phases, four wires) by its manual, 1.2
 * and 1.3 ("SDM630Modbus MID V2", B+G e-tech); parity code 0 by the manual of its sibling SDM72D-M; baud code 2 for
 * 9600 from use, not from a manual. Not counted here, so 0: reactive energies, harmonic distortion, neutral current.
 */
export const sdm630: Device = Object.freeze<Device>({
  model: "Eastron SDM630",
  maxRegisters: 80, // 40 values in one request, by users of the series; more is an exception
  spans: [
    { table: "input", address: 0x0000, count: 0x017e },
    { table: "holding", address: 0x0000, count: 0x003c },
    { table: "holding", address: 0xfc00, count: 2 },
  ],
  entries: [
    ...phases(0x0000, "voltage", (phase) => phase.volts),
    ...phases(0x0006, "current", (phase) => phase.amperes),
    ...phases(0x000c, "active_power", (phase) => phase.watts),
    ...phases(0x0012, "apparent_power", (phase) => phase.voltAmperes),
    ...phases(0x0018, "reactive_power", (phase) => phase.vars),
    ...phases(0x001e, "power_factor", (phase) => phase.powerFactor),
    ...phases(0x0024, "phase_angle", (phase) => degrees(phase.powerFactor)),
    input(0x002a, "voltage_ln_avg", volts),
    input(0x002e, "current_avg", (line) => sum(line, (phase) => phase.amperes) / 3),
    input(0x0030, "current_sum", (line) => sum(line, (phase) => phase.amperes)),
    input(0x0034, "active_power_total", watts),
    input(0x0038, "apparent_power_total", voltAmperes),
    input(0x003c, "reactive_power_total", vars),
    input(0x003e, "power_factor_total", powerFactor),
    input(0x0042, "phase_angle_total", (line) => degrees(powerFactor(line))),
    input(0x0046, "frequency", (line) => line.frequencyHz),
    input(0x0048, "import_active_energy", (line) => kilo(line.importWh)),
    input(0x004a, "export_active_energy", (line) => kilo(line.exportWh)),
    input(0x00c8, "voltage_l1l2", (line) => between(line, 0, 1)),
    input(0x00ca, "voltage_l2l3", (line) => between(line, 1, 2)),
    input(0x00cc, "voltage_l3l1", (line) => between(line, 2, 0)),
    input(0x00ce, "voltage_ll_avg", betweenAll),
    input(0x0156, "total_active_energy", (line) => kilo(line.importWh + line.exportWh)),
    ...phases(0x015a, "import_active_energy", (_, line) => kilo(line.importWh) / 3),
    ...phases(0x0160, "export_active_energy", (_, line) => kilo(line.exportWh) / 3),
    ...phases(0x0166, "total_active_energy", (_, line) => kilo(line.importWh + line.exportWh) / 3),
    holding(0x000a, "system_type", () => 3),
    holding(0x0012, "parity_stop", () => 0), // one stop bit, no parity
    holding(0x0014, "modbus_address", (line) => line.unit),
    holding(0x001c, "baud_code", () => 2), // 9600
    {
      table: "holding",
      address: 0xfc00,
      type: "uint32",
      name: "serial_number",
      shows: (line) => line.serial,
    },
  ],
})
