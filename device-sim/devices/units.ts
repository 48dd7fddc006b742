import { fromHex, type Hex } from "../../protocol/hex.ts"
import { displayAt } from "../meter.ts"
import { registerBytes } from "../modbus/image.ts"
import type { FaultSpec, ModbusMeterSpec } from "../scenario.ts"
import { createBsm } from "../signed/bsm.ts"
import { createEcdsaKey } from "../signed/ecdsa.ts"
import type { SignedDevice } from "../signed/signed-device.ts"
import { createWm3m4c } from "../signed/wm3m4c.ts"
import { sunspecImage } from "../sunspec/image.ts"
import { phasesOf } from "../sunspec/models.ts"
import type { Home } from "../world/home.ts"
import type { Line, Table, Unit } from "./device.ts"
import { devices, isMap } from "./devices.ts"
import { type Layout, lineAt, serialOf } from "./line.ts"

/** What a unit is made from. */
export interface UnitParts {
  meter: ModbusMeterSpec
  home: Home
  /** Those of the meter. */
  faults: readonly FaultSpec[]
  /** Virtual Unix seconds. */
  now: () => number
  /** Milliseconds of real time, for what takes a device real time. */
  wallNow: () => number
  /** Virtual Unix seconds of its boot. */
  bootedAt: number
  /** What it has signed before: its next number is one more. */
  signedBefore: number
}

/** A unit of a bus, with its key where it has one. */
export interface SimulatedUnit {
  unit: Unit
  key?: { meterId: Hex; publicKey: Uint8Array }
}

const defaultBase = 40_000
const sunspecMaxRegisters = 125

export function createUnit(parts: UnitParts): SimulatedUnit {
  const { meter, home, faults, now } = parts
  const lineNow = (layout: Layout) => {
    const time = now()
    return lineAt(meter, displayAt(meter, home, faults, time), time, layout)
  }
  if (isMap(meter.device)) {
    const device = devices[meter.device]
    const read = (table: Table, address: number, count: number) =>
      registerBytes(device, table, address, count, lineNow({ phases: device.phases, generationIs: "import" }))
    return { unit: { maxRegisters: device.maxRegisters, read } }
  }
  if (meter.device === "bsm-ws36a" || meter.device === "wm3m4c") {
    const ocmf = meter.device === "wm3m4c"
    const generation = meter.measures === "generation"
    const key = createEcdsaKey(fromHex(meter.secret ?? "", 32), ocmf ? "ocmf" : "bsm", generation)
    const device: SignedDevice = {
      ...parts,
      key,
      serial: serialOf(meter),
      line: () => lineNow({ phases: 3, generationIs: ocmf ? "export" : "import" }),
    }
    return { unit: ocmf ? createWm3m4c(device) : createBsm(device), key }
  }
  return { unit: sunspecUnit(meter, lineNow) }
}

function sunspecUnit(meter: ModbusMeterSpec, lineNow: (layout: Layout) => Line): Unit {
  const inverter = meter.device === "sunspec-inverter"
  const { base = defaultBase, models, endMarker = true, energyScale = 0 } = meter.sunspec ?? {}
  const options = {
    base,
    models: models ?? (inverter ? [103] : [203]),
    endMarker,
    energyScale,
    maker: "Nobody",
    name: inverter ? "Simulated inverter" : "Simulated meter",
  }
  const layout: Layout = {
    phases: options.models.every((model) => phasesOf(model) === 1) ? 1 : 3,
    generationIs: inverter ? "import" : "export",
  }
  return {
    maxRegisters: sunspecMaxRegisters,
    read(table, address, count) {
      if (table !== "holding" || address < base) return undefined
      const image = sunspecImage(lineNow(layout), options)
      const [from, to] = [2 * (address - base), 2 * (address - base + count)]
      return to <= image.length ? image.subarray(from, to) : undefined
    },
  }
}
