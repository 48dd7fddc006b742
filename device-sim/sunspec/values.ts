import type { Line, Shown } from "../devices/device.ts"
import { type QuantityName, quantities } from "../devices/quantities.ts"
import { phasesOf } from "./models.ts"

/** Values by point's name in whole units (A, V, W, Wh, Hz, VA, var, per cent); a point without one is not implemented. */
export type Values = Readonly<Record<string, Shown>>

/** The inverter's states (model 103, St; model 701, InvSt). */
const sleeping = 2
const producing = 4
const derRunning = 3
const derOff = 0

const phases = ["A", "B", "C"] as const
const pairs = ["AB", "BC", "CA"] as const
const pairQuantities = ["voltage_l1l2", "voltage_l2l3", "voltage_l3l1"] as const

/** Direct current behind the inverter: 600 V, and its losses. */
const dcVolts = 600
const efficiency = 0.97
const cabinetCelsius = 40

/** What the points of a model show. An inverter's and a DER's injection is what the line counts as import. */
export function valuesOf(model: number, line: Line): Values {
  if (model === 714) return dcValues(line)
  if (model === 701) return derValues(line)
  return model < 200 ? inverterValues(model, line) : meterValues(model, line)
}

/** Each phase's value of a quantity, under its point's name. */
function perPhase(line: Line, count: number, quantity: string, point: (letter: string) => string): Values {
  return Object.fromEntries(
    phases
      .slice(0, count)
      .map((letter, i) => [point(letter), quantities[`${quantity}_l${i + 1}` as QuantityName](line)]),
  )
}

function betweenPhases(line: Line, count: number, point: (pair: string) => string): Values {
  const there = count === 3 ? 3 : count - 1
  return Object.fromEntries(
    pairs.slice(0, there).map((pair, i) => [point(pair), quantities[pairQuantities[i]!](line)]),
  )
}

function inverterValues(model: number, line: Line): Values {
  const count = phasesOf(model)
  const watts = quantities.active_power_total(line)
  return {
    A: quantities.current_sum(line),
    ...perPhase(line, count, "current", (letter) => `Aph${letter}`),
    ...perPhase(line, count, "voltage", (letter) => `PhVph${letter}`),
    ...betweenPhases(line, count, (pair) => `PPVph${pair}`),
    W: watts,
    Hz: line.frequencyHz,
    VA: quantities.apparent_power_total(line),
    VAr: quantities.reactive_power_total(line),
    PF: 100 * quantities.power_factor_total(line),
    WH: quantities.import_active_energy(line),
    DCV: dcVolts,
    DCA: watts / efficiency / dcVolts,
    DCW: watts / efficiency,
    TmpCab: cabinetCelsius,
    St: watts > 0 ? producing : sleeping,
    Evt1: 0,
    Evt2: 0,
  }
}

function meterValues(model: number, line: Line): Values {
  const count = phasesOf(model)
  const floats = model > 210
  return {
    A: quantities.current_sum(line),
    ...perPhase(line, count, "current", (letter) => `Aph${letter}`),
    PhV: quantities.voltage_ln_avg(line),
    ...perPhase(line, count, "voltage", (letter) => `PhVph${letter}`),
    ...(count === 3 && { PPV: quantities.voltage_ll_avg(line) }),
    ...betweenPhases(line, count, (pair) => (floats ? `PPVph${pair}` : `PhVph${pair}`)),
    Hz: line.frequencyHz,
    W: quantities.active_power_total(line),
    ...perPhase(line, count, "active_power", (letter) => `Wph${letter}`),
    VA: quantities.apparent_power_total(line),
    ...perPhase(line, count, "apparent_power", (letter) => `VAph${letter}`),
    VAR: quantities.reactive_power_total(line),
    ...perPhase(line, count, "reactive_power", (letter) => `VARph${letter}`),
    PF: 100 * quantities.power_factor_total(line),
    TotWhImp: quantities.import_active_energy(line),
    TotWhExp: quantities.export_active_energy(line),
    ...(count === 3 && {
      ...perPhase(line, count, "import_active_energy", (letter) => `TotWhImpPh${letter}`),
      ...perPhase(line, count, "export_active_energy", (letter) => `TotWhExpPh${letter}`),
    }),
    Evt: 0,
  }
}

function derValues(line: Line): Values {
  const watts = quantities.active_power_total(line)
  return {
    ACType: 2, // three phases
    St: watts > 0 ? 1 : 0,
    InvSt: watts > 0 ? derRunning : derOff,
    ConnSt: 1,
    Alrm: 0,
    W: watts,
    VA: quantities.apparent_power_total(line),
    Var: quantities.reactive_power_total(line),
    PF: quantities.power_factor_total(line),
    A: quantities.current_sum(line),
    LLV: quantities.voltage_ll_avg(line),
    LNV: quantities.voltage_ln_avg(line),
    Hz: line.frequencyHz,
    TotWhInj: quantities.import_active_energy(line),
    TotWhAbs: quantities.export_active_energy(line),
    TmpCab: cabinetCelsius,
    ...Object.fromEntries(
      ([1, 2, 3] as const).flatMap((n) => [
        [`WL${n}`, quantities[`active_power_l${n}`](line)],
        [`VL${n}`, quantities[`voltage_l${n}`](line)],
        [`AL${n}`, quantities[`current_l${n}`](line)],
        [`TotWhInjL${n}`, quantities[`import_active_energy_l${n}`](line)],
      ]),
    ),
  }
}

function dcValues(line: Line): Values {
  const watts = quantities.active_power_total(line) / efficiency
  const energy = quantities.import_active_energy(line)
  return {
    PrtAlrms: 0,
    NPrt: 1,
    DCA: watts / dcVolts,
    DCW: watts,
    DCWhInj: energy,
    "Prt.PrtTyp": 0, // photovoltaic
    "Prt.ID": 1,
    "Prt.IDStr": "Roof",
    "Prt.DCA": watts / dcVolts,
    "Prt.DCV": dcVolts,
    "Prt.DCW": watts,
    "Prt.DCWhInj": energy,
    "Prt.Tmp": cabinetCelsius,
    "Prt.DCSta": watts > 0 ? 1 : 0,
    "Prt.DCAlrm": 0,
  }
}
