import { createPublicClient, http, type PublicClient, parseEventLogs } from "viem"
import { certificatesAbi } from "../contracts/generated/certificates.ts"
import { greenTokenAbi } from "../contracts/generated/greenToken.ts"
import { impactOracleAbi } from "../contracts/generated/impactOracle.ts"
import { issuanceAbi } from "../contracts/generated/issuance.ts"
import { meterRegistryAbi } from "../contracts/generated/meterRegistry.ts"
import { policyRegistryAbi } from "../contracts/generated/policyRegistry.ts"
import { retirementsAbi } from "../contracts/generated/retirements.ts"
import { stakesAbi } from "../contracts/generated/stakes.ts"
import { PersonError } from "../protocol/error.ts"
import type { Hex } from "../protocol/hex.ts"
import { firstBlockOf, logsOf } from "./logs.ts"
import {
  lower,
  noteCertificates,
  noteIssuance,
  noteOracle,
  notePolicy,
  noteRegistry,
  noteRetirements,
  noteStakes,
  noteToken,
} from "./notes.ts"
import { dropWhatWasSucceeded, type History, type Standing } from "./record.ts"

export type { RegisteredMeter } from "./meter-life.ts"

export function connect(rpc: string): PublicClient {
  // Without cacheTime 0 a client answers from memory for some seconds, also when asked for the last block.
  return createPublicClient({ cacheTime: 0, transport: http(rpc, { retryCount: 2, timeout: 30_000 }) })
}

/** Is told how far reading is, in blocks. */
export type Progress = (block: bigint, of: bigint) => void

/**
 * Reads the history of an oracle's community: of its issuance, of every oracle that this ever listened to, and of the
 * registry, policy and tokens that belong to them.
 * @throws PersonError when there is no oracle at the address.
 */
export async function readHistory(
  client: PublicClient,
  oracle: Hex,
  progress: Progress = () => {},
): Promise<History> {
  const history = await beginHistory(client, oracle)
  const { token, certificates, retirements, fromBlock, toBlock } = history
  await readOn(client, history, { fromBlock, toBlock }, [token, certificates, retirements], progress)
  dropWhatWasSucceeded(history)
  Object.assign(history.standing, await readStanding(client, history))
  return history
}

/** Who is who in an oracle's community, as of now; what happened in it is not read yet. */
export async function beginHistory(client: PublicClient, oracle: Hex): Promise<History> {
  const contract = { address: oracle, abi: impactOracleAbi } as const
  if (!(await client.getCode({ address: oracle })))
    throw new PersonError(`There is no contract at ${oracle}.`, {
      next: "Check --oracle, and that --rpc is a node of the right chain.",
    })
  const toBlock = await client.getBlockNumber()
  const at = { blockNumber: toBlock } as const
  const chainId = await client.getChainId()
  const issuance = lower(await client.readContract({ ...contract, ...at, functionName: "issuance" }))
  const paying = { address: issuance, abi: issuanceAbi, ...at } as const
  const [registry, token, certificates] = await Promise.all([
    client.readContract({ ...paying, functionName: "registry" }),
    client.readContract({ ...paying, functionName: "token" }),
    client.readContract({ ...paying, functionName: "certificates" }),
  ])
  // Whoever is governed was given the governor's address when it was made.
  const governor = await client.readContract({
    ...{ address: registry, abi: meterRegistryAbi, ...at },
    functionName: "authority",
  })
  const green = { address: token, abi: greenTokenAbi, ...at } as const
  const certified = { address: certificates, abi: certificatesAbi, ...at } as const
  const [minter, certificatesMinter, burner, certificatesBurner, totalSupplyWh] = await Promise.all([
    client.readContract({ ...green, functionName: "issuance" }),
    client.readContract({ ...certified, functionName: "issuance" }),
    client.readContract({ ...green, functionName: "retirements" }),
    client.readContract({ ...certified, functionName: "retirements" }),
    client.readContract({ ...green, functionName: "totalSupply" }),
  ])
  return {
    chainId,
    oracle: lower(oracle),
    registry: lower(registry),
    issuance,
    token: lower(token),
    certificates: lower(certificates),
    retirements: lower(burner),
    mayMint: { token: lower(minter), certificates: lower(certificatesMinter) },
    mayBurn: { token: lower(burner), certificates: lower(certificatesBurner) },
    standing: {
      totalSupplyWh,
      certificatesWh: new Map(),
      retiredForWh: new Map(),
      retirements: 0,
      balances: [],
    },
    fromBlock: await firstBlockOf(client, [lower(governor), lower(registry), issuance], toBlock),
    toBlock,
    oracles: [],
    meters: [],
    proposals: [],
    settled: [],
    minted: [],
    burned: [],
    transfers: [],
    retired: [],
    validators: [],
    rules: [],
    policies: [],
    policyOf: new Map(),
    commons: [],
    challenges: [],
    slashed: [],
  }
}

