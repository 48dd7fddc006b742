import { createPublicClient, http, type Log, type PublicClient, parseEventLogs } from "viem"
import { greenTokenAbi } from "../contracts/generated/greenToken.ts"
import { impactOracleAbi } from "../contracts/generated/impactOracle.ts"
import { issuanceAbi } from "../contracts/generated/issuance.ts"
import { meterRegistryAbi } from "../contracts/generated/meterRegistry.ts"
import { PersonError } from "../protocol/error.ts"
import type { Hex } from "../protocol/hex.ts"
import type { Assurance, Scheme } from "../protocol/meter.ts"
import type { OracleAddress, Proposal } from "../protocol/proposal.ts"

/** Where in the chain something happened; positions sort by block, then by log. */
export interface Position {
  block: bigint
  log: number
  transaction: Hex
}

/** A meter's registration: what the chain vouches for. */
export interface RegisteredMeter {
  meterId: Hex
  site: number
  household: Hex
  scheme: Scheme
  publicKey: Hex
  assurance: Assurance
  ratedW: number
  startWh: bigint
  startTime: number
  at: Position
}

export interface Proposed extends Proposal {
  signers: bigint
  validAt: number
  cancelled: boolean
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

export interface Minted {
  household: Hex
  wh: bigint
  at: Position
}

export interface ValidatorsChange {
  version: number
  validators: Hex[]
  threshold: number
  at: Position
}

export interface RulesChange {
  challengeWindow: number
  headroomBasisPoints: number
  at: Position
}

/** All that the contracts ever said, in order. Nothing here was recomputed yet. */
export interface History extends OracleAddress {
  registry: Hex
  issuance: Hex
  token: Hex
  /** Who may mint, as the token says. */
  minter: Hex
  totalSupplyWh: bigint
  toBlock: bigint
  meters: RegisteredMeter[]
  proposals: Proposed[]
  settled: Settled[]
  minted: Minted[]
  burnedWh: bigint
  validators: ValidatorsChange[]
  rules: RulesChange[]
}

/** Public nodes limit how many blocks one query may span. */
const blocksPerQuery = 10_000n
const zeroAddress = "0x0000000000000000000000000000000000000000"

export function connect(rpc: string): PublicClient {
  // Without cacheTime 0 a client answers from memory for some seconds, also when asked for the last block.
  return createPublicClient({ cacheTime: 0, transport: http(rpc, { retryCount: 2, timeout: 30_000 }) })
}

/**
 * Reads the history of an oracle and of the registry and token that belong to it.
 * @param progress is told how far it is, in blocks.
 * @throws PersonError when there is no oracle at the address.
 */
export async function readHistory(
  client: PublicClient,
  oracle: Hex,
  progress: (block: bigint, of: bigint) => void = () => {},
): Promise<History> {
  const contract = { address: oracle, abi: impactOracleAbi } as const
  const code = await client.getCode({ address: oracle })
  if (!code)
    throw new PersonError(`There is no contract at ${oracle}.`, {
      next: "Check --oracle, and that --rpc is a node of the right chain.",
    })
  const toBlock = await client.getBlockNumber()
  const at = { blockNumber: toBlock } as const
  const [chainId, registry, issuance] = await Promise.all([
    client.getChainId(),
    client.readContract({ ...contract, ...at, functionName: "registry" }),
    client.readContract({ ...contract, ...at, functionName: "issuance" }),
  ])
  const token = await client.readContract({
    address: issuance,
    abi: issuanceAbi,
    ...at,
    functionName: "token",
  })
  const [minter, totalSupplyWh] = await Promise.all([
    client.readContract({ address: token, abi: greenTokenAbi, ...at, functionName: "issuance" }),
    client.readContract({ address: token, abi: greenTokenAbi, ...at, functionName: "totalSupply" }),
  ])

  const history: History = {
    chainId,
    oracle: lower(oracle),
    registry: lower(registry),
    issuance: lower(issuance),
    token: lower(token),
    minter: lower(minter),
    totalSupplyWh,
    toBlock,
    meters: [],
    proposals: [],
    settled: [],
    minted: [],
    burnedWh: 0n,
    validators: [],
    rules: [],
  }
  for (let fromBlock = 0n; fromBlock <= toBlock; fromBlock += blocksPerQuery) {
    const end = fromBlock + blocksPerQuery - 1n
    const logs = await client.getLogs({
      address: [oracle, registry, issuance, token],
      fromBlock,
      toBlock: end < toBlock ? end : toBlock,
    })
    const by = (address: Hex) => logs.filter((log) => lower(log.address) === lower(address))
    for (const log of parseEventLogs({ abi: meterRegistryAbi, logs: by(registry) }))
      noteRegistry(history, log)
    for (const log of parseEventLogs({ abi: impactOracleAbi, logs: by(oracle) })) noteOracle(history, log)
    for (const log of parseEventLogs({ abi: issuanceAbi, logs: by(issuance) })) noteIssuance(history, log)
    for (const log of parseEventLogs({ abi: greenTokenAbi, logs: by(token) })) noteToken(history, log)
    progress(end < toBlock ? end : toBlock, toBlock)
  }
  return history
}

type LogOf<Abi extends readonly unknown[]> = ReturnType<typeof parseEventLogs<Abi>>[number]

function position({ blockNumber, logIndex, transactionHash }: Log): Position {
  if (blockNumber === null || logIndex === null || transactionHash === null)
    throw new Error("The node returned an event of a block that is not mined.")
  return { block: blockNumber, log: logIndex, transaction: transactionHash }
}

function noteRegistry(history: History, log: LogOf<typeof meterRegistryAbi>): void {
  if (log.eventName !== "MeterRegistered") return
  const { args } = log
  history.meters.push({
    ...args,
    household: lower(args.household),
    scheme: args.scheme as Scheme,
    assurance: args.assurance as Assurance,
    startTime: Number(args.startTime),
    at: position(log),
  })
}

function noteOracle(history: History, log: LogOf<typeof impactOracleAbi>): void {
  const at = position(log)
  switch (log.eventName) {
    case "Proposed":
      history.proposals.push({ ...log.args, validAt: Number(log.args.validAt), cancelled: false, at })
      break
    case "Cancelled": {
      const { site, number } = log.args
      const proposal = history.proposals.find((p) => p.site === site && p.number === number)
      if (proposal) proposal.cancelled = true
      break
    }
    case "ValidatorsChanged": {
      const { version, threshold, validators } = log.args
      history.validators.push({ version, threshold, validators: validators.map(lower), at })
      break
    }
    case "RulesChanged":
      history.rules.push({
        challengeWindow: log.args.rules.challengeWindow,
        headroomBasisPoints: log.args.rules.headroom,
        at,
      })
      break
  }
}

/** Unpacks what the event packs: site or number, register, time. */
function noteIssuance(history: History, log: LogOf<typeof issuanceAbi>): void {
  if (log.eventName !== "Settled") return
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
    at: position(log),
  })
}

function noteToken(history: History, log: LogOf<typeof greenTokenAbi>): void {
  if (log.eventName !== "Transfer") return
  const { from, to, value } = log.args
  if (from === zeroAddress) history.minted.push({ household: lower(to), wh: value, at: position(log) })
  if (to === zeroAddress) history.burnedWh += value
}

/** Whether `a` happened before `b`. */
export function before(a: Position, b: Position): boolean {
  return a.block === b.block ? a.log < b.log : a.block < b.block
}

/** The last change of a kind before a moment. */
export function inForce<T extends { at: Position }>(changes: readonly T[], at: Position): T | undefined {
  return changes.filter((change) => before(change.at, at)).at(-1)
}

function lower(address: string): Hex {
  return address.toLowerCase() as Hex
}
