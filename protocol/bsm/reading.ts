import { energyFromScaled, type RegisterField } from "../ocmf/energy.ts"
import { Clock, type Reading } from "../reading.ts"
import type { BsmSnapshot } from "./snapshot.ts"

/** What a snapshot says as a reading, where it can be one, and everything in it that speaks against settling on it. */
export interface BsmReading {
  readonly reading: Reading | undefined
  /** In words; empty where nothing speaks against it. */
  readonly doubts: readonly string[]
}

/** SunSpec's "not implemented" of uint32 and int16; an accumulator of 0 is "not accumulated". */
const noUint32 = 0xffff_ffff
const noInt16 = -0x8000

/** Bits of Evt that tell of the grid and not of the count: power failure, under-voltage, low power factor. */
const harmlessEvents = (1 << 2) | (1 << 3) | (1 << 4)

const eventNames: Readonly<Record<number, string>> = {
  5: "over-current",
  6: "over-voltage",
  7: "a sensor is missing",
  16: "fatal error of the meter",
  17: "the communication module did not start properly",
  18: "the communication module's firmware is not the certified one",
  19: "the communication module is in development mode",
}

/**
 * Reads a snapshot. Does not verify the signature (`verifyBsm`), and does not look at others (`judgeSeries`).
 *
 * The snapshot signs no quality of its clock, only how often it was set (EpochSetCnt) and when (EpochSetOS, in
 * seconds of operation). The meter starts without a time, and has one only while somebody renews it every 24 to 48
 * hours; a renewal within its allowed drift is not registered (bsm-python, doc/examples/time.md). So a time that is
 * there counts as synchronised if it was ever set, and not in the future; otherwise as informative, and without a
 * time the snapshot is no reading.
 * @param register what the meter's import register is to the community; it signs no export register.
 */
export function readingFromBsm(snapshot: BsmSnapshot, register: RegisterField = "importedWh"): BsmReading {
  const { TotWhImp, Wh_SF, RCnt, Epoch, EpochSetCnt, OS, EpochSetOS, Evt } = snapshot.numbers
  const doubts: string[] = eventDoubts(Evt)
  const doubt = (text: string): BsmReading => ({ reading: undefined, doubts: [...doubts, text] })

  if (RCnt === noUint32) return doubt("the snapshot has no number (RCnt)")
  if (Epoch === noUint32 || Epoch === 0) return doubt("the meter has no time (Epoch)")
  if (TotWhImp === 0)
    return doubt("the register (TotWhImp) is 0, which in SunSpec means that it is not counted")
  const energy = energyFromScaled(BigInt(TotWhImp), Wh_SF)
  if (typeof energy === "string") return doubt(energy)

  const clock = clockOf({ EpochSetCnt, OS, EpochSetOS })
  if (typeof clock === "string") doubts.push(clock)
  const reading: Reading = {
    sequence: RCnt,
    time: Epoch,
    clock: typeof clock === "string" ? Clock.informative : clock,
    clockSets: EpochSetCnt === noUint32 ? 0 : EpochSetCnt,
    // The power-down counter stands in model 64900 and is not signed.
    boots: 0,
    [register]: energy.wh,
  }
  const powerW = powerOf(snapshot)
  if (powerW !== undefined) reading.powerW = powerW
  if (Evt !== 0) reading.status = Evt
  if (energy.stepWh > 1) reading.resolutionWh = energy.stepWh
  return { reading, doubts }
}

function clockOf({
  EpochSetCnt,
  OS,
  EpochSetOS,
}: Pick<BsmSnapshot["numbers"], "EpochSetCnt" | "OS" | "EpochSetOS">): Clock | string {
  if ([EpochSetCnt, OS, EpochSetOS].includes(noUint32)) return "the clock does not say when it was set"
  if (EpochSetCnt === 0) return "the clock was never set"
  if (OS < EpochSetOS) return "the clock was set later than the snapshot was taken"
  return Clock.synchronised
}

function powerOf({ numbers: { W, W_SF } }: BsmSnapshot): number | undefined {
  if (W === noInt16) return undefined
  // Whole W, towards zero; it is shown and never settled on.
  const power = Math.trunc(W_SF >= 0 ? W * 10 ** W_SF : W / 10 ** -W_SF) + 0
  return Math.abs(power) > 0x7fffffff ? undefined : power
}

function eventDoubts(events: number): string[] {
  const doubts: string[] = []
  for (let bit = 0; bit < 32; bit++) {
    if (((events & ~harmlessEvents) >>> bit) & 1)
      doubts.push(
        `the meter reports an event: ${eventNames[bit] ?? "one that is not described"} (Evt bit ${bit})`,
      )
  }
  return doubts
}
