import { ceilingWh } from "../energy/ceiling.ts"
import type { Hex } from "../protocol/hex.ts"
import { Assurance } from "../protocol/meter.ts"
import type { AccountStatement, MeterStatement } from "../protocol/statement.ts"
import type { CheckResult } from "./checks.ts"
import { before, inForce, type MeterLife, MeterStatus, meterAt } from "./meter-life.ts"
import {
  type History,
  type Moved,
  oracleAt,
  type Proposed,
  proposalOf,
  rulesOf,
  type Settled,
} from "./record.ts"

/** A batch that passed: its statements, and the meters whose readings stayed sealed. */
export interface ProvenBatch {
  statements: readonly MeterStatement[]
  unproven: ReadonlySet<Hex>
  accounts: readonly AccountStatement[]
}

export const keyOf = ({ oracle, site, number }: Pick<Proposed, "oracle" | "site" | "number">) =>
  `${oracle}/${site}/${number}`

const basis = 10_000n

/** What a register's way from one value to another is due, Wh: to its household, and to the commons. */
export interface Due {
  own: bigint
  shared: bigint
}

/**
 * The Issuance's own division: fractions are taken of the register and not of the difference, each rounded down, so that
 * what is left over of one settlement is in the next.
 * @param factor how much is minted, @param share how much of that goes to the commons, in 1/10,000.
 */
export function divide(fromWh: bigint, toWh: bigint, factor: number, share: number): Due {
  const part = (wh: bigint, fraction: number) => (wh * BigInt(fraction)) / basis
  const [from, to] = [part(fromWh, factor), part(toWh, factor)]
  const shared = part(to, share) - part(from, share)
  return { own: to - from - shared, shared }
}

/** The id of the certificates of a site's energy of a month: site, month as 202607, source, assurance. */
export function certificateId(site: number, time: number, source: number, assurance: number): bigint {
  const date = new Date(time * 1000)
  const vintage = date.getUTCFullYear() * 100 + date.getUTCMonth() + 1
  return (BigInt(site) << 40n) | (BigInt(vintage) << 16n) | BigInt((source << 8) | assurance)
}

/** @returns the Wh that proven statements account for. */
export function checkSettlements(
  history: History,
  proven: ReadonlyMap<string, ProvenBatch>,
  withEvidence: boolean,
  check: CheckResult,
): bigint {
  check.examined = history.settled.length
  if (!withEvidence)
    check.skipped.push("without --evidence only continuity, ceiling and registry are checked")
  const lives = new Map(history.meters.map((life) => [life.meterId, life]))
  const last = new Map<Hex, { wh: bigint; time: number }>()
  let accounted = 0n
  for (const s of history.settled) {
    const where = `site ${s.site} batch ${s.number} meter ${s.meterId}`
    const foundBefore = check.findings.length
    const find = (what: string) => check.findings.push({ check: "settlements", where, what })
    const life = lives.get(s.meterId)
    const proposal = proposalOf(history, s)
    if (!life) {
      find("is not registered")
      continue
    }
    const from = last.get(s.meterId) ?? { wh: life.startWh, time: life.startTime }
    if (s.fromWh !== from.wh || s.fromTime !== from.time)
      find(
        `begins at Wh ${s.fromWh} (time ${s.fromTime}), the last one ended at Wh ${from.wh} (time ${from.time})`,
      )
    last.set(s.meterId, { wh: s.toWh, time: s.toTime })
    if (s.toWh < s.fromWh || s.toTime <= s.fromTime) find(`goes back from Wh ${s.fromWh} to Wh ${s.toWh}`)
    for (const what of registryFaults(life, s)) find(what)
    for (const what of proposalFaults(history, proposal, life, s)) find(what)
    const batch = proposal && proven.get(keyOf(proposal))
    if (withEvidence) {
      const statement = batch?.statements.find((x) => x.meterId === s.meterId && x.time === s.toTime)
      if (!batch) find(`from Wh ${s.fromWh} on nothing is accounted for: the batch did not pass`)
      else if (!statement)
        find(`from Wh ${s.fromWh} on nothing is accounted for: the batch has no such statement`)
      else if (batch.unproven.has(s.meterId)) check.skipped.push(`${where} rests on sealed readings`)
      else if (statement.generatedWh !== s.toWh) {
        find(`settled up to Wh ${s.toWh}, but stated is Wh ${statement.generatedWh}`)
      }
    }
    const readable = !batch?.unproven.has(s.meterId)
    if (check.findings.length === foundBefore && withEvidence && readable)
      accounted += sumOf(mintsOf(history, s))
  }
  return accounted
}

