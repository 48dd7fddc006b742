import { concatBytes } from "../../protocol/hex.ts"
import type { Line } from "../devices/device.ts"
import { models } from "./models.ts"
import { encodePoint, type Point, sizeOf } from "./points.ts"
import { type Values, valuesOf } from "./values.ts"

/** A SunSpec device as it is configured. */
export interface SunspecOptions {
  /** Where "SunS" stands. */
  base: number
  /** Behind the common model, in this order. */
  models: readonly number[]
  /** Some devices leave it out. */
  endMarker: boolean
  /** The power of ten of one count of energy. */
  energyScale: number
  maker: string
  name: string
}

/** "SunS" (SunSpec Device Information Model Specification, 6.2). */
const mark = Uint8Array.of(0x53, 0x75, 0x6e, 0x53)
const endMarker = Uint8Array.of(0xff, 0xff, 0, 0)

/** Powers of ten of what is not energy; power has one more where it would not fit into 16 bits. */
const scales: Readonly<Record<string, number>> = Object.freeze({
  A_SF: -2,
  V_SF: -1,
  Hz_SF: -2,
  PF_SF: -1,
  DCA_SF: -2,
  DCV_SF: -1,
  Tmp_SF: 0,
})
/** Model 701 has the power factor itself, the older ones per cent. */
const der = 701
const derPowerFactorScale = -3
const energyScales: ReadonlySet<string> = new Set(["WH_SF", "TotWh_SF", "DCWH_SF", "Wh_SF", "RCR_SF"])
const powerScales: ReadonlySet<string> = new Set(["W_SF", "VA_SF", "VAr_SF", "VAR_SF", "Var_SF", "DCW_SF"])
const largestInt16 = 32_767

/** The whole register image: mark, common model, the others, end. */
export function sunspecImage(line: Line, options: SunspecOptions): Uint8Array {
  const { maker, name, energyScale } = options
  const common = { Mn: maker, Md: name, Vr: "1.0", SN: String(line.serial), DA: line.unit }
  return concatBytes(
    mark,
    modelBytes(1, models[1]!, common, energyScale),
    ...options.models.map((model) => modelBytes(model, models[model]!, valuesOf(model, line), energyScale)),
    ...(options.endMarker ? [endMarker] : []),
  )
}

/** A model with its header: its number and its length in registers, which does not count the header. */
export function modelBytes(
  model: number,
  points: readonly Point[],
  values: Values,
  energyScale: number,
): Uint8Array {
  const used = new Set(points.filter(({ name }) => values[name] !== undefined).map(({ scale }) => scale))
  const scaleOf = (name: string | undefined): number => {
    if (name === undefined) return 0
    if (energyScales.has(name)) return energyScale
    if (name === "PF_SF" && model === der) return derPowerFactorScale
    if (!powerScales.has(name)) return scales[name] ?? 0
    const shown = points.filter(({ scale }) => scale === name).map((point) => Number(values[point.name] ?? 0))
    return shown.some((value) => Math.abs(value) > largestInt16) ? 1 : 0
  }
  const contents = points.map(({ name, type, scale }) => {
    if (type === "sunssf") return encodePoint(type, used.has(name) ? scaleOf(name) : undefined, 0)
    return encodePoint(type, values[name], scaleOf(scale))
  })
  const length = points.reduce((sum, { type }) => sum + sizeOf(type), 0)
  return concatBytes(Uint8Array.of(model >> 8, model & 0xff, length >> 8, length & 0xff), ...contents)
}
