import { ceilingWh } from "./ceiling.ts"
import type { Anchor } from "./judge.ts"
import { firstCounter } from "./register.ts"
import { quarterSeconds } from "./rise.ts"

/**
 * A restart of a meter's register of generated energy as the registry has it: from `time` on, Unix seconds, the register
 * that ended at `finalWh` goes on from `firstWh`.
 */
export interface Restart {
  time: number
  finalWh: bigint
  firstWh: bigint
}

/** What a statement may say by a reading, or in words why it may not quote it. */
export type Stated = { wh: bigint } | { waits: string }

/**
 * The register of generated energy that a statement quotes: what the meter showed, plus the offsets of the registered
 * restarts. It is stated when each restart that the rules found is registered, and when no more is claimed by them than
 * was counted and can have been measured unseen in between. Until then the last reading before stays quoted.
 * @param reading one that counts, with a register of generated energy.
 * @param restarts those that are known; others may follow later.
 */
export function statedBy(
  { time, registers, counters }: Anchor,
  restarts: readonly Restart[],
  ratedW: number,
  headroomBasisPoints: number,
): Stated {
  const counter = counters?.generatedWh ?? firstCounter
  const inForce = restarts.filter((restart) => restart.time <= time)
  if (inForce.length < counter.restarts)
    return {
      waits:
        `its register began anew ${counter.restarts} time(s) and ${inForce.length} restart(s) are registered up to then; ` +
        "minting waits until the operator runs `commonwatt provision meter restart`",
    }
  const offsetWh = inForce.reduce((sum, { finalWh, firstWh }) => sum + finalWh - firstWh, 0n)
  const mostWh = counter.offsetWh + counter.unseenWh + ceilingWh(ratedW, quarterSeconds, headroomBasisPoints)
  if (inForce.length > 0 && offsetWh > mostWh)
    return {
      waits:
        `its registered restarts add ${offsetWh} Wh, its readings explain at most ${mostWh} Wh; ` +
        "check what was registered, and put it right with another `commonwatt provision meter restart`",
    }
  const wh = (registers.generatedWh ?? 0n) - counter.offsetWh + offsetWh
  return wh < 0n ? { waits: "its registered restarts take off more than it shows" } : { wh }
}
