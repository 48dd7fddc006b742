import { type NumberType, noScale, type Point, widths } from "../point.ts"

/** One line of a table: offset from the model's id, name, type, scale factor (or -), unit. */
interface Row {
  offset: number
  name: string
  type: string
  factor?: string
  unit?: string
}

interface Model {
  rows: readonly Row[]
  /** A group that comes again and again behind the fixed part, which has `from` registers. */
  repeat?: { name: string; from: number; registers: number; rows: readonly Row[] }
}

/**
 * How a SunSpec type is read, and which contents say that it is not implemented. SunSpec Device Information Model
 * Specification 1.1, 6.5: an accumulator of 0 is "not accumulated"; devices that take it for a uint32 show all ones.
 */
const types: Record<string, { type: NumberType; notANumber?: bigint[] }> = {
  int16: { type: "int16", notANumber: [0x8000n] },
  uint16: { type: "uint16", notANumber: [0xffffn] },
  enum16: { type: "uint16", notANumber: [0xffffn] },
  count: { type: "uint16", notANumber: [0xffffn] },
  bitfield32: { type: "uint32", notANumber: [0xffffffffn] },
  uint32: { type: "uint32", notANumber: [0xffffffffn] },
  acc32: { type: "uint32", notANumber: [0n, 0xffffffffn] },
  uint64: { type: "uint64", notANumber: [0xffffffffffffffffn] },
  float32: { type: "float32" },
}

const common = table(`
  2 Mn string16
  18 Md string16
  34 Opt string8
  42 Vr string8
  50 SN string16
`)

/** The beginning of model 120: what it can give, by its nameplate. */
const nameplate = table(`
  3 WRtg uint16 WRtg_SF W
  4 WRtg_SF sunssf
`)

const inverter = table(`
  2 A uint16 A_SF A
  3 AphA uint16 A_SF A
  4 AphB uint16 A_SF A
  5 AphC uint16 A_SF A
  6 A_SF sunssf
  7 PPVphAB uint16 V_SF V
  8 PPVphBC uint16 V_SF V
  9 PPVphCA uint16 V_SF V
  10 PhVphA uint16 V_SF V
  11 PhVphB uint16 V_SF V
  12 PhVphC uint16 V_SF V
  13 V_SF sunssf
  14 W int16 W_SF W
  15 W_SF sunssf
  16 Hz uint16 Hz_SF Hz
  17 Hz_SF sunssf
  18 VA int16 VA_SF VA
  19 VA_SF sunssf
  20 VAr int16 VAr_SF var
  21 VAr_SF sunssf
  22 PF int16 PF_SF %
  23 PF_SF sunssf
  24 WH acc32 WH_SF Wh
  26 WH_SF sunssf
  27 DCA uint16 DCA_SF A
  28 DCA_SF sunssf
  29 DCV uint16 DCV_SF V
  30 DCV_SF sunssf
  31 DCW int16 DCW_SF W
  32 DCW_SF sunssf
  33 TmpCab int16 Tmp_SF °C
  34 TmpSnk int16 Tmp_SF °C
  35 TmpTrns int16 Tmp_SF °C
  36 TmpOt int16 Tmp_SF °C
  37 Tmp_SF sunssf
  38 St enum16
  39 StVnd enum16
  40 Evt1 bitfield32
  42 Evt2 bitfield32
  44 EvtVnd1 bitfield32
  46 EvtVnd2 bitfield32
  48 EvtVnd3 bitfield32
  50 EvtVnd4 bitfield32
`)

