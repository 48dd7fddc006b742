import type { BlockSource, CID } from "../protocol/block.ts"
import { largestBlock } from "./car-file.ts"

const patienceMs = 30_000

/**
 * Blocks at a trustless gateway (https://specs.ipfs.tech/http-gateways/trustless-gateway/), one at a time. A peer that
 * answers for ever, or not at all, is cut off; what it answers is checked by who asked.
 * @throws Error in words when it does not answer, or not as it should.
 */
export function blocksAt(base: string, fetcher: typeof fetch = fetch): BlockSource {
  const root = base.endsWith("/") ? base : `${base}/`
  return async (cid) => {
    const url = new URL(`ipfs/${cid}?format=raw`, root)
    const giveUp = new AbortController()
    const timer = setTimeout(
      () => giveUp.abort(new Error(`it took longer than ${patienceMs / 1000} s`)),
      patienceMs,
    )
    try {
      const response = await fetcher(url, {
        headers: { accept: "application/vnd.ipld.raw" },
        redirect: "error",
        signal: giveUp.signal,
      })
      if (response.status === 404 || response.status === 410) {
        await response.body?.cancel()
        return undefined
      }
      if (!response.ok || !response.body) {
        await response.body?.cancel()
        throw new Error(`it answers ${response.status}`)
      }
      return await bounded(response.body, cid)
    } catch (cause) {
      const { message, cause: deeper } = cause as { message: string; cause?: { code?: string } }
      throw new Error(`${url.origin}: ${deeper?.code ?? message}`, { cause })
    } finally {
      clearTimeout(timer)
      giveUp.abort()
    }
  }
}

async function bounded(body: ReadableStream<Uint8Array>, cid: CID): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of body) {
    length += part.length
    if (length > largestBlock) throw new Error(`its answer for ${cid} has more than ${largestBlock} bytes`)
    parts.push(part)
  }
  return Uint8Array.from(Buffer.concat(parts))
}
