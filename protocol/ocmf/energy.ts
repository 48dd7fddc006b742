import type { Reading } from "../reading.ts"

/** Which way energy flows through a register, seen from the meter. */
export type Direction = "import" | "export"

/** The registers of a reading. */
export type RegisterField = "generatedWh" | "importedWh" | "exportedWh"

/**
 * What a meter's import and export registers are in this community. A meter does not know whether what it counts is
 * a household's or a solar plant's: whoever registers it does. A direction that is not named is passed over.
 */
export type WiredAs = Readonly<Partial<Record<Direction, RegisterField>>>

/** A meter at a household's connection. */
export const atConnection: WiredAs = Object.freeze({ import: "importedWh", export: "exportedWh" })

/** A meter at a solar plant: what it delivers is generation, and what the plant draws at night is nobody's here. */
export const atGenerator: WiredAs = Object.freeze({ export: "generatedWh" })

/** The registers of one moment, as `Reading` names them. */
export type Registers = Partial<Pick<Reading, RegisterField>>

/** The largest energy that a reading carries (SPEC.md, 3.2). */
export const maxEnergyWh = 2n ** 63n - 1n

/** The coarsest step that a reading can state, Wh (SPEC.md, 3.2). */
const coarsestStepWh = 1_000_000n

/** An energy register in whole Wh, as a reading carries it. */
export interface Energy {
  /** Rounded down: what is not a whole Wh yet is in the register of the next reading. */
  readonly wh: bigint
  /** The step of the register in Wh, at least 1: the last place that the meter wrote. */
  readonly stepWh: number
}

const decimalForm = /^ *([+-]?)([0-9]{1,40})(?:\.([0-9]{1,40}))?(?:[eE]([+-]?[0-9]{1,2}))? *$/

/** What 1 of the unit is in Wh, as a power of ten (OCMF 1.2, table 20). */
const unitExponent: ReadonlyMap<string, number> = new Map([
  ["Wh", 0],
  ["kWh", 3],
])

/**
 * Turns a register's own decimal text into whole Wh, exactly: no float ever holds it. The number of places written
 * is the register's resolution (OCMF 1.2, table 7, RV): "2935.6" kWh is 2,935,600 Wh in steps of 100 Wh.
 * @param text as the meter wrote it; some write numbers as strings padded with spaces.
 * @returns what is wrong, in words, where it is not an energy that a reading can carry.
 */
export function energyFromDecimal(text: string, unit: string): Energy | string {
  const exponentOfUnit = unitExponent.get(unit)
  if (exponentOfUnit === undefined) return `the unit "${unit}" is neither Wh nor kWh`
  const parts = decimalForm.exec(text)
  if (!parts) return `"${text.slice(0, 60)}" is not a decimal number`
  const [, sign, whole, fraction = "", exponent = "0"] = parts
  // The value is digits × 10^power Wh.
  return energyFromScaled(
    BigInt(whole! + fraction) * (sign === "-" ? -1n : 1n),
    Number(exponent) - fraction.length + exponentOfUnit,
  )
}

/**
 * The same for a register that comes as an integer and a power of ten: value × 10^power Wh.
 * @returns what is wrong, in words.
 */
export function energyFromScaled(value: bigint, power: number): Energy | string {
  const factor = 10n ** BigInt(Math.abs(power))
  const wh = power >= 0 ? value * factor : value / factor
  if (value < 0n) return "the register is negative"
  if (wh > maxEnergyWh) return "the register is beyond 2^63 - 1 Wh"
  const step = power > 0 ? factor : 1n
  if (step > coarsestStepWh) return "the register counts in steps of more than 1,000,000 Wh"
  return { wh, stepWh: Number(step) }
}
