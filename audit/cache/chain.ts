import { mkdirSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import type { Log, PublicClient } from "viem"
import type { Hex } from "../../protocol/hex.ts"
import { keep, kept, sha256 } from "./kept.ts"

/**
 * What a node said up to a block. The block's hash stands for all blocks before it and everything in them: as long as
 * the chain still has it, all of this is still so.
 */
interface Segment {
  chainId: number
  to: bigint
  hash: Hex
  /** By whose events they are. */
  logs: { by: string; from: bigint; to: bigint; logs: Log[] }[]
  blocks: Map<bigint, unknown>
  transactions: Map<Hex, { blockNumber: bigint | null }>
  receipts: Map<Hex, { blockNumber: bigint | null }>
}

interface Span {
  address: Hex | Hex[]
  fromBlock: bigint
  toBlock: bigint
}

/** More files than this are made one. */
const mostSegments = 16

/**
 * A client that asks its node only what it does not know yet.
 * @param tell is told when the chain was rewritten, and what was known above has to be read again.
 */
export async function openChainCache(
  directory: string,
  client: PublicClient,
  tell: (what: string) => void,
): Promise<{ client: PublicClient; save(): Promise<void> }> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const chainId = await client.getChainId()
  const known = await standing(directory, chainId, client, tell)
  const fresh: Segment = { ...emptySegment(chainId) }
  let tip: { number: bigint; hash: Hex } | undefined
  const all = [...known, fresh]

  const remembered = async <K extends bigint | Hex, V>(
    name: "blocks" | "transactions" | "receipts",
    key: K,
    ask: () => Promise<V>,
  ): Promise<V> => {
    for (const segment of all) {
      const found = (segment[name] as Map<K, unknown>).get(key)
      if (found !== undefined) return found as V
    }
    const answer = await ask()
    ;(fresh[name] as Map<K, unknown>).set(key, answer)
    return answer
  }

  const asking = {
    ...client,
    async getBlockNumber() {
      const number = await client.getBlockNumber()
      const { hash } = await client.getBlock({ blockNumber: number })
      if (hash) tip ??= { number, hash }
      return number
    },
    /** Of whole contracts: which of their events are wanted is for whoever asks to say. */
    async getLogs({ address, fromBlock, toBlock }: Span) {
      const by = sha256([address].flat().sort().join(" "))
      const logs: Log[] = []
      let next = fromBlock
      for (const segment of all)
        for (const part of segment.logs) {
          if (part.by !== by || part.from > next || part.to < next) continue
          for (const log of part.logs)
            if (log.blockNumber !== null && log.blockNumber >= next && log.blockNumber <= toBlock)
              logs.push(log)
          next = part.to + 1n
        }
      if (next > toBlock) return logs
      const more = await client.getLogs({ address, fromBlock: next, toBlock })
      fresh.logs.push({ by, from: next, to: toBlock, logs: more as Log[] })
      return [...logs, ...more]
    },
    async getBlock(options: { blockNumber?: bigint } = {}) {
      const { blockNumber } = options
      if (blockNumber === undefined) return client.getBlock()
      return remembered("blocks", blockNumber, async () => {
        const { number, hash, timestamp } = await client.getBlock({ blockNumber })
        return { number, hash, timestamp }
      })
    },
    getTransaction({ hash }: { hash: Hex }) {
      return remembered("transactions", hash, async () => {
        const { to, input, blockNumber } = await client.getTransaction({ hash })
        return { to, input, blockNumber }
      })
    },
    getTransactionReceipt({ hash }: { hash: Hex }) {
      return remembered("receipts", hash, async () => {
        const { gasUsed, blockNumber } = await client.getTransactionReceipt({ hash })
        return { gasUsed, blockNumber }
      })
    },
  }

  return {
    client: asking as unknown as PublicClient,
    async save() {
      if (!tip) return
      const { number, hash } = tip
      const now = await client.getBlock({ blockNumber: number }).catch(() => undefined)
      // The chain was rewritten while it was read: nothing of it is kept.
      if (now?.hash !== hash) return
      const inChain = ({ blockNumber }: { blockNumber: bigint | null }) =>
        blockNumber !== null && blockNumber <= number
      const segment: Segment = {
        ...fresh,
        to: number,
        hash,
        logs: fresh.logs.filter((part) => part.to <= number),
        blocks: new Map([...fresh.blocks].filter(([block]) => block <= number)),
        transactions: new Map([...fresh.transactions].filter(([, answer]) => inChain(answer))),
        receipts: new Map([...fresh.receipts].filter(([, answer]) => inChain(answer))),
      }
      if (known.length < mostSegments) return keep(fileOf(directory, segment), segment)
      keep(fileOf(directory, segment), merged([...known, segment]))
      for (const old of known) if (old.to !== number) rmSync(fileOf(directory, old), { force: true })
    },
  }
}

/** The segments that the chain still has; the others are removed. */
async function standing(
  directory: string,
  chainId: number,
  client: PublicClient,
  tell: (what: string) => void,
): Promise<Segment[]> {
  const segments = readdirSync(directory)
    .filter((name) => name.startsWith(`${chainId}-`) && name.endsWith(".json"))
    .flatMap((name) => (kept(join(directory, name)) as Segment | undefined) ?? [])
    .sort((a, b) => Number(a.to - b.to))
  let gone: bigint | undefined
  while (segments.length > 0) {
    const last = segments.at(-1)!
    const block = await client.getBlock({ blockNumber: last.to }).catch((error: Error) => {
      if (error.name === "BlockNotFoundError") return undefined
      throw error
    })
    if (block?.hash === last.hash) break
    gone = last.to
    rmSync(fileOf(directory, last), { force: true })
    segments.pop()
  }
  if (gone !== undefined)
    tell(
      `the chain was rewritten: block ${gone} is not what it was. What was known after block ${segments.at(-1)?.to ?? 0n} is read again`,
    )
  return segments
}

const fileOf = (directory: string, { chainId, to }: Segment) =>
  join(directory, `${chainId}-${to.toString().padStart(12, "0")}.json`)

const emptySegment = (chainId: number): Segment => ({
  chainId,
  to: 0n,
  hash: "0x",
  logs: [],
  blocks: new Map(),
  transactions: new Map(),
  receipts: new Map(),
})

function merged(segments: readonly Segment[]): Segment {
  const { chainId, to, hash } = segments.at(-1)!
  return {
    chainId,
    to,
    hash,
    logs: segments.flatMap(({ logs }) => logs),
    blocks: new Map(segments.flatMap(({ blocks }) => [...blocks])),
    transactions: new Map(segments.flatMap(({ transactions }) => [...transactions])),
    receipts: new Map(segments.flatMap(({ receipts }) => [...receipts])),
  }
}
