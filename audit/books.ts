import { ceilingWh } from "../energy/ceiling.ts"
import type { Hex } from "../protocol/hex.ts"
import type { MeterStatement } from "../protocol/statement.ts"
import type { CheckResult } from "./checks.ts"
import { type History, inForce, type RegisteredMeter } from "./history.ts"

/** A batch that passed: its statements, and the meters whose readings stayed sealed. */
export interface ProvenBatch {
  statements: readonly MeterStatement[]
  unproven: ReadonlySet<Hex>
}

export const keyOf = (site: number, number: bigint) => `${site}/${number}`

/** @returns the Wh that proven statements account for. */
export function checkSettlements(
  history: History,
  registered: ReadonlyMap<Hex, RegisteredMeter>,
  proven: ReadonlyMap<string, ProvenBatch>,
  withEvidence: boolean,
  check: CheckResult,
): bigint {
  check.examined = history.settled.length
  if (!withEvidence) check.skipped.push("without --evidence only continuity and ceiling are checked")
  const last = new Map<Hex, { wh: bigint; time: number }>()
  let accounted = 0n
  for (const s of history.settled) {
    const where = `site ${s.site} batch ${s.number} meter ${s.meterId}`
    const before = check.findings.length
    const find = (what: string) => check.findings.push({ check: "settlements", where, what })
    const meter = registered.get(s.meterId)
    const proposal = history.proposals.find((p) => p.site === s.site && p.number === s.number)
    if (!meter) {
      find("is not registered")
      continue
    }
    const from = last.get(s.meterId) ?? { wh: meter.startWh, time: meter.startTime }
    if (s.fromWh !== from.wh || s.fromTime !== from.time)
      find(
        `begins at Wh ${s.fromWh} (time ${s.fromTime}), the last one ended at Wh ${from.wh} (time ${from.time})`,
      )
    last.set(s.meterId, { wh: s.toWh, time: s.toTime })
    if (s.toWh < s.fromWh || s.toTime <= s.fromTime) find(`goes back from Wh ${s.fromWh} to Wh ${s.toWh}`)
    if (meter.site !== s.site) find(`is registered for site ${meter.site}`)
    if (!proposal) find("settles a proposal that was never made")
    else if (proposal.cancelled) find("settles a proposal that was cancelled")
    const headroom = proposal && inForce(history.rules, proposal.at)?.headroomBasisPoints
    if (headroom !== undefined) {
      const most = ceilingWh(meter.ratedW, s.toTime - s.fromTime, headroom)
      if (s.toWh - s.fromWh > most) find(`mints ${s.toWh - s.fromWh} Wh where ${most} Wh are possible`)
    }
    if (withEvidence) {
      const batch = proven.get(keyOf(s.site, s.number))
      const statement = batch?.statements.find((x) => x.meterId === s.meterId && x.time === s.toTime)
      if (!batch) find(`from Wh ${s.fromWh} on nothing is accounted for: the batch did not pass`)
      else if (!statement)
        find(`from Wh ${s.fromWh} on nothing is accounted for: the batch has no such statement`)
      else if (batch.unproven.has(s.meterId)) check.skipped.push(`${where} rests on sealed readings`)
      else if (statement.generatedWh !== s.toWh) {
        find(`settled up to Wh ${s.toWh}, but stated is Wh ${statement.generatedWh}`)
      }
    }
    const readable = !proven.get(keyOf(s.site, s.number))?.unproven.has(s.meterId)
    if (check.findings.length === before && withEvidence && readable) accounted += s.toWh - s.fromWh
  }
  return accounted
}

/** Mints and settlements are compared within each transaction: that is where they happen together. */
export function checkMints(
  history: History,
  registered: ReadonlyMap<Hex, RegisteredMeter>,
  check: CheckResult,
): void {
  check.examined = history.minted.length
  const sums = new Map<string, { minted: bigint; settled: bigint }>()
  const entry = (transaction: Hex, household: Hex) => {
    const key = `transaction ${transaction} household ${household}`
    const sum = sums.get(key) ?? { minted: 0n, settled: 0n }
    sums.set(key, sum)
    return sum
  }
  for (const { at, household, wh } of history.minted) entry(at.transaction, household).minted += wh
  for (const { at, meterId, fromWh, toWh } of history.settled) {
    const household = registered.get(meterId)?.household
    if (household) entry(at.transaction, household).settled += toWh - fromWh
  }
  for (const [where, { minted, settled }] of sums)
    if (minted !== settled)
      check.findings.push({
        check: "mints",
        where,
        what: `${minted} Wh were minted, ${settled} Wh were settled: Wh ${settled + 1n} of it has no origin`,
      })
}

export function checkSupply(history: History, check: CheckResult): void {
  check.examined = 1
  const settled = history.settled.reduce((sum, s) => sum + s.toWh - s.fromWh, 0n)
  const expected = settled - history.burnedWh
  if (history.totalSupplyWh !== expected)
    check.findings.push({
      check: "supply",
      where: `token ${history.token}`,
      what: `supply is ${history.totalSupplyWh} Wh, settled less retired is ${expected} Wh`,
    })
}
