import { createReadStream, existsSync } from "node:fs"
import { join } from "node:path"
import { type Block, type BlockSource, blocksInMemory, type CID } from "../protocol/block.ts"
import { readCar } from "../protocol/car.ts"

/** Gets the blocks behind an evidence root, from wherever they are kept. */
export type EvidenceSource = (root: CID) => Promise<BlockSource>

/** A day of 100 meters at one reading a second has about 1 GB; a day at 5 minutes 4 MB. */
const mostBytes = 256 * 1024 * 1024

/**
 * Evidence at a trustless gateway (`{base}/ipfs/{cid}?format=car`) or in a directory of CAR files named by their
 * root (`{cid}.car`).
 */
export function evidenceFrom(place: string): EvidenceSource {
  return async (root) => blocksInMemory(await carBlocks(place, root))
}

/** The blocks behind a root, each checked against its address. */
export async function carBlocks(place: string, root: CID): Promise<Block[]> {
  const { blocks } = await readCar(
    bounded(/^https?:\/\//.test(place) ? await fetchCar(place, root) : openCar(place, root)),
  )
  return blocks
}

async function fetchCar(base: string, root: CID): Promise<AsyncIterable<Uint8Array>> {
  const url = new URL(`ipfs/${root}?format=car`, base.endsWith("/") ? base : `${base}/`)
  let response: Response
  try {
    response = await fetch(url, {
      headers: { accept: "application/vnd.ipld.car" },
      signal: AbortSignal.timeout(120_000),
    })
  } catch (cause) {
    throw new Error(`${url.origin} does not answer (${(cause as Error).message})`, { cause })
  }
  if (!response.ok || !response.body)
    throw new Error(`${url.origin} answers ${response.status} for evidence ${root}`)
  return response.body
}

function openCar(directory: string, root: CID): AsyncIterable<Uint8Array> {
  const file = join(directory, `${root}.car`)
  if (!existsSync(file)) throw new Error(`there is no file ${file}`)
  return createReadStream(file) as AsyncIterable<Uint8Array>
}

async function* bounded(stream: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let bytes = 0
  for await (const chunk of stream) {
    bytes += chunk.length
    if (bytes > mostBytes) throw new Error(`the evidence has more than ${mostBytes} bytes`)
    yield chunk
  }
}
