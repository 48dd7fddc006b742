import { Hono } from "hono"
import { CID } from "../../protocol/block.ts"
import { writeCar } from "../../protocol/car.ts"
import type { WebContext } from "./context.ts"

const car = "application/vnd.ipld.car"
const raw = "application/vnd.ipld.raw"

/**
 * Serves evidence by the trustless gateway convention (https://specs.ipfs.tech/http-gateways/trustless-gateway/):
 * a batch as a CAR file, any block by itself. Whoever fetches checks the hashes.
 */
export function evidenceRoutes({ journal }: Pick<WebContext, "journal">): Hono {
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
      const bytes = journal.batches.block(cid)
      return bytes ? c.body(Uint8Array.from(bytes), 200, headers) : c.text("That block is not here.\n", 404)
    }
    const blocks = journal.batches.blocksOf(cid)
    if (!blocks) return c.text("That is not the root of a batch's evidence here.\n", 404)
    return c.body(ReadableStream.from(writeCar(cid, blocks)) as ReadableStream, 200, headers)
  })
  return app
}

function formatOf(query: string | undefined, accept = ""): "car" | "raw" | undefined {
  if (query) return query === "car" || query === "raw" ? query : undefined
  if (accept.includes(car)) return "car"
  if (accept.includes(raw)) return "raw"
  return undefined
}
