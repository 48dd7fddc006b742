import type { Log, parseEventLogs } from "viem"
import type { certificatesAbi } from "../contracts/generated/certificates.ts"
import type { greenTokenAbi } from "../contracts/generated/greenToken.ts"
import type { impactOracleAbi } from "../contracts/generated/impactOracle.ts"
import type { issuanceAbi } from "../contracts/generated/issuance.ts"
import type { meterRegistryAbi } from "../contracts/generated/meterRegistry.ts"
import type { policyRegistryAbi } from "../contracts/generated/policyRegistry.ts"
import type { retirementsAbi } from "../contracts/generated/retirements.ts"
import type { stakesAbi } from "../contracts/generated/stakes.ts"
import type { Hex } from "../protocol/hex.ts"
import type { Assurance, Scheme } from "../protocol/meter.ts"
import type { Position } from "./meter-life.ts"
import type { Challenged, History } from "./record.ts"

const nobody = "0x0000000000000000000000000000000000000000"

/** As the contract numbers them. */
const faults = [
  "the guardian stopped it",
  "nobody showed the reading behind a statement that was doubted",
  "a meter of it was not registered",
  "a statement of it was proven to be above what its meter can make",
  "a meter of it signed a lower register later",
]

/** Those that cost the site its stake. */
const ofSigners: ReadonlySet<number> = new Set([1, 2, 3])

type LogOf<Abi extends readonly unknown[]> = ReturnType<typeof parseEventLogs<Abi>>[number]

function position({ blockNumber, logIndex, transactionHash }: Log): Position {
  if (blockNumber === null || logIndex === null || transactionHash === null)
    throw new Error("The node returned an event of a block that is not mined.")
  return { block: blockNumber, log: logIndex, transaction: transactionHash }
}

export function lower(address: string): Hex {
  return address.toLowerCase() as Hex
}

export function noteRegistry(history: History, log: LogOf<typeof meterRegistryAbi>): void {
  const at = position(log)
  if (log.eventName === "MeterRegistered") {
    const { args } = log
    history.meters.push({
      ...args,
      household: lower(args.household),
      scheme: args.scheme as Scheme,
      assurance: args.assurance as Assurance,
      startTime: Number(args.startTime),
      restarts: [],
      ratings: [],
      moves: [],
      households: [],
      keys: [],
      statuses: [],
      certificates: [],
      end: undefined,
      replacedBy: undefined,
      at,
    })
    return
  }
  const { meterId } = log.args as { meterId?: Hex }
  const meter = history.meters.find((known) => known.meterId === meterId)
  if (!meter) return
  switch (log.eventName) {
    case "Restarted": {
      const { finalWh, firstWh, time } = log.args
      meter.restarts.push({ finalWh, firstWh, time: Number(time), at })
      break
    }
    case "RatedPowerChanged":
      meter.ratings.push({ ratedW: log.args.toW, time: Number(log.args.time), at })
      break
    case "MeterMoved":
      meter.moves.push({ site: log.args.toSite, time: Number(log.args.time), at })
      break
    case "HouseholdChanged":
      meter.households.push({ household: lower(log.args.to), time: Number(log.args.time), at })
      break
    case "KeyChanged": {
      const { scheme, publicKey, from } = log.args
      meter.keys.push({ scheme: scheme as Scheme, publicKey, from: Number(from), at })
      break
    }
    case "MeterStatusChanged":
      meter.statuses.push({ status: log.args.to, at })
      break
    case "CertificatesWanted":
      meter.certificates.push({ wanted: log.args.wanted, at })
      break
    case "MeterEnded":
      meter.end = { countedWh: log.args.countedWh, time: Number(log.args.time), at }
      break
    case "MeterReplaced":
      meter.replacedBy = log.args.by
      break
  }
}

export function notePolicy(history: History, log: LogOf<typeof policyRegistryAbi>): void {
  if (log.eventName === "PolicyAnnounced") {
    const { version, activeFrom, policy } = log.args
    const { rules, sharingKey } = policy
    history.policies.push({
      version,
      activeFrom: Number(activeFrom),
      rules,
      sharingKey,
      withdrawn: false,
      by: lower(log.address),
      at: position(log),
    })
  }
  if (log.eventName === "PolicyWithdrawn") {
    const withdrawn = history.policies.find(
      ({ by, version }) => by === lower(log.address) && version === log.args.version,
    )
    if (withdrawn) withdrawn.withdrawn = true
  }
}

