import { createPublicClient, fallback, http, type PublicClient } from "viem"
import { impactOracleAbi } from "../contracts/generated/impactOracle.ts"
import { meterRegistryAbi } from "../contracts/generated/meterRegistry.ts"
import { type CID, evidenceCid } from "../protocol/block.ts"
import type { Hex } from "../protocol/hex.ts"

/** A batch that was put before the oracle. */
export interface ProposedBatch {
  site: number
  number: bigint
  root: CID
}

interface Found {
  number: bigint
  statements: Hex
}

/** Public nodes limit how many blocks one query may span. */
const blocksPerQuery = 2_000n
/** Oracles that took over from one another. */
const mostPredecessors = 8
const nobody = `0x${"0".repeat(40)}`

/**
 * What the chain vouches for: of each site its newest proposal, put before the oracle or one that it took over from.
 * Looks back from the newest block only as far as it must.
 */
export function createProposedHeads(
  { rpc, chainId, oracle }: { rpc: string | readonly string[]; chainId?: number; oracle: Hex },
  client: PublicClient = createPublicClient({
    cacheTime: 0,
    transport: fallback([rpc].flat().map((url) => http(url, { retryCount: 1, timeout: 10_000 }))),
  }),
) {
  const found = new Map<number, ProposedBatch & Found>()
  let oracles: Hex[] | undefined
  let registry: Hex | undefined

  async function setUp(): Promise<void> {
    const id = await client.getChainId()
    if (chainId !== undefined && id !== chainId) throw new Error(`the node is on chain ${id}, not ${chainId}`)
    const all: Hex[] = []
    for (let address: Hex = oracle; all.length < mostPredecessors && address !== nobody; ) {
      all.push(address)
      address = await client.readContract({ address, abi: impactOracleAbi, functionName: "predecessor" })
    }
    registry = await client.readContract({ address: oracle, abi: impactOracleAbi, functionName: "registry" })
    oracles = all
  }

  /** The newest proposal of each of these sites, or of all; one without proposals is left out. @throws when the node does not answer. */
  return async (sites?: readonly number[]): Promise<ProposedBatch[]> => {
    if (!oracles || !registry) await setUp()
    const count = await client.readContract({
      address: registry!,
      abi: meterRegistryAbi,
      functionName: "siteCount",
    })
    /** The root of its statements tells a proposal from another under the same number on a reorganised chain. */
    const wanted = new Map<number, Found>()
    for (const site of sites ?? Array.from({ length: count }, (_, i) => i + 1)) {
      const one = { address: oracle, abi: impactOracleAbi } as const
      const [number] = await client.readContract({ ...one, functionName: "head", args: [site] })
      if (number === 0n) continue
      const [statements] = await client.readContract({
        ...one,
        functionName: "proposal",
        args: [site, number],
      })
      wanted.set(site, { number, statements })
    }
    // What was put before a predecessor has no root here.
    const isHead = (head: Found, batch: Found | undefined) =>
      batch?.number === head.number &&
      (batch.statements === head.statements || BigInt(head.statements) === 0n)
    const isFound = (site: number) => isHead(wanted.get(site)!, found.get(site))
    const lacking = () => [...wanted.keys()].some((site) => !isFound(site))
    for (
      let to = lacking() ? await client.getBlockNumber() : -1n;
      to >= 0n && lacking();
      to -= blocksPerQuery
    ) {
      const events = await client.getContractEvents({
        address: oracles!,
        abi: impactOracleAbi,
        eventName: "Proposed",
        fromBlock: to >= blocksPerQuery ? to - blocksPerQuery + 1n : 0n,
        toBlock: to,
        strict: true,
      })
      for (const { args } of events) {
        const { site, number, root: statements } = args
        const head = wanted.get(site)
        if (head && isHead(head, { number, statements }))
          found.set(site, { site, number, statements, root: evidenceCid(args.evidence) })
      }
    }
    return [...wanted.keys()].flatMap((site) => (isFound(site) ? found.get(site)! : []))
  }
}
