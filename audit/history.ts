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

/** Public nodes limit how many blocks one query may span. */
const blocksPerQuery = 10_000n

export function connect(rpc: string): PublicClient {
  // Without cacheTime 0 a client answers from memory for some seconds, also when asked for the last block.
  return createPublicClient({ cacheTime: 0, transport: http(rpc, { retryCount: 2, timeout: 30_000 }) })
}

/**
 * Reads the history of an oracle's community: of its issuance, of every oracle that this ever listened to, and of the
 * registry, policy and tokens that belong to them.
 * @param progress is told how far it is, in blocks.
 * @throws PersonError when there is no oracle at the address.
 */
export async function readHistory(
  client: PublicClient,
  oracle: Hex,
  progress: (block: bigint, of: bigint) => void = () => {},
): Promise<History> {
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
  const green = { address: token, abi: greenTokenAbi, ...at } as const
  const certified = { address: certificates, abi: certificatesAbi, ...at } as const
  const [minter, certificatesMinter, burner, certificatesBurner, totalSupplyWh] = await Promise.all([
    client.readContract({ ...green, functionName: "issuance" }),
    client.readContract({ ...certified, functionName: "issuance" }),
    client.readContract({ ...green, functionName: "retirements" }),
    client.readContract({ ...certified, functionName: "retirements" }),
    client.readContract({ ...green, functionName: "totalSupply" }),
  ])
  const history: History = {
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

  // First who was listened to, as that says where else to look.
  for await (const logs of logsOf(client, [issuance], toBlock))
    for (const log of parseEventLogs({ abi: issuanceAbi, logs })) noteIssuance(history, log)
  const oracles = [...new Set([...history.oracles.map((o) => o.oracle), history.oracle])]
  const policyOf = new Map<Hex, Hex>()
  const stakes = new Set<Hex>()
  for (const address of oracles)
    try {
      const one = { address, abi: impactOracleAbi, ...at } as const
      policyOf.set(address, lower(await client.readContract({ ...one, functionName: "policy" })))
      stakes.add(lower(await client.readContract({ ...one, functionName: "stakes" })))
    } catch (error) {
      // A node that does not answer is no oracle of another kind.
      if ((error as Error).name !== "ContractFunctionExecutionError") throw error
    }
  history.policyOf = policyOf
  const policies = new Set(policyOf.values())
  const wanted = [...oracles, history.registry, history.token, history.certificates, history.retirements]
  for await (const logs of logsOf(client, [...wanted, ...policies, ...stakes], toBlock, progress)) {
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
  dropWhatWasSucceeded(history)
  history.standing = { totalSupplyWh, ...(await readStanding(client, history)) }
  return history
}

async function* logsOf(
  client: PublicClient,
  address: Hex[],
  toBlock: bigint,
  progress: (block: bigint, of: bigint) => void = () => {},
) {
  for (const span of spansOf(toBlock)) {
    yield await client.getLogs({ address, ...span })
    progress(span.toBlock, toBlock)
  }
}

/** All blocks, as many at a time as one query may span. */
export function* spansOf(toBlock: bigint): Iterable<{ fromBlock: bigint; toBlock: bigint }> {
  for (let fromBlock = 0n; fromBlock <= toBlock; fromBlock += blocksPerQuery) {
    const last = fromBlock + blocksPerQuery - 1n
    yield { fromBlock, toBlock: last < toBlock ? last : toBlock }
  }
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
