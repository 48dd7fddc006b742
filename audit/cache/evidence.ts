import { existsSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { blocksInMemory } from "../../protocol/block.ts"
import { writeCar } from "../../protocol/car.ts"
import { carBlocks, type EvidenceSource } from "../evidence-source.ts"
import { putFile } from "./kept.ts"

/**
 * Evidence that stays in a directory once it was fetched, as `--evidence DIR` takes it. Every block is checked against
 * its address each time it is read; a file that was damaged is fetched again.
 */
export function keepEvidence(directory: string, place: string): EvidenceSource {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  return async (root) => {
    const file = join(directory, `${root}.car`)
    if (existsSync(file))
      try {
        return blocksInMemory(await carBlocks(directory, root))
      } catch {
        // Fetched again below.
      }
    const blocks = await carBlocks(place, root)
    const chunks: Uint8Array[] = []
    for await (const chunk of writeCar(root, blocks)) chunks.push(chunk)
    putFile(file, Buffer.concat(chunks))
    return blocksInMemory(blocks)
  }
}