/** What the registry said of the meter when it was settled. */
function registryFaults(life: MeterLife, s: Settled): string[] {
  const faults: string[] = []
  const { site } = meterAt(life, s.at)
  if (site !== s.site) faults.push(`is registered for site ${site}`)
  const status = inForce(life.statuses, s.at)?.status ?? MeterStatus.active
  if (status === MeterStatus.suspended) faults.push("was suspended when it was settled")
  if (status === MeterStatus.revoked) faults.push("was revoked when it was settled")
  const { end } = life
  if (end && before(end.at, s.at) && (s.toTime > end.time || s.toWh > end.countedWh))
    faults.push(
      `ended with Wh ${end.countedWh} (time ${end.time}), settled up to Wh ${s.toWh} (time ${s.toTime})`,
    )
  return faults
}

function proposalFaults(
  history: History,
  proposal: Proposed | undefined,
  life: MeterLife,
  s: Settled,
): string[] {
  if (!proposal)
    return [`settles a proposal that was never made to the oracle ${oracleAt(history, s.at)}, in office then`]
  const faults: string[] = []
  if (proposal.cancelled !== undefined)
    faults.push(`settles a proposal that was cancelled: ${proposal.cancelled}`)
  const open = history.challenges.filter(
    (c) => keyOf(c) === keyOf(proposal) && before(c.at, s.at) && !(c.closed && before(c.closed.at, s.at)),
  )
  if (open.length > 0) faults.push(`was settled while ${open.length} doubted statement(s) were not answered`)
  const rules = rulesOf(history, proposal)?.rules
  if (!rules) return [...faults, "was proposed before its oracle had rules"]
  const headroom = life.assurance === Assurance.meter ? rules.headroom : rules.gatewayHeadroom
  const most = ceilingWh(meterAt(life, s.at).ratedW, s.toTime - s.fromTime, headroom)
  if (s.toWh - s.fromWh > most) faults.push(`mints ${s.toWh - s.fromWh} Wh where ${most} Wh are possible`)
  return faults
}

/** What one settlement has to mint. */
export function mintsOf(history: History, s: Settled): Moved[] {
  const life = history.meters.find(({ meterId }) => meterId === s.meterId)
  const proposal = proposalOf(history, s)
  const rules = proposal && rulesOf(history, proposal)?.rules
  if (!life || !rules) return []
  const ownMeter = life.assurance === Assurance.meter
  const commons = inForce(history.commons, s.at)?.to
  const hasCommons = commons !== undefined && BigInt(commons) !== 0n
  const factor = ownMeter ? rules.meterFactor : rules.gatewayFactor
  const { own, shared } = divide(s.fromWh, s.toWh, factor, hasCommons ? rules.commonsShare : 0)
  const wanted = inForce(life.certificates, s.at)?.wanted ?? false
  const id = wanted ? certificateId(s.site, s.toTime, life.source, life.assurance) : undefined
  const { household } = meterAt(life, s.at)
  return [
    { id, account: household, wh: own, at: s.at },
    ...(shared > 0n ? [{ id, account: commons!, wh: shared, at: s.at }] : []),
  ]
}

const nameOf = (id: bigint | undefined) => (id === undefined ? "GREEN" : `certificates ${id}`)

/**
 * Mints and settlements are compared within each transaction: that is where they happen together. GREEN is the check
 * "mints", certificates are "certificates".
 */
