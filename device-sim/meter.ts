import { isRegisterFault, registerFaults } from "./faults/register.ts"
import type { FaultSpec, MeterSpec } from "./scenario.ts"
import type { Home, Registers } from "./world/home.ts"

/** What a meter shows at a moment: two of the registers stay 0 on a generation meter, one on a grid meter. */
export interface Display {
  registers: Registers
  /** Whole W: generation, or import less export. */
  powerW: number
  /** Whether the energy registers show numbers. */
  readable: boolean
}

/** How long a fault lasts on a meter that is read and does not send, for each of its readings. */
const secondsPerModbusReading = 900

/**
 * What the meter shows at `time` (Unix seconds), with its start registers and with the register faults that
 * hold then. A pure function: ask again and get the same.
 */
export function displayAt(meter: MeterSpec, home: Home, faults: readonly FaultSpec[], time: number): Display {
  const { generatedW, importedW, exportedW } = home.powerAt(time)
  const registersAt = (at: number) => trueRegisters(meter, home, at)
  let shown = registersAt(time)
  let readable = true
  for (const spec of faults) {
    if (!isRegisterFault(spec.fault)) continue
    const { readings, lie } = registerFaults[spec.fault]
    if (!isActive(spec, readings, meter, time)) continue
    const wh = spec.wh === undefined ? undefined : BigInt(spec.wh)
    const lied = lie({ time, since: spec.at, shown, registersAt, home, wh })
    readable &&= lied !== undefined
    if (lied) shown = only(meter, lied)
  }
  const powerW = meter.measures === "generation" ? generatedW : importedW - exportedW
  return { registers: shown, powerW, readable }
}

/** Seconds between two readings of a meter, or what stands for them where the reader decides. */
export function secondsPerReading(meter: MeterSpec): number {
  return meter.kind === "mqtt" ? meter.every : secondsPerModbusReading
}

/** Whether a fault of so many readings, unless the scenario says how long, holds at `time`. */
export function isActive(fault: FaultSpec, readings: number, meter: MeterSpec, time: number): boolean {
  return time >= fault.at && time < fault.at + (fault.lasts ?? readings * secondsPerReading(meter))
}

function trueRegisters(meter: MeterSpec, home: Home, time: number): Registers {
  const { generated = 0, imported = 0, exported = 0 } = meter.startWh ?? {}
  const { generatedWh, importedWh, exportedWh } = home.registersAt(time)
  return only(meter, {
    generatedWh: generatedWh + BigInt(generated),
    importedWh: importedWh + BigInt(imported),
    exportedWh: exportedWh + BigInt(exported),
  })
}

function only({ measures }: MeterSpec, { generatedWh, importedWh, exportedWh }: Registers): Registers {
  return measures === "generation"
    ? { generatedWh, importedWh: 0n, exportedWh: 0n }
    : { generatedWh: 0n, importedWh, exportedWh }
}
