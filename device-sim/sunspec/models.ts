import { type Point, pointsOf } from "./points.ts"

const inverter = pointsOf(`
  uint16*A_SF A AphA AphB AphC; sunssf A_SF;
  uint16*V_SF PPVphAB PPVphBC PPVphCA PhVphA PhVphB PhVphC; sunssf V_SF;
  int16*W_SF W; sunssf W_SF; uint16*Hz_SF Hz; sunssf Hz_SF; int16*VA_SF VA; sunssf VA_SF;
  int16*VAr_SF VAr; sunssf VAr_SF; int16*PF_SF PF; sunssf PF_SF; acc32*WH_SF WH; sunssf WH_SF;
  uint16*DCA_SF DCA; sunssf DCA_SF; uint16*DCV_SF DCV; sunssf DCV_SF; int16*DCW_SF DCW; sunssf DCW_SF;
  int16*Tmp_SF TmpCab TmpSnk TmpTrns TmpOt; sunssf Tmp_SF;
  enum16 St StVnd; bitfield32 Evt1 Evt2 EvtVnd1 EvtVnd2 EvtVnd3 EvtVnd4`)

const inverterInFloats = pointsOf(`
  float32 A AphA AphB AphC PPVphAB PPVphBC PPVphCA PhVphA PhVphB PhVphC W Hz VA VAr PF WH DCA DCV DCW
    TmpCab TmpSnk TmpTrns TmpOt;
  enum16 St StVnd; bitfield32 Evt1 Evt2 EvtVnd1 EvtVnd2 EvtVnd3 EvtVnd4`)

const meter = pointsOf(`
  int16*A_SF A AphA AphB AphC; sunssf A_SF;
  int16*V_SF PhV PhVphA PhVphB PhVphC PPV PhVphAB PhVphBC PhVphCA; sunssf V_SF;
  int16*Hz_SF Hz; sunssf Hz_SF; int16*W_SF W WphA WphB WphC; sunssf W_SF;
  int16*VA_SF VA VAphA VAphB VAphC; sunssf VA_SF; int16*VAR_SF VAR VARphA VARphB VARphC; sunssf VAR_SF;
  int16*PF_SF PF PFphA PFphB PFphC; sunssf PF_SF;
  acc32*TotWh_SF TotWhExp TotWhExpPhA TotWhExpPhB TotWhExpPhC TotWhImp TotWhImpPhA TotWhImpPhB TotWhImpPhC;
  sunssf TotWh_SF;
  acc32*TotVAh_SF TotVAhExp TotVAhExpPhA TotVAhExpPhB TotVAhExpPhC TotVAhImp TotVAhImpPhA TotVAhImpPhB TotVAhImpPhC;
  sunssf TotVAh_SF;
  acc32*TotVArh_SF TotVArhImpQ1 TotVArhImpQ1PhA TotVArhImpQ1PhB TotVArhImpQ1PhC
    TotVArhImpQ2 TotVArhImpQ2PhA TotVArhImpQ2PhB TotVArhImpQ2PhC
    TotVArhExpQ3 TotVArhExpQ3PhA TotVArhExpQ3PhB TotVArhExpQ3PhC
    TotVArhExpQ4 TotVArhExpQ4PhA TotVArhExpQ4PhB TotVArhExpQ4PhC;
  sunssf TotVArh_SF; bitfield32 Evt`)

const meterInFloats = pointsOf(`
  float32 A AphA AphB AphC PhV PhVphA PhVphB PhVphC PPV PPVphAB PPVphBC PPVphCA Hz W WphA WphB WphC
    VA VAphA VAphB VAphC VAR VARphA VARphB VARphC PF PFphA PFphB PFphC
    TotWhExp TotWhExpPhA TotWhExpPhB TotWhExpPhC TotWhImp TotWhImpPhA TotWhImpPhB TotWhImpPhC
    TotVAhExp TotVAhExpPhA TotVAhExpPhB TotVAhExpPhC TotVAhImp TotVAhImpPhA TotVAhImpPhB TotVAhImpPhC
    TotVArhImpQ1 TotVArhImpQ1phA TotVArhImpQ1phB TotVArhImpQ1phC
    TotVArhImpQ2 TotVArhImpQ2phA TotVArhImpQ2phB TotVArhImpQ2phC
    TotVArhExpQ3 TotVArhExpQ3phA TotVArhExpQ3phB TotVArhExpQ3phC
    TotVArhExpQ4 TotVArhExpQ4phA TotVArhExpQ4phB TotVArhExpQ4phC;
  bitfield32 Evt`)