const inverterFloat = table(`
  2 A float32 - A
  4 AphA float32 - A
  6 AphB float32 - A
  8 AphC float32 - A
  10 PPVphAB float32 - V
  12 PPVphBC float32 - V
  14 PPVphCA float32 - V
  16 PhVphA float32 - V
  18 PhVphB float32 - V
  20 PhVphC float32 - V
  22 W float32 - W
  24 Hz float32 - Hz
  26 VA float32 - VA
  28 VAr float32 - var
  30 PF float32 - %
  32 WH float32 - Wh
  34 DCA float32 - A
  36 DCV float32 - V
  38 DCW float32 - W
  40 TmpCab float32 - °C
  42 TmpSnk float32 - °C
  44 TmpTrns float32 - °C
  46 TmpOt float32 - °C
  48 St enum16
  49 StVnd enum16
  50 Evt1 bitfield32
  52 Evt2 bitfield32
  54 EvtVnd1 bitfield32
  56 EvtVnd2 bitfield32
  58 EvtVnd3 bitfield32
  60 EvtVnd4 bitfield32
`)

const meter = table(`
  2 A int16 A_SF A
  3 AphA int16 A_SF A
  4 AphB int16 A_SF A
  5 AphC int16 A_SF A
  6 A_SF sunssf
  7 PhV int16 V_SF V
  8 PhVphA int16 V_SF V
  9 PhVphB int16 V_SF V
  10 PhVphC int16 V_SF V
  11 PPV int16 V_SF V
  12 PhVphAB int16 V_SF V
  13 PhVphBC int16 V_SF V
  14 PhVphCA int16 V_SF V
  15 V_SF sunssf
  16 Hz int16 Hz_SF Hz
  17 Hz_SF sunssf
  18 W int16 W_SF W
  19 WphA int16 W_SF W
  20 WphB int16 W_SF W
  21 WphC int16 W_SF W
  22 W_SF sunssf
  23 VA int16 VA_SF VA
  24 VAphA int16 VA_SF VA
  25 VAphB int16 VA_SF VA
  26 VAphC int16 VA_SF VA
  27 VA_SF sunssf
  28 VAR int16 VAR_SF var
  29 VARphA int16 VAR_SF var
  30 VARphB int16 VAR_SF var
  31 VARphC int16 VAR_SF var
  32 VAR_SF sunssf
  33 PF int16 PF_SF %
  34 PFphA int16 PF_SF %
  35 PFphB int16 PF_SF %
  36 PFphC int16 PF_SF %
  37 PF_SF sunssf
  38 TotWhExp acc32 TotWh_SF Wh
  40 TotWhExpPhA acc32 TotWh_SF Wh
  42 TotWhExpPhB acc32 TotWh_SF Wh
  44 TotWhExpPhC acc32 TotWh_SF Wh
  46 TotWhImp acc32 TotWh_SF Wh
  48 TotWhImpPhA acc32 TotWh_SF Wh
  50 TotWhImpPhB acc32 TotWh_SF Wh
  52 TotWhImpPhC acc32 TotWh_SF Wh
  54 TotWh_SF sunssf
  55 TotVAhExp acc32 TotVAh_SF VAh
  57 TotVAhExpPhA acc32 TotVAh_SF VAh
  59 TotVAhExpPhB acc32 TotVAh_SF VAh
  61 TotVAhExpPhC acc32 TotVAh_SF VAh
  63 TotVAhImp acc32 TotVAh_SF VAh
  65 TotVAhImpPhA acc32 TotVAh_SF VAh
  67 TotVAhImpPhB acc32 TotVAh_SF VAh
  69 TotVAhImpPhC acc32 TotVAh_SF VAh
  71 TotVAh_SF sunssf
  72 TotVArhImpQ1 acc32 TotVArh_SF varh
  74 TotVArhImpQ1PhA acc32 TotVArh_SF varh
  76 TotVArhImpQ1PhB acc32 TotVArh_SF varh
  78 TotVArhImpQ1PhC acc32 TotVArh_SF varh
  80 TotVArhImpQ2 acc32 TotVArh_SF varh
  82 TotVArhImpQ2PhA acc32 TotVArh_SF varh
  84 TotVArhImpQ2PhB acc32 TotVArh_SF varh
  86 TotVArhImpQ2PhC acc32 TotVArh_SF varh
  88 TotVArhExpQ3 acc32 TotVArh_SF varh
  90 TotVArhExpQ3PhA acc32 TotVArh_SF varh
  92 TotVArhExpQ3PhB acc32 TotVArh_SF varh
  94 TotVArhExpQ3PhC acc32 TotVArh_SF varh
  96 TotVArhExpQ4 acc32 TotVArh_SF varh
  98 TotVArhExpQ4PhA acc32 TotVArh_SF varh
  100 TotVArhExpQ4PhB acc32 TotVArh_SF varh
  102 TotVArhExpQ4PhC acc32 TotVArh_SF varh
  104 TotVArh_SF sunssf
  105 Evt bitfield32
`)

