import type { Hex } from "../../protocol/hex.ts"
import type { BatchState, DoubleSignature } from "../journal/batches.ts"
import type { Challenge } from "./challenges.ts"
import { coins } from "./fees.ts"
import type { NodeVerdict } from "./nodes.ts"

/** How far settlement is, for the page and for whoever waits for it. */
export interface SettlementStatus {
  /** The time up to which everything is settled on chain, Unix seconds. */
  settledUpTo: number
  /** Where the batch at hand is; `collected` while readings are collected for the next one. */
  state: BatchState | "collected"
  /** The batch at hand; undefined while readings are collected. */
  batch: number | undefined
  /** Since when it is in this state, Unix seconds; undefined before anything is known. */
  since: number | undefined
  /** What it does or waits for. */
  doing: string
  /** What is wrong, in words; undefined when nothing is. */
  problem: string | undefined
  /** Since when something has been wrong without a break, Unix seconds. */
  problemSince: number | undefined
  /** What does not hold settlement up and should be seen to all the same, in words. */
  warnings: readonly string[]
  /** The nodes of the chain as they were found last. */
  nodes: readonly NodeVerdict[]
  /** The account that pays for gas; undefined before it was read. */
  account: GasAccount | undefined
  /** Validators that signed two batches with one number, with both signatures. */
  doubleSignatures: readonly DoubleSignature[]
  /** Whose statements of the last proposed batch were doubted on chain. */
  challenges: readonly Challenge[]
  /** Names of meters whose statements cannot be doubted on chain. */
  beyondChallenge: readonly string[]
}

/** What a site has for gas. */
export interface GasAccount {
  address: Hex
  wei: bigint
  /** For how many batches that is enough, at what the last ones cost; undefined before the first. */
  enoughFor: number | undefined
  low: boolean
}

export function statusAtStart(): SettlementStatus {
  return {
    settledUpTo: 0,
    state: "collected",
    batch: undefined,
    since: undefined,
    doing: "starting",
    problem: undefined,
    problemSince: undefined,
    warnings: [],
    nodes: [],
    account: undefined,
    doubleSignatures: [],
    challenges: [],
    beyondChallenge: [],
  }
}

/**
 * @param paid what the last batches cost, wei.
 * @param enough below so many batches it is low.
 */
export function gasAccount(address: Hex, wei: bigint, paid: readonly bigint[], enough: number): GasAccount {
  const average = paid.length > 0 ? paid.reduce((a, b) => a + b) / BigInt(paid.length) : 0n
  const enoughFor = average > 0n ? Number(wei / average) : undefined
  return { address, wei, enoughFor, low: wei === 0n || (enoughFor !== undefined && enoughFor < enough) }
}

/** What a person should see to, in words. */
export function warningsOf({
  nodes,
  account,
  doubleSignatures,
}: Pick<SettlementStatus, "nodes" | "account" | "doubleSignatures">): string[] {
  const warnings = nodes
    .filter(({ state }) => state !== "good")
    .map(
      ({ name, state, detail }) =>
        `the node ${name} is not used: ${state === "away" ? "no answer" : state}${detail ? ` (${detail})` : ""}`,
    )
  if (account?.low) warnings.push(gasWarning(account))
  for (const { signer, number } of doubleSignatures)
    warnings.push(
      `the validator ${signer} signed two different batches with number ${number}: a proof is in the folder proofs`,
    )
  return warnings
}

function gasWarning({ address, wei, enoughFor }: GasAccount): string {
  if (wei === 0n)
    return `the gateway's account ${address} is empty: nothing is settled until somebody sends it gas money`
  const left = enoughFor === 0 ? "less than one more batch" : `about ${enoughFor} more batches`
  return `the gateway's account ${address} has ${coins(wei)} left, enough for ${left}: send it gas money`
}