/**
 * Reads what happened in a span of blocks behind those that the history has.
 * @param more contracts to follow, besides those that decide who may do what.
 * @returns whether the oracles are those that were known: what a new one said before the span is not in the history.
 */
export async function readOn(
  client: PublicClient,
  history: History,
  span: { fromBlock: bigint; toBlock: bigint },
  more: readonly Hex[] = [],
  progress: Progress = () => {},
): Promise<boolean> {
  const { toBlock } = span
  const before = history.oracles.length
  // First who was listened to, as that says where else to look.
  for await (const { logs } of logsOf(client, [history.issuance], span))
    for (const log of parseEventLogs({ abi: issuanceAbi, logs })) noteIssuance(history, log)
  const oracles = [...new Set([...history.oracles.map((o) => o.oracle), history.oracle])]
  const policyOf = new Map<Hex, Hex>()
  const stakes = new Set<Hex>()
  for (const address of oracles)
    try {
      const one = { address, abi: impactOracleAbi } as const
      policyOf.set(address, lower(await client.readContract({ ...one, functionName: "policy" })))
      stakes.add(lower(await client.readContract({ ...one, functionName: "stakes" })))
    } catch (error) {
      // A node that does not answer is no oracle of another kind.
      if ((error as Error).name !== "ContractFunctionExecutionError") throw error
    }
  history.policyOf = policyOf
  const policies = new Set(policyOf.values())
  const wanted = [...oracles, history.registry, ...more, ...policies, ...stakes]
  for await (const { logs, toBlock: upTo } of logsOf(client, wanted, span)) {
    progress(upTo, toBlock)
    const by = (...addresses: Hex[]) => logs.filter((log) => addresses.includes(lower(log.address)))
    const { registry, token, certificates, retirements } = history
    for (const log of parseEventLogs({ abi: meterRegistryAbi, logs: by(registry) }))
      noteRegistry(history, log)
    for (const log of parseEventLogs({ abi: policyRegistryAbi, logs: by(...policies) }))
      notePolicy(history, log)
    for (const log of parseEventLogs({ abi: impactOracleAbi, logs: by(...oracles) })) noteOracle(history, log)
    for (const log of parseEventLogs({ abi: stakesAbi, logs: by(...stakes) })) noteStakes(history, log)
    for (const log of parseEventLogs({ abi: greenTokenAbi, logs: by(token) })) noteToken(history, log)
    for (const log of parseEventLogs({ abi: certificatesAbi, logs: by(certificates) }))
      noteCertificates(history, log)
    for (const log of parseEventLogs({ abi: retirementsAbi, logs: by(retirements) }))
      noteRetirements(history, log)
  }
  history.toBlock = toBlock
  return history.oracles.length === before
}

async function readStanding(
  client: PublicClient,
  history: History,
): Promise<Omit<Standing, "totalSupplyWh">> {
  const at = { blockNumber: history.toBlock } as const
  const certified = { address: history.certificates, abi: certificatesAbi, ...at } as const
  const retirements = { address: history.retirements, abi: retirementsAbi, ...at } as const
  const certificatesWh = new Map<bigint, bigint>()
  for (const id of new Set([...history.minted, ...history.burned].flatMap((move) => move.id ?? [])))
    certificatesWh.set(
      id,
      await client.readContract({ ...certified, functionName: "totalSupply", args: [id] }),
    )
  const retiredForWh = new Map<Hex, bigint>()
  for (const to of new Set(history.retired.map(({ beneficiary }) => beneficiary)))
    retiredForWh.set(
      to,
      await client.readContract({ ...retirements, functionName: "retiredFor", args: [to] }),
    )
  // Where there is no contract yet there were no retirements either.
  const code = await client.getCode({ address: history.retirements, ...at })
  const count = code ? await client.readContract({ ...retirements, functionName: "count" }) : 0n
  const balances = await readBalances(client, history)
  return { certificatesWh, retiredForWh, retirements: Number(count), balances }
}

/** Balances that are asked for at once. */
const atOnce = 50

async function readBalances(client: PublicClient, history: History): Promise<Standing["balances"]> {
  const at = { blockNumber: history.toBlock } as const
  const green = { address: history.token, abi: greenTokenAbi, ...at } as const
  const certified = { address: history.certificates, abi: certificatesAbi, ...at } as const
  const holders = new Map<string, { account: Hex; id: bigint | undefined }>()
  for (const { id, from, to } of history.transfers)
    for (const account of [from, to])
      if (BigInt(account) !== 0n) holders.set(`${account} ${id}`, { account, id })
  const all = [...holders.values()]
  const balances: Standing["balances"][number][] = []
  for (let i = 0; i < all.length; i += atOnce)
    balances.push(
      ...(await Promise.all(
        all.slice(i, i + atOnce).map(async ({ account, id }) => ({
          ...{ account, id },
          wh: await (id === undefined
            ? client.readContract({ ...green, functionName: "balanceOf", args: [account] })
            : client.readContract({ ...certified, functionName: "balanceOf", args: [account, id] })),
        })),
      )),
    )
  return balances
}