const meterFloat = table(`
  2 A float32 - A
  4 AphA float32 - A
  6 AphB float32 - A
  8 AphC float32 - A
  10 PhV float32 - V
  12 PhVphA float32 - V
  14 PhVphB float32 - V
  16 PhVphC float32 - V
  18 PPV float32 - V
  20 PPVphAB float32 - V
  22 PPVphBC float32 - V
  24 PPVphCA float32 - V
  26 Hz float32 - Hz
  28 W float32 - W
  30 WphA float32 - W
  32 WphB float32 - W
  34 WphC float32 - W
  36 VA float32 - VA
  38 VAphA float32 - VA
  40 VAphB float32 - VA
  42 VAphC float32 - VA
  44 VAR float32 - var
  46 VARphA float32 - var
  48 VARphB float32 - var
  50 VARphC float32 - var
  52 PF float32
  54 PFphA float32
  56 PFphB float32
  58 PFphC float32
  60 TotWhExp float32 - Wh
  62 TotWhExpPhA float32 - Wh
  64 TotWhExpPhB float32 - Wh
  66 TotWhExpPhC float32 - Wh
  68 TotWhImp float32 - Wh
  70 TotWhImpPhA float32 - Wh
  72 TotWhImpPhB float32 - Wh
  74 TotWhImpPhC float32 - Wh
  76 TotVAhExp float32 - VAh
  78 TotVAhExpPhA float32 - VAh
  80 TotVAhExpPhB float32 - VAh
  82 TotVAhExpPhC float32 - VAh
  84 TotVAhImp float32 - VAh
  86 TotVAhImpPhA float32 - VAh
  88 TotVAhImpPhB float32 - VAh
  90 TotVAhImpPhC float32 - VAh
  92 TotVArhImpQ1 float32 - varh
  94 TotVArhImpQ1phA float32 - varh
  96 TotVArhImpQ1phB float32 - varh
  98 TotVArhImpQ1phC float32 - varh
  100 TotVArhImpQ2 float32 - varh
  102 TotVArhImpQ2phA float32 - varh
  104 TotVArhImpQ2phB float32 - varh
  106 TotVArhImpQ2phC float32 - varh
  108 TotVArhExpQ3 float32 - varh
  110 TotVArhExpQ3phA float32 - varh
  112 TotVArhExpQ3phB float32 - varh
  114 TotVArhExpQ3phC float32 - varh
  116 TotVArhExpQ4 float32 - varh
  118 TotVArhExpQ4phA float32 - varh
  120 TotVArhExpQ4phB float32 - varh
  122 TotVArhExpQ4phC float32 - varh
  124 Evt bitfield32
`)

const mppt = table(`
  2 DCA_SF sunssf
  3 DCV_SF sunssf
  4 DCW_SF sunssf
  5 DCWH_SF sunssf
  6 Evt bitfield32
  8 N count
  9 TmsPer uint16
`)

const mpptModule = table(`
  1 IDStr string8
  9 DCA uint16 DCA_SF A
  10 DCV uint16 DCV_SF V
  11 DCW uint16 DCW_SF W
  12 DCWH acc32 DCWH_SF Wh
  14 Tms uint32 - s
  16 Tmp int16 - °C
  17 DCSt enum16
  18 DCEvt bitfield32
`)

