import { Hono } from "hono"
import { type Block, CID } from "../protocol/block.ts"
import { writeCar } from "../protocol/car.ts"

const car = "application/vnd.ipld.car"
const raw = "application/vnd.ipld.raw"

/** Where evidence is kept: a block by itself, and all blocks of a batch by its root. */
export interface EvidenceShelf {
  block(cid: CID): Uint8Array | undefined
  blocksOf(root: CID): Iterable<Block> | undefined
}

/**
 * Serves evidence by the trustless gateway convention (https://specs.ipfs.tech/http-gateways/trustless-gateway/):
 * a batch as a CAR file, any block by itself. Whoever fetches checks the hashes.
 * @param shelves looked through in this order.
 */
export function evidenceRoutes(...shelves: readonly EvidenceShelf[]): Hono {
  const app = new Hono()
  app.get("/ipfs/:cid", (c) => {
    let cid: CID
    try {
      cid = CID.parse(c.req.param("cid"))
    } catch {
      return c.text("This is not a CID.\n", 400)
    }
    const format = formatOf(c.req.query("format"), c.req.header("accept"))
    if (!format)
      return c.text("Ask for ?format=car or ?format=raw (a trustless gateway serves no other).\n", 406)
    const headers = {
      "content-type": format === "car" ? `${car}; version=1; order=unk; dups=y` : raw,
      "cache-control": "public, max-age=29030400, immutable",
      etag: `"${cid}.${format}"`,
      "x-content-type-options": "nosniff",
      "content-disposition": `attachment; filename="${cid}.${format === "car" ? "car" : "bin"}"`,
    }
    if (format === "raw") {
      const bytes = firstOf(shelves, (shelf) => shelf.block(cid))
      return bytes ? c.body(Uint8Array.from(bytes), 200, headers) : c.text("That block is not here.\n", 404)
    }
    const blocks = firstOf(shelves, (shelf) => shelf.blocksOf(cid))
    if (!blocks) return c.text("That is not the root of a batch's evidence here.\n", 404)
    return c.body(ReadableStream.from(writeCar(cid, blocks)) as ReadableStream, 200, headers)
  })
  return app
}

function firstOf<T>(shelves: readonly EvidenceShelf[], find: (shelf: EvidenceShelf) => T | undefined) {
  for (const shelf of shelves) {
    const found = find(shelf)
    if (found !== undefined) return found
  }
  return undefined
}

function formatOf(query: string | undefined, accept = ""): "car" | "raw" | undefined {
  if (query) return query === "car" || query === "raw" ? query : undefined
  if (accept.includes(car)) return "car"
  if (accept.includes(raw)) return "raw"
  return undefined
}
