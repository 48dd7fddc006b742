import type { Display } from "../meter.ts"
import type { ModbusMeterSpec } from "../scenario.ts"
import { hash, smoothNoise, streamOf } from "../world/random.ts"
import type { Line, Phase } from "./device.ts"

/** Inverters and homes run near one; the rest is reactive power, taken as inductive. */
const powerFactor = 0.98

const dead: Phase = Object.freeze({ volts: 0, amperes: 0, watts: 0, voltAmperes: 0, vars: 0, powerFactor: 1 })

/** How a kind of device sits in its line. */
export interface Layout {
  phases: 1 | 3
  /** A plain meter of generation is wired so that it counts as import; one that knows of plants delivers. */
  generationIs: "import" | "export"
}

/**
 * A plausible line around what the meter shows: 230 V that sways by 3 V, 50 Hz that sways by 0.03 Hz, power in equal
 * parts of its one or three phases, and currents that follow from these.
 * @param time Unix seconds.
 */
export function lineAt(
  meter: ModbusMeterSpec,
  { registers, powerW, readable }: Display,
  time: number,
  { phases, generationIs }: Layout,
): Line {
  const delivers = meter.measures === "generation" && generationIs === "export"
  const stream = streamOf(meter.name)
  const sway = (what: number, minutes: number) => 2 * smoothNoise(0, stream + what, time / 60 / minutes) - 1
  const phase = (i: number): Phase => {
    const volts = 230 + 3 * sway(i, 7)
    const watts = (delivers ? -powerW : powerW) / phases
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
  // Of each sum one part is 0: a meter measures generation or the grid.
  return {
    importWh: registers.importedWh + (delivers ? 0n : registers.generatedWh),
    exportWh: registers.exportedWh + (delivers ? registers.generatedWh : 0n),
    readable,
    phases: phases === 3 ? [phase(1), phase(2), phase(3)] : [phase(1), dead, dead],
    frequencyHz: 50 + 0.03 * sway(0, 2),
    unit: meter.unit,
    serial: serialOf(meter),
  }
}

/** The serial number that the scenario gives the meter, or one that its name does. */
export function serialOf(meter: ModbusMeterSpec): number {
  return meter.serial ?? hash(0, streamOf(meter.name), meter.unit)
}
