import type { Log, PublicClient } from "viem"
import type { Hex } from "../protocol/hex.ts"

/** Public nodes limit how many blocks one query may span, the strictest of the usual ones to this. */
const mostBlocks = 2_000n

/**
 * The events of contracts, a span of blocks at a time. Where a node answers that it was asked for too much, spans are
 * halved, and doubled again afterwards.
 */
export async function* logsOf(
  client: Pick<PublicClient, "getLogs">,
  address: Hex[],
  { fromBlock, toBlock }: { fromBlock: bigint; toBlock: bigint },
): AsyncGenerator<{ fromBlock: bigint; toBlock: bigint; logs: Log<bigint, number, false>[] }> {
  let most = mostBlocks
  for (let from = fromBlock; from <= toBlock; ) {
    const to = from + most - 1n < toBlock ? from + most - 1n : toBlock
    let logs: Log<bigint, number, false>[]
    try {
      logs = await client.getLogs({ address, fromBlock: from, toBlock: to })
    } catch (error) {
      if (to === from || !wasAnswered(error)) throw error
      most = (to - from + 1n) / 2n
      continue
    }
    yield { fromBlock: from, toBlock: to, logs }
    from = to + 1n
    most = 2n * most < mostBlocks ? 2n * most : mostBlocks
  }
}

/** Too much is answered in as many ways as there are nodes: by an error of RPC or of HTTP. One that is away says neither. */
function wasAnswered(error: unknown): boolean {
  const { name, code, status } = error as { name?: string; code?: number; status?: number }
  if (name === "TimeoutError") return false
  return typeof code === "number" || (status !== undefined && ![401, 403, 404, 429].includes(status))
}

/**
 * The first block that has anything of these contracts; 0 where the node does not know as far back. Found by asking for
 * their code at one block after another, and believed where each contract's constructor left an event in its block.
 */
export async function firstBlockOf(
  client: Pick<PublicClient, "getCode" | "getLogs">,
  contracts: readonly Hex[],
  tip: bigint,
): Promise<bigint> {
  const firsts = await Promise.all(contracts.map((address) => deployedIn(client, address, tip)))
  return firsts.sort((a, b) => Number(a - b))[0] ?? 0n
}

async function deployedIn(
  client: Pick<PublicClient, "getCode" | "getLogs">,
  address: Hex,
  tip: bigint,
): Promise<bigint> {
  let [low, high] = [0n, tip]
  try {
    while (low < high) {
      const middle = (low + high) / 2n
      if (await client.getCode({ address, blockNumber: middle })) high = middle
      else low = middle + 1n
    }
    const born = await client.getLogs({ address: [address], fromBlock: low, toBlock: low })
    return born.length > 0 ? low : 0n
  } catch (error) {
    if (wasAnswered(error)) return 0n
    throw error
  }
}
