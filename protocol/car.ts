import { CarBlockIterator } from "@ipld/car/iterator"
import { CarWriter } from "@ipld/car/writer"
import { type Block, type CID, checkBlock } from "./block.ts"

/**
 * Blocks as a CAR file, version 1, with one root (https://ipld.io/specs/transport/car/carv1/). What goes wrong in
 * `blocks` comes out here: a file that was cut short never looks like a whole one.
 */
export async function* writeCar(root: CID, blocks: Iterable<Block>): AsyncIterable<Uint8Array> {
  const { writer, out } = CarWriter.create([root])
  const put = async () => {
    try {
      for (const block of blocks) await writer.put(block)
    } finally {
      await writer.close()
    }
  }
  const written = put()
  // Awaited below, once the file has been taken; until then a failure must not count as unhandled.
  written.catch(() => {})
  yield* out
  await written
}

/** Reads a CAR file, checking each block against its CID. @throws BrokenBlock, or Error when it is no CAR. */
export async function readCar(car: AsyncIterable<Uint8Array>): Promise<{ roots: CID[]; blocks: Block[] }> {
  const iterator = await CarBlockIterator.fromIterable(car)
  const blocks: Block[] = []
  for await (const { cid, bytes } of iterator) {
    checkBlock(cid, bytes)
    blocks.push({ cid, bytes })
  }
  return { roots: await iterator.getRoots(), blocks }
}
