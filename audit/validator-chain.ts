import { rmSync } from "node:fs"
import { join } from "node:path"
import type { PublicClient } from "viem"
import type { Hex } from "../protocol/hex.ts"
import { codeHash } from "./cache/code.ts"
import { keep, kept } from "./cache/kept.ts"
import { beginHistory, readOn } from "./history.ts"
import { dropWhatWasSucceeded, type History } from "./record.ts"

/** How much of the chain was read, by which code, and the hash of its last block, which stands for all before it. */
interface Known {
  code: string
  hash: Hex
  history: History
}

/** Blocks this deep are hardly ever rewritten; should they be, the chain is read anew. */
const usualDepth = 256n

/**
 * What a validator must know of the chain: meters, rules, validators, proposals. What is deep in the chain is read once
 * and kept across restarts, what lies above it is read each time. Mints and retirements it does not look at.
 */
export function openChain(
  dataDir: string,
  client: PublicClient,
  oracle: Hex,
  log: (what: string, details: Record<string, unknown>) => void,
  depth = usualDepth,
): { read(): Promise<History> } {
  const file = join(dataDir, "chain.json")
  const code = codeHash()
  let known = kept(file) as Known | undefined
  if (known?.code !== code || known.history.oracle !== oracle) known = undefined

  async function hashOf(blockNumber: bigint): Promise<Hex | undefined> {
    try {
      return (await client.getBlock({ blockNumber })).hash ?? undefined
    } catch (error) {
      if ((error as Error).name === "BlockNotFoundError") return undefined
      throw error
    }
  }

  async function forgetWhatWasRewritten(): Promise<void> {
    if (!known || (await hashOf(known.history.toBlock)) === known.hash) return
    log("the chain was rewritten", { block: Number(known.history.toBlock) })
    known = undefined
    rmSync(file, { force: true })
  }

  /** Reads up to a block. @returns whether all that is needed was seen: a new oracle spoke before it was one. */
  async function readUpTo(history: History, toBlock: bigint, isNew: boolean): Promise<boolean> {
    const fromBlock = isNew ? history.fromBlock : history.toBlock + 1n
    return (await readOn(client, history, { fromBlock, toBlock })) || isNew
  }

  async function keepUpTo(toBlock: bigint): Promise<boolean> {
    const history = known ? structuredClone(known.history) : await beginHistory(client, oracle)
    const hash = await hashOf(toBlock)
    const isWhole = await readUpTo(history, toBlock, !known)
    // Rewritten while it was read: nothing of it is kept.
    if (!isWhole || !hash || (await hashOf(toBlock)) !== hash) return false
    known = { code, hash, history }
    keep(file, known)
    return true
  }

  return {
    async read() {
      const tip = await client.getBlockNumber()
      const upTo = known?.history.toBlock ?? 0n
      if (tip < upTo) throw new Error(`the node is at block ${tip}, and block ${upTo} was read before`)
      await forgetWhatWasRewritten()
      const deep = tip - depth
      if (deep > (known?.history.toBlock ?? 0n) + depth && !(await keepUpTo(deep))) known = undefined
      let history = known ? structuredClone(known.history) : await beginHistory(client, oracle)
      if (!(await readUpTo(history, tip, !known))) {
        known = undefined
        history = await beginHistory(client, oracle)
        await readUpTo(history, tip, true)
      }
      dropWhatWasSucceeded(history)
      return history
    },
  }
}
