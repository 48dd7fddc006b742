import { busFaultSeconds, isBusFault } from "../faults/bus.ts"
import { operationAt } from "../faults/operation.ts"
import { secondsPerReading } from "../meter.ts"
import type { BusSpec, FaultSpec, ModbusMeterSpec } from "../scenario.ts"
import type { BusFaultOf } from "./port.ts"

/**
 * What is wrong with a bus at each reply: the first fault that holds for the unit or the whole bus and has not been
 * told often enough (`times`). A meter that reboots is dead.
 * @param now virtual Unix seconds.
 */
export function createBusTrouble(
  bus: BusSpec,
  meters: readonly ModbusMeterSpec[],
  faults: readonly FaultSpec[],
  now: () => number,
): BusFaultOf {
  const told = new Map<FaultSpec, number>()
  return (unit) => {
    const time = now()
    const meter = meters.find((candidate) => candidate.unit === unit)
    if (!meter) return undefined
    const ofMeter = faults.filter((fault) => fault.meter === meter.name)
    if (operationAt(ofMeter, time, secondsPerReading(meter)).silent) return { fault: "dead" }
    for (const spec of faults) {
      const { fault, at, lasts = busFaultSeconds, times = Infinity } = spec
      if (!isBusFault(fault) || (spec.bus !== bus.name && spec.meter !== meter.name)) continue
      const before = told.get(spec) ?? 0
      if (time < at || time >= at + lasts || before >= times) continue
      told.set(spec, before + 1)
      return { ...spec, fault }
    }
    return undefined
  }
}
