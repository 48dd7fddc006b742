import { isRegisterFault, registerFaults } from "./faults.ts"
import type { FaultSpec, MeterSpec } from "./scenario.ts"
import type { Home, Registers } from "./world/home.ts"

/** What a meter shows at a moment: two of the registers stay 0 on a generation meter, one on a grid meter. */
export interface Display {
  registers: Registers
  /** Whole W: generation, or import less export. */
  powerW: number
}

/** How long a fault lasts on a meter that is read and does not send, for each of its readings. */
const secondsPerModbusReading = 900

/**
 * What the meter shows at `time` (Unix seconds), with its start registers and with the register faults that
 * hold then. A pure function: ask again and get the same.
 */
export function displayAt(meter: MeterSpec, home: Home, faults: readonly FaultSpec[], time: number): Display {
  const { generatedW, importedW, exportedW } = home.powerAt(time)
  const registers = (at: number) => trueRegisters(meter, home, at)
  let shown = registers(time)
  for (const fault of faults) {
    if (!isRegisterFault(fault.fault)) continue
    const { readings, lie } = registerFaults[fault.fault]
    if (isActive(fault, readings, meter, time)) shown = only(meter, lie(shown, registers(fault.at)))
  }
  return { registers: shown, powerW: meter.measures === "generation" ? generatedW : importedW - exportedW }
}

/** Whether a fault of so many readings, unless the scenario says how long, holds at `time`. */
export function isActive(fault: FaultSpec, readings: number, meter: MeterSpec, time: number): boolean {
  const every = meter.kind === "mqtt" ? meter.every : secondsPerModbusReading
  return time >= fault.at && time < fault.at + (fault.lasts ?? readings * every)
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