const measureAc = table(`
  2 ACType enum16
  3 St enum16
  4 InvSt enum16
  5 ConnSt enum16
  6 Alrm bitfield32
  8 DERMode bitfield32
  10 W int16 W_SF W
  11 VA int16 VA_SF VA
  12 Var int16 Var_SF var
  13 PF int16 PF_SF
  14 A int16 A_SF A
  15 LLV uint16 V_SF V
  16 LNV uint16 V_SF V
  17 Hz uint32 Hz_SF Hz
  19 TotWhInj uint64 TotWh_SF Wh
  23 TotWhAbs uint64 TotWh_SF Wh
  27 TotVarhInj uint64 TotVarh_SF varh
  31 TotVarhAbs uint64 TotVarh_SF varh
  35 TmpAmb int16 Tmp_SF °C
  36 TmpCab int16 Tmp_SF °C
  37 TmpSnk int16 Tmp_SF °C
  38 TmpTrns int16 Tmp_SF °C
  39 TmpSw int16 Tmp_SF °C
  40 TmpOt int16 Tmp_SF °C
  41 WL1 int16 W_SF W
  42 VAL1 int16 VA_SF VA
  43 VarL1 int16 Var_SF var
  44 PFL1 int16 PF_SF
  45 AL1 int16 A_SF A
  46 VL1L2 uint16 V_SF V
  47 VL1 uint16 V_SF V
  48 TotWhInjL1 uint64 TotWh_SF Wh
  52 TotWhAbsL1 uint64 TotWh_SF Wh
  56 TotVarhInjL1 uint64 TotVarh_SF varh
  60 TotVarhAbsL1 uint64 TotVarh_SF varh
  64 WL2 int16 W_SF W
  65 VAL2 int16 VA_SF VA
  66 VarL2 int16 Var_SF var
  67 PFL2 int16 PF_SF
  68 AL2 int16 A_SF A
  69 VL2L3 uint16 V_SF V
  70 VL2 uint16 V_SF V
  71 TotWhInjL2 uint64 TotWh_SF Wh
  75 TotWhAbsL2 uint64 TotWh_SF Wh
  79 TotVarhInjL2 uint64 TotVarh_SF varh
  83 TotVarhAbsL2 uint64 TotVarh_SF varh
  87 WL3 int16 W_SF W
  88 VAL3 int16 VA_SF VA
  89 VarL3 int16 Var_SF var
  90 PFL3 int16 PF_SF
  91 AL3 int16 A_SF A
  92 VL3L1 uint16 V_SF V
  93 VL3 uint16 V_SF V
  94 TotWhInjL3 uint64 TotWh_SF Wh
  98 TotWhAbsL3 uint64 TotWh_SF Wh
  102 TotVarhInjL3 uint64 TotVarh_SF varh
  106 TotVarhAbsL3 uint64 TotVarh_SF varh
  110 ThrotPct uint16 - %
  111 ThrotSrc bitfield32
  113 A_SF sunssf
  114 V_SF sunssf
  115 Hz_SF sunssf
  116 W_SF sunssf
  117 PF_SF sunssf
  118 VA_SF sunssf
  119 Var_SF sunssf
  120 TotWh_SF sunssf
  121 TotVarh_SF sunssf
  122 Tmp_SF sunssf
`)

const measureDc = table(`
  2 PrtAlrms bitfield32
  4 NPrt uint16
  5 DCA int16 DCA_SF A
  6 DCW int16 DCW_SF W
  7 DCWhInj uint64 DCWH_SF Wh
  11 DCWhAbs uint64 DCWH_SF Wh
  15 DCA_SF sunssf
  16 DCV_SF sunssf
  17 DCW_SF sunssf
  18 DCWH_SF sunssf
  19 Tmp_SF sunssf
`)

const dcPort = table(`
  0 PrtTyp enum16
  2 IDStr string8
  10 DCA int16 DCA_SF A
  11 DCV uint16 DCV_SF V
  12 DCW int16 DCW_SF W
  13 DCWhInj uint64 DCWH_SF Wh
  17 DCWhAbs uint64 DCWH_SF Wh
  21 Tmp int16 Tmp_SF °C
  22 DCSta enum16
  23 DCAlrm bitfield32
`)

