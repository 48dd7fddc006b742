/** The numbers of a snapshot, by their SunSpec types. */
export type PointType = "enum16" | "uint16" | "int16" | "uint32" | "acc32" | "bitfield32" | "sunssf"

/** One point of the register image of model 64901. Addresses count registers from the model's first point, Typ. */
export interface Point {
  readonly name: string
  readonly register: number
  /** Registers of a string; a number's follow from its type. */
  readonly type: PointType | { readonly string: number }
  /** Where the point stands in the signed message, if it does: a number with its scale factor and its unit's code. */
  readonly signed?: { readonly scale?: "Wh_SF" | "W_SF"; readonly unit: number }
}

/** Codes of units, one byte (DLMS UA Blue Book, "Enumerated values for physical units"). */
const unit = { min: 6, s: 7, W: 27, Wh: 30, none: 255 } as const

/**
 * The register image of a snapshot, SunSpec model 64901 of the Bauer BSM-WS36A, and what of it is signed.
 *
 * | fact | from |
 * |---|---|
 * | names, types, order and addresses | doc/modbus/bsm-ws36a-modbus-registers.csv of chargeITmobility/bsm-python, and the vector's decoded fields |
 * | one scale factor, Wh_SF, for RCR and TotWhImp | the same, and the vector: 0x01 behind both |
 * | the message is these points in this order, without St, the scale factors, NSig and BSig | the vector's signed bytes; snapshots.md of the same repository prints them point by point |
 * | a number is 32 bits, then the scale factor and the unit's code in a byte each | the same |
 * | units' codes 6, 7, 27, 30 and 255 | the vector's signed bytes, and the Blue Book |
 * | a string is its length in 32 bits, then its bytes without padding | the same |
 * | the signature is ECDSA P-256 with SHA-256 over the message, in DER, the first BSig bytes of Sig | the vector, verified |
 */
export const points = Object.freeze([
  { name: "Typ", register: 0, type: "enum16", signed: { unit: unit.none } },
  { name: "St", register: 1, type: "enum16" },
  { name: "RCR", register: 2, type: "acc32", signed: { scale: "Wh_SF", unit: unit.Wh } },
  { name: "TotWhImp", register: 4, type: "acc32", signed: { scale: "Wh_SF", unit: unit.Wh } },
  { name: "Wh_SF", register: 6, type: "sunssf" },
  { name: "W", register: 7, type: "int16", signed: { scale: "W_SF", unit: unit.W } },
  { name: "W_SF", register: 8, type: "sunssf" },
  { name: "MA1", register: 9, type: { string: 8 }, signed: { unit: unit.none } },
  { name: "RCnt", register: 17, type: "uint32", signed: { unit: unit.none } },
  { name: "OS", register: 19, type: "uint32", signed: { unit: unit.s } },
  { name: "Epoch", register: 21, type: "uint32", signed: { unit: unit.s } },
  { name: "TZO", register: 23, type: "int16", signed: { unit: unit.min } },
  { name: "EpochSetCnt", register: 24, type: "uint32", signed: { unit: unit.none } },
  { name: "EpochSetOS", register: 26, type: "uint32", signed: { unit: unit.s } },
  { name: "DI", register: 28, type: "uint16", signed: { unit: unit.none } },
  { name: "DO", register: 29, type: "uint16", signed: { unit: unit.none } },
  { name: "Meta1", register: 30, type: { string: 70 }, signed: { unit: unit.none } },
  { name: "Meta2", register: 100, type: { string: 50 }, signed: { unit: unit.none } },
  { name: "Meta3", register: 150, type: { string: 50 }, signed: { unit: unit.none } },
  { name: "Evt", register: 200, type: "bitfield32", signed: { unit: unit.none } },
  { name: "NSig", register: 202, type: "uint16" },
  { name: "BSig", register: 203, type: "uint16" },
] as const satisfies readonly Point[])

/** Where the signature begins, and how many registers it may use. */
export const signatureRegister = 204
export const signatureRegisters = 48

/** The image's length: 252 registers. */
export const snapshotBytes = 2 * (signatureRegister + signatureRegisters)

/** What stands before the image in the register map: the model's number and its length in registers. */
export const modelHeader = Uint8Array.from([0xfd, 0x85, 0x00, snapshotBytes / 2])

type Points = (typeof points)[number]
export type StringPoint = Extract<Points, { type: { string: number } }>["name"]
export type NumberPoint = Exclude<Points["name"], StringPoint>