const phaseOfDer = (n: 1 | 2 | 3) => `
  int16*W_SF WL${n}; int16*VA_SF VAL${n}; int16*Var_SF VarL${n}; int16*PF_SF PFL${n}; int16*A_SF AL${n};
  uint16*V_SF ${["VL1L2 VL1", "VL2L3 VL2", "VL3L1 VL3"][n - 1]};
  uint64*TotWh_SF TotWhInjL${n} TotWhAbsL${n}; uint64*TotVarh_SF TotVarhInjL${n} TotVarhAbsL${n};`

const der = pointsOf(`
  enum16 ACType St InvSt ConnSt; bitfield32 Alrm DERMode;
  int16*W_SF W; int16*VA_SF VA; int16*Var_SF Var; int16*PF_SF PF; int16*A_SF A; uint16*V_SF LLV LNV;
  uint32*Hz_SF Hz; uint64*TotWh_SF TotWhInj TotWhAbs; uint64*TotVarh_SF TotVarhInj TotVarhAbs;
  int16*Tmp_SF TmpAmb TmpCab TmpSnk TmpTrns TmpSw TmpOt;
  ${phaseOfDer(1)} ${phaseOfDer(2)} ${phaseOfDer(3)}
  uint16 ThrotPct; bitfield32 ThrotSrc;
  sunssf A_SF V_SF Hz_SF W_SF PF_SF VA_SF Var_SF TotWh_SF TotVarh_SF Tmp_SF; string32 MnAlrmInfo`)

/**
 * Of model 714, with the one port that the simulated inverter has: what the standard repeats for each port begins
 * with `Prt.`.
 */
const dc = pointsOf(`
  bitfield32 PrtAlrms; uint16 NPrt; int16*DCA_SF DCA; int16*DCW_SF DCW; uint64*DCWH_SF DCWhInj DCWhAbs;
  sunssf DCA_SF DCV_SF DCW_SF DCWH_SF Tmp_SF;
  enum16 Prt.PrtTyp; uint16 Prt.ID; string8 Prt.IDStr; int16*DCA_SF Prt.DCA; uint16*DCV_SF Prt.DCV;
  int16*DCW_SF Prt.DCW; uint64*DCWH_SF Prt.DCWhInj Prt.DCWhAbs; int16*Tmp_SF Prt.Tmp; enum16 Prt.DCSta;
  bitfield32 Prt.DCAlrm`)

const common = pointsOf("string16 Mn Md; string8 Opt Vr; string16 SN; uint16 DA; pad Pad")

/** Information models by number: sunspec/models (Apache-2.0). Those of one, two and three phases share a layout. */
export const models: Readonly<Record<number, readonly Point[]>> = Object.freeze({
  1: common,
  101: inverter,
  102: inverter,
  103: inverter,
  111: inverterInFloats,
  112: inverterInFloats,
  113: inverterInFloats,
  201: meter,
  202: meter,
  203: meter,
  204: meter,
  211: meterInFloats,
  212: meterInFloats,
  213: meterInFloats,
  214: meterInFloats,
  701: der,
  714: dc,
})

export const inverterModels = Object.freeze([101, 102, 103, 111, 112, 113, 701, 714] as const)
export const meterModels = Object.freeze([201, 202, 203, 204, 211, 212, 213, 214] as const)

/** How many phases a model is for; those of the DER series say it in ACType. */
export function phasesOf(model: number): 1 | 2 | 3 {
  if (model >= 700) return 3
  const last = model % 10
  return last === 1 ? 1 : last === 2 ? 2 : 3
}
