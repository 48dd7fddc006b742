import type { Hex } from "../protocol/hex.ts"
import type { OracleAddress, Proposal } from "../protocol/proposal.ts"
import {
  before,
  inForce,
  type MeterLife,
  meterAt,
  type Position,
  type RegisteredMeter,
} from "./meter-life.ts"

export interface Proposed extends Proposal {
  oracle: Hex
  signers: bigint
  validAt: number
  /** Why it can mint nothing; undefined while it can, or did. */
  cancelled: string | undefined
  /** It was cancelled for a statement that its signers should not have signed. */
  signersFault: boolean
  at: Position
}

export interface Settled {
  site: number
  number: bigint
  meterId: Hex
  fromWh: bigint
  toWh: bigint
  fromTime: number
  toTime: number
  at: Position
}

/** GREEN, or certificates of one id, to an account or from it. */
export interface Moved {
  /** The certificates' id; undefined for GREEN. */
  id: bigint | undefined
  account: Hex
  wh: bigint
  at: Position
}

/** GREEN, or certificates of one id, from an account to another; nobody is the account of 20 zero bytes. */
export interface Transferred {
  id: bigint | undefined
  from: Hex
  to: Hex
  wh: bigint
  at: Position
}

export interface Retired {
  number: bigint
  holder: Hex
  beneficiary: Hex
  wh: bigint
  /** The certificates' id; undefined for GREEN. */
  id: bigint | undefined
  at: Position
}

export interface ValidatorsChange {
  oracle: Hex
  version: number
  validators: Hex[]
  threshold: number
  at: Position
}

/** Rules as the contracts have them; fractions in 1/10,000, amounts in gwei. */
export interface ChainRules {
  challengeWindow: number
  answerTime: number
  headroom: number
  gatewayHeadroom: number
  meterFactor: number
  gatewayFactor: number
  commonsShare: number
  bond: number
  siteStake: number
  validatorStake: number
}

/** What an oracle took over, for the proposals after it. */
export interface RulesChange {
  oracle: Hex
  version: number
  rules: ChainRules
  at: Position
}

/** What the community announced. */
export interface AnnouncedPolicy {
  version: number
  /** Unix seconds. */
  activeFrom: number
  rules: ChainRules
  sharingKey: Hex
  withdrawn: boolean
  /** The policy's contract. */
  by: Hex
  at: Position
}

export interface Challenged {
  oracle: Hex
  site: number
  number: bigint
  leaf: Hex
  meterId: Hex
  deadline: number
  /** When it was answered or refunded. */
  closed: { how: "answered" | "refunded"; at: Position } | undefined
  at: Position
}

export interface Slashed {
  /** The site's number, or the validator's address. */
  whose: string
  wei: bigint
  at: Position
}

/** What the contracts say that things stand at, at the last block. */
export interface Standing {
  totalSupplyWh: bigint
  /** By the certificates' id. */
  certificatesWh: ReadonlyMap<bigint, bigint>
  /** By beneficiary. */
  retiredForWh: ReadonlyMap<Hex, bigint>
  retirements: number
  /** Of each account that ever had any. */
  balances: readonly { account: Hex; id: bigint | undefined; wh: bigint }[]
}

/** All that the contracts ever said, in order. Nothing here was recomputed yet. */
export interface History extends OracleAddress {
  registry: Hex
  issuance: Hex
  token: Hex
  certificates: Hex
  retirements: Hex
  /** Who may mint and who may burn, as the token and the certificates say. */
  mayMint: { token: Hex; certificates: Hex }
  mayBurn: { token: Hex; certificates: Hex }
  standing: Standing
  /** The first block that has anything of it. */
  fromBlock: bigint
  toBlock: bigint
  /** Each oracle that the issuance ever listened to, from when on. */
  oracles: { oracle: Hex; at: Position }[]
  meters: MeterLife[]
  proposals: Proposed[]
  settled: Settled[]
  minted: Moved[]
  burned: Moved[]
  /** All moves of GREEN and certificates, those of minting and burning too. */
  transfers: Transferred[]
  retired: Retired[]
  validators: ValidatorsChange[]
  rules: RulesChange[]
  policies: AnnouncedPolicy[]
  /** Each oracle's policy; none for one that is of another kind. */
  policyOf: ReadonlyMap<Hex, Hex>
  /** Where the commons' share goes; nobody before the first. */
  commons: { to: Hex; at: Position }[]
  challenges: Challenged[]
  slashed: Slashed[]
}

/** What an oracle had not settled when it was succeeded can mint nothing: its successor's next proposal carries all. */
export function dropWhatWasSucceeded(history: History): void {
  for (const proposal of history.proposals) {
    const next = history.oracles.find(
      ({ oracle }, i) => oracle !== proposal.oracle && history.oracles[i - 1]?.oracle === proposal.oracle,
    )
    if (!next || proposal.cancelled !== undefined) continue
    const wasSettled = history.settled.some(
      (s) => s.site === proposal.site && s.number === proposal.number && before(s.at, next.at),
    )
    if (!wasSettled) proposal.cancelled = "its oracle was succeeded before it was settled"
  }
}

/** The oracle that the issuance listened to at a moment. */
export function oracleAt(history: Pick<History, "oracles">, at: Position): Hex | undefined {
  return inForce(history.oracles, at)?.oracle
}

/** The rules that a proposal was made under. */
export function rulesOf(history: Pick<History, "rules">, { oracle, at }: Pick<Proposed, "oracle" | "at">) {
  return inForce(
    history.rules.filter((change) => change.oracle === oracle),
    at,
  )
}

/** The proposal that a settlement names, of the oracle that was listened to then. */
export function proposalOf(
  history: Pick<History, "oracles" | "proposals">,
  { site, number, at }: Pick<Settled, "site" | "number" | "at">,
): Proposed | undefined {
  const oracle = oracleAt(history, at)
  return history.proposals.find((p) => p.oracle === oracle && p.site === site && p.number === number)
}

/** The meters as they were just before a moment; without one, as they are. */
export function metersAt(history: Pick<History, "meters">, at?: Position): ReadonlyMap<Hex, RegisteredMeter> {
  return new Map(history.meters.map((life) => [life.meterId, meterAt(life, at)]))
}
