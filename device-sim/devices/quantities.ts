import type { Line, Phase, Shown } from "./device.ts"

type Of = (line: Line) => Shown

const sum = (line: Line, of: (phase: Phase) => number) =>
  line.phases.reduce((total, phase) => total + of(phase), 0)
const watts = (line: Line) => sum(line, (phase) => phase.watts)
const vars = (line: Line) => sum(line, (phase) => phase.vars)
const voltAmperes = (line: Line) => Math.hypot(watts(line), vars(line))
const powerFactor = (line: Line) => (voltAmperes(line) === 0 ? 1 : watts(line) / voltAmperes(line))
const degrees = (factor: number) => (Math.acos(Math.max(-1, Math.min(1, factor))) * 180) / Math.PI
const alive = (line: Line) => line.phases.filter(({ volts }) => volts > 0)
const volts = (line: Line) => sum(line, (phase) => phase.volts) / alive(line).length

/** Between two phases 120 degrees apart. */
const between = (line: Line, a: 0 | 1 | 2, b: 0 | 1 | 2) => {
  const [x, y] = [line.phases[a].volts, line.phases[b].volts]
  return Math.sqrt(x * x + y * y + x * y)
}

const energy =
  (of: (line: Line) => bigint): Of =>
  (line) =>
    line.readable ? of(line) : undefined

/** The whole Wh of a phase, so that the three add up. */
const ofPhase = (wh: bigint, i: 0 | 1 | 2) => wh / 3n + (BigInt(i) < wh % 3n ? 1n : 0n)

const phaseQuantities = (i: 0 | 1 | 2) => ({
  voltage: (line: Line) => line.phases[i].volts,
  current: (line: Line) => line.phases[i].amperes,
  active_power: (line: Line) => line.phases[i].watts,
  apparent_power: (line: Line) => line.phases[i].voltAmperes,
  reactive_power: (line: Line) => line.phases[i].vars,
  power_factor: (line: Line) => line.phases[i].powerFactor,
  phase_angle: (line: Line) => degrees(line.phases[i].powerFactor),
  import_active_energy: energy((line) => ofPhase(line.importWh, i)),
  export_active_energy: energy((line) => ofPhase(line.exportWh, i)),
  total_active_energy: energy((line) => ofPhase(line.importWh, i) + ofPhase(line.exportWh, i)),
})

type PhaseQuantity = keyof ReturnType<typeof phaseQuantities>
type NumberedQuantity = `${PhaseQuantity}_l${1 | 2 | 3}`

const numbered = Object.fromEntries(
  ([0, 1, 2] as const).flatMap((i) =>
    Object.entries(phaseQuantities(i)).map(([name, of]) => [`${name}_l${i + 1}`, of]),
  ),
) as Record<NumberedQuantity, Of>

const { voltage, current } = phaseQuantities(0)

/**
 * What devices show of a line, by the names that register tables use: V, A, W, VA, var, Hz, degrees, whole Wh.
 * Reactive energy, harmonics and the neutral conductor are not counted here: their registers read 0.
 */
export const quantities = Object.freeze({
  ...numbered,
  voltage,
  current,
  active_power: watts,
  apparent_power: voltAmperes,
  reactive_power: vars,
  power_factor: powerFactor,
  phase_angle: (line: Line) => degrees(powerFactor(line)),
  voltage_ln_avg: volts,
  voltage_l1n: numbered.voltage_l1,
  voltage_l2n: numbered.voltage_l2,
  voltage_l3n: numbered.voltage_l3,
  voltage_l1l2: (line: Line) => between(line, 0, 1),
  voltage_l2l3: (line: Line) => between(line, 1, 2),
  voltage_l3l1: (line: Line) => between(line, 2, 0),
  voltage_ll_avg: (line: Line) => (between(line, 0, 1) + between(line, 1, 2) + between(line, 2, 0)) / 3,
  current_avg: (line: Line) => sum(line, (phase) => phase.amperes) / alive(line).length,
  current_sum: (line: Line) => sum(line, (phase) => phase.amperes),
  active_power_total: watts,
  apparent_power_total: voltAmperes,
  reactive_power_total: vars,
  power_factor_total: powerFactor,
  phase_angle_total: (line: Line) => degrees(powerFactor(line)),
  frequency: (line: Line) => line.frequencyHz,
  import_active_energy: energy((line) => line.importWh),
  export_active_energy: energy((line) => line.exportWh),
  total_active_energy: energy((line) => line.importWh + line.exportWh),
  modbus_address: (line: Line) => line.unit,
  serial_number: (line: Line) => line.serial,
  serial: (line: Line) => String(line.serial),
} satisfies Record<string, Of>)

export type QuantityName = keyof typeof quantities
