import type { Display } from "../meter.ts"
import type { ModbusMeterSpec } from "../scenario.ts"
import { hash, smoothNoise, streamOf } from "../world/random.ts"
import type { Line, Phase } from "./device.ts"

/** Inverters and homes run near one; the rest is reactive power, taken as inductive. */
const powerFactor = 0.98

/**
 * A plausible three-phase line around what the meter shows: 230 V that sways by 3 V, 50 Hz that sways by
 * 0.03 Hz, power in three equal parts, and currents that follow from these.
 * @param time Unix seconds.
 */
export function lineAt(meter: ModbusMeterSpec, { registers, powerW }: Display, time: number): Line {
  const stream = streamOf(meter.name)
  const sway = (what: number, minutes: number) => 2 * smoothNoise(0, stream + what, time / 60 / minutes) - 1
  const phase = (i: number): Phase => {
    const volts = 230 + 3 * sway(i, 7)
    const watts = powerW / 3
    const voltAmperes = Math.abs(watts) / powerFactor
    return {
      volts,
      watts,
      voltAmperes,
      amperes: voltAmperes / volts,
      vars: Math.sqrt(voltAmperes ** 2 - watts ** 2),
      powerFactor: watts < 0 ? -powerFactor : watts > 0 ? powerFactor : 1,
    }
  }
  const generation = meter.measures === "generation"
  return {
    importWh: generation ? registers.generatedWh : registers.importedWh,
    exportWh: generation ? 0n : registers.exportedWh,
    phases: [phase(1), phase(2), phase(3)],
    frequencyHz: 50 + 0.03 * sway(0, 2),
    unit: meter.unit,
    serial: meter.serial ?? hash(0, stream, meter.unit),
  }
}