export function checkMints(history: History, green: CheckResult, certificates: CheckResult): void {
  const sums = new Map<string, { id: bigint | undefined; minted: bigint; due: bigint }>()
  const entry = ({ id, account, at }: Moved) => {
    const key = `transaction ${at.transaction} account ${account} ${nameOf(id)}`
    const sum = sums.get(key) ?? { id, minted: 0n, due: 0n }
    sums.set(key, sum)
    return sum
  }
  for (const mint of history.minted) {
    entry(mint).minted += mint.wh
    ;(mint.id === undefined ? green : certificates).examined++
  }
  for (const settled of history.settled)
    for (const mint of mintsOf(history, settled)) entry(mint).due += mint.wh
  for (const [where, { id, minted, due }] of sums) {
    if (minted === due) continue
    const check = id === undefined ? green : certificates
    const what =
      minted > due
        ? `${minted} Wh were minted, ${due} Wh are due by the settlements: Wh ${due + 1n} of it has no origin`
        : `${minted} Wh were minted, ${due} Wh are due by the settlements`
    check.findings.push({ check: check.name, where, what })
  }
}

/** What there is and was retired, GREEN and certificates, against what the settlements are due. */
export function checkSupply(history: History, check: CheckResult): void {
  const due = new Map<bigint | undefined, bigint>([[undefined, 0n]])
  for (const settled of history.settled)
    for (const { id, wh } of mintsOf(history, settled)) due.set(id, (due.get(id) ?? 0n) + wh)
  for (const { id } of history.minted) due.set(id, due.get(id) ?? 0n)
  for (const [id, wh] of due) {
    check.examined++
    const retired = sumOf(history.retired.filter((r) => r.id === id))
    const { totalSupplyWh, certificatesWh } = history.standing
    const supply = id === undefined ? totalSupplyWh : (certificatesWh.get(id) ?? 0n)
    if (supply !== wh - retired)
      check.findings.push({
        check: "supply",
        where: nameOf(id),
        what: `supply is ${supply} Wh, due by the settlements less retired is ${wh - retired} Wh`,
      })
  }
}

/** Each retirement burned what it says, of its holder; none was burned without one; each beneficiary's sum. */
export function checkRetirements(history: History, check: CheckResult): void {
  check.examined = history.retired.length
  const find = (where: string, what: string) => check.findings.push({ check: "retirements", where, what })
  const sums = new Map<string, { retired: bigint; burned: bigint }>()
  const entry = (id: bigint | undefined, holder: Hex, transaction: Hex) => {
    const key = `transaction ${transaction} holder ${holder} ${nameOf(id)}`
    const sum = sums.get(key) ?? { retired: 0n, burned: 0n }
    sums.set(key, sum)
    return sum
  }
  for (const r of history.retired) entry(r.id, r.holder, r.at.transaction).retired += r.wh
  for (const b of history.burned) entry(b.id, b.account, b.at.transaction).burned += b.wh
  for (const [where, { retired, burned }] of sums)
    if (retired !== burned) find(where, `${retired} Wh were retired, ${burned} Wh were burned`)
  history.retired.forEach(({ number }, i) => {
    if (number !== BigInt(i + 1)) find(`retirement ${number}`, `follows number ${i}`)
  })
  if (history.standing.retirements !== history.retired.length)
    find(
      `retirements ${history.retirements}`,
      `counts ${history.standing.retirements}, its events are ${history.retired.length}`,
    )
  for (const [beneficiary, wh] of history.standing.retiredForWh) {
    const said = sumOf(history.retired.filter((r) => r.beneficiary === beneficiary))
    if (said !== wh)
      find(`beneficiary ${beneficiary}`, `has ${wh} Wh retired, its retirements add up to ${said} Wh`)
  }
}

export function sumOf(list: readonly { wh: bigint }[]): bigint {
  return list.reduce((sum, { wh }) => sum + wh, 0n)
}