export function noteOracle(history: History, log: LogOf<typeof impactOracleAbi>): void {
  const at = position(log)
  const oracle = lower(log.address)
  const isOf = (x: { oracle: Hex; site: number; number: bigint }, args: { site: number; number: bigint }) =>
    x.oracle === oracle && x.site === args.site && x.number === args.number
  const close = (args: { site: number; number: bigint; leaf: Hex }, how: "answered" | "refunded") => {
    // A leaf that was answered may be doubted again.
    const open = (c: Challenged) => isOf(c, args) && c.leaf === args.leaf && !c.closed
    const challenge = history.challenges.find(open)
    if (challenge) challenge.closed = { how, at }
  }
  switch (log.eventName) {
    case "Proposed":
      history.proposals.push({
        ...log.args,
        oracle,
        validAt: Number(log.args.validAt),
        cancelled: undefined,
        signersFault: false,
        at,
      })
      break
    case "Cancelled": {
      const { args } = log
      const proposal = history.proposals.find((p) => isOf(p, args))
      if (!proposal) break
      proposal.cancelled = faults[args.fault] ?? `fault ${args.fault}`
      proposal.signersFault = ofSigners.has(args.fault)
      break
    }
    case "ValidatorsChanged": {
      const { version, threshold, validators } = log.args
      history.validators.push({ oracle, version, threshold, validators: validators.map(lower), at })
      break
    }
    case "RulesChanged":
      history.rules.push({ oracle, version: log.args.version, rules: log.args.rules, at })
      break
    case "Challenged": {
      const { site, number, leaf, statement, deadline } = log.args
      const { meterId } = statement
      history.challenges.push({
        oracle,
        site,
        number,
        leaf,
        meterId,
        deadline: Number(deadline),
        closed: undefined,
        at,
      })
      break
    }
    case "Answered":
      close(log.args, "answered")
      break
    case "Refunded":
      close(log.args, "refunded")
      break
  }
}

export function noteStakes(history: History, log: LogOf<typeof stakesAbi>): void {
  const at = position(log)
  if (log.eventName === "SiteSlashed")
    history.slashed.push({ whose: `site ${log.args.site}`, wei: log.args.amount, at })
  if (log.eventName === "ValidatorSlashed")
    history.slashed.push({ whose: `validator ${lower(log.args.validator)}`, wei: log.args.amount, at })
}

export function noteIssuance(history: History, log: LogOf<typeof issuanceAbi>): void {
  const at = position(log)
  if (log.eventName === "OracleChanged") history.oracles.push({ oracle: lower(log.args.oracle), at })
  if (log.eventName === "CommonsChanged") history.commons.push({ to: lower(log.args.commons), at })
  if (log.eventName !== "Settled") return
  // The event packs site or number, register, time.
  const { meterId, from, to } = log.args
  const register = (word: bigint) => (word >> 64n) & 0xffff_ffff_ffff_ffffn
  const time = (word: bigint) => Number(word & 0xffff_ffff_ffff_ffffn)
  history.settled.push({
    site: Number(from >> 128n),
    number: to >> 128n,
    meterId,
    fromWh: register(from),
    toWh: register(to),
    fromTime: time(from),
    toTime: time(to),
    at,
  })
}

export function noteToken(history: History, log: LogOf<typeof greenTokenAbi>): void {
  if (log.eventName === "Transfer")
    noteMove(history, log.args.from, log.args.to, undefined, log.args.value, position(log))
}

export function noteCertificates(history: History, log: LogOf<typeof certificatesAbi>): void {
  const at = position(log)
  if (log.eventName === "TransferSingle") {
    const { from, to, id, value } = log.args
    noteMove(history, from, to, id, value, at)
  }
  if (log.eventName === "TransferBatch") {
    const { from, to, ids, values } = log.args
    ids.forEach((id, i) => {
      noteMove(history, from, to, id, values[i] ?? 0n, at)
    })
  }
}

function noteMove(
  history: History,
  from: string,
  to: string,
  id: bigint | undefined,
  wh: bigint,
  at: Position,
): void {
  history.transfers.push({ id, from: lower(from), to: lower(to), wh, at })
  if (from === nobody) history.minted.push({ id, account: lower(to), wh, at })
  if (to === nobody) history.burned.push({ id, account: lower(from), wh, at })
}

export function noteRetirements(history: History, log: LogOf<typeof retirementsAbi>): void {
  if (log.eventName !== "Retired") return
  const { number, holder, beneficiary, wh, certificate } = log.args
  const id = certificate === 0n ? undefined : certificate
  history.retired.push({
    number,
    holder: lower(holder),
    beneficiary: lower(beneficiary),
    wh,
    id,
    at: position(log),
  })
}