/** The models that we know, as the standard lays them out. Offsets count from the model's id. */
export const models: ReadonlyMap<number, Model> = new Map<number, Model>([
  [1, { rows: common }],
  ...[101, 102, 103].map((id): [number, Model] => [id, { rows: inverter }]),
  ...[111, 112, 113].map((id): [number, Model] => [id, { rows: inverterFloat }]),
  [120, { rows: nameplate }],
  [160, { rows: mppt, repeat: { name: "module", from: 10, registers: 20, rows: mpptModule } }],
  ...[201, 202, 203, 204].map((id): [number, Model] => [id, { rows: meter }]),
  ...[211, 212, 213, 214].map((id): [number, Model] => [id, { rows: meterFloat }]),
  [701, { rows: measureAc }],
  [714, { rows: measureDc, repeat: { name: "Prt", from: 20, registers: 25, rows: dcPort } }],
])

/** A model on a device: where its id stands, and its own word on how long it is, without id and length. */
export interface ModelAt {
  id: number
  address: number
  length: number
  /** The how many-eth of its kind on the device, from 1. */
  occurrence: number
}

/** No inverter has more inputs; a device that claims to would fill the bus with its points. */
const mostRepeats = 32

/** "103.WH", and "203#2.TotWhImp" of a device's second meter model. */
export const pointName = ({ id, occurrence }: ModelAt, name: string) =>
  `${id}${occurrence > 1 ? `#${occurrence}` : ""}.${name}`

/**
 * The points that a model has at its place. A model that says it is shorter than the standard has fewer.
 * @param most how many registers one request may ask for: a value beyond the reach of its scale factor is left out.
 */
export function pointsOf(model: ModelAt, most: number): Point[] {
  const known = models.get(model.id)
  if (!known) return []
  const end = 2 + model.length
  const factors = new Map(
    known.rows
      .filter(({ type, offset }) => type === "sunssf" && offset < end)
      .map(({ name, offset }) => [name, offset]),
  )
  const rows = [...known.rows]
  const { repeat } = known
  if (repeat)
    for (let i = 0; i < mostRepeats && repeat.from + (i + 1) * repeat.registers <= end; i++)
      for (const row of repeat.rows)
        rows.push({
          ...row,
          offset: repeat.from + i * repeat.registers + row.offset,
          name: `${repeat.name}${i + 1}.${row.name}`,
        })
  return rows.flatMap(({ offset, name, type, factor, unit }): Point[] => {
    if (type === "sunssf") return []
    const text = /^string(\d+)$/.exec(type)?.[1]
    const number = text ? undefined : types[type]!
    const registers = number ? widths[number.type] : Number(text)
    const factorOffset = factor === undefined ? undefined : factors.get(factor)
    if (offset + registers > end || (factor !== undefined && factorOffset === undefined)) return []
    if (factorOffset !== undefined) {
      const reach = Math.max(offset + registers, factorOffset + 1) - Math.min(offset, factorOffset)
      if (reach > most) return []
    }
    return [
      {
        name: pointName(model, name),
        function: 3,
        address: model.address + offset,
        registers,
        type: number?.type ?? "string",
        order: "big",
        scale: noScale,
        notANumber: number?.notANumber ?? [],
        ...(factorOffset !== undefined && { factorAddress: model.address + factorOffset }),
        ...(unit && { unit }),
      },
    ]
  })
}

/** A table as text, a line a point. */
function table(text: string): Row[] {
  return text
    .trim()
    .split("\n")
    .map((line) => {
      const [offset, name, type, factor, unit] = line.trim().split(" ")
      return {
        offset: Number(offset),
        name: name!,
        type: type!,
        ...(factor && factor !== "-" && { factor }),
        ...(unit && { unit }),
      }
    })
}
