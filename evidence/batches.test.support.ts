import { createHash } from "node:crypto"
import {
  type Block,
  type BlockSource,
  blocksInMemory,
  type CID,
  cborBlock,
  rawBlock,
} from "../protocol/block.ts"
import { fromHex, type Hex } from "../protocol/hex.ts"

export const at = { chainId: 31_337, oracle: `0x${"ab".repeat(20)}` as Hex }

/** Batches of one site, each linked to the one before, with some blocks of bytes that look like chance. */
export function history(site: number, count: number, { blocks = 5, blockBytes = 3000 } = {}) {
  const batches: { root: CID; blocks: Block[] }[] = []
  let previous: CID | null = null
  for (let number = 1; number <= count; number++) {
    const content = Array.from({ length: blocks }, (_, i) =>
      rawBlock(noise(`${site} ${number} ${i}`, blockBytes)),
    )
    const chunk = cborBlock(content.map(({ cid }) => cid))
    const root: Block = cborBlock({
      format: "commonwatt/evidence/1",
      chain: at.chainId,
      oracle: fromHex(at.oracle, 20),
      site,
      number: BigInt(number),
      time: 1_780_272_000 + 900 * number,
      previous,
      sealed: [{ content: [chunk.cid] }],
    })
    previous = root.cid
    batches.push({ root: root.cid, blocks: [...content, chunk, root] })
  }
  return batches
}

export function sourceOf(batches: readonly { blocks: Block[] }[]): BlockSource {
  return blocksInMemory(batches.flatMap(({ blocks }) => blocks))
}

/** A source that counts what is asked of it. */
export function counting(source: BlockSource) {
  const asked: string[] = []
  let bytes = 0
  return {
    asked,
    bytes: () => bytes,
    source: (async (cid) => {
      asked.push(cid.toString())
      const found = await source(cid)
      bytes += found?.length ?? 0
      return found
    }) as BlockSource,
  }
}

export function noise(seed: string, length: number): Uint8Array {
  const parts: Buffer[] = []
  for (let i = 0; i * 32 < length; i++) parts.push(createHash("sha256").update(`${seed} ${i}`).digest())
  return Uint8Array.from(Buffer.concat(parts).subarray(0, length))
}
