import t from "tap"
import type { PublicClient } from "viem"
import type { Hex } from "../protocol/hex.ts"
import { firstBlockOf, logsOf } from "./logs.ts"

const contract = `0x${"ab".repeat(20)}` as Hex
type Span = { fromBlock: bigint; toBlock: bigint }
const tooMuch = Object.assign(new Error("query returned more than 10000 results"), { code: -32_005 })

/** A node that has an event in each block of a list, and answers for so many blocks and events at once. */
function nodeWith(events: readonly bigint[], { blocks = 10_000n, atOnce = 1_000 } = {}) {
  const asked: Span[] = []
  const client = {
    async getLogs({ fromBlock, toBlock }: Span) {
      asked.push({ fromBlock, toBlock })
      const logs = events.filter((block) => block >= fromBlock && block <= toBlock)
      if (toBlock - fromBlock >= blocks || logs.length > atOnce) throw tooMuch
      return logs.map((blockNumber) => ({ blockNumber }))
    },
    async getCode({ blockNumber }: { blockNumber: bigint }) {
      return blockNumber >= events[0]! ? "0x60" : undefined
    },
  }
  return { client: client as unknown as PublicClient, asked }
}

async function read(client: PublicClient, span: Span): Promise<bigint[]> {
  const found: bigint[] = []
  for await (const { logs } of logsOf(client, [contract], span))
    found.push(...logs.map(({ blockNumber }) => blockNumber))
  return found
}

t.test("every event is read once and in order, however little a node answers at once", async (t) => {
  const crowded = Array.from({ length: 300 }, (_, i) => 7_000n + BigInt(i))
  const events = [3n, 1_999n, 2_000n, 2_001n, ...crowded, 49_999n]
  for (const limits of [{}, { blocks: 2_000n }, { blocks: 100n }, { blocks: 1n }, { atOnce: 40 }]) {
    const upTo = limits.blocks === 1n ? 8_000n : 50_000n
    const { client, asked } = nodeWith(events, limits)
    t.same(
      await read(client, { fromBlock: 2n, toBlock: upTo }),
      events.filter((block) => block <= upTo),
    )
    t.ok(asked.every(({ fromBlock, toBlock }) => toBlock - fromBlock < 2_000n))
    if (limits.blocks === undefined) t.ok(asked.length < 80, `${asked.length} questions`)
  }
})

t.test("a node that is away, or answers nothing even of one block, ends it", async (t) => {
  for (const [error, questions] of [
    [Object.assign(new Error("fetch failed"), { name: "HttpRequestError" }), 1],
    [Object.assign(new Error("took too long"), { name: "TimeoutError", code: -1 }), 1],
    [Object.assign(new Error("who are you"), { name: "HttpRequestError", status: 401 }), 1],
    [tooMuch, 8],
  ] as const) {
    let asked = 0
    const client = {
      async getLogs() {
        asked++
        throw error
      },
    } as unknown as PublicClient
    await t.rejects(read(client, { fromBlock: 0n, toBlock: 99n }), error)
    t.ok(asked <= questions, `${asked} questions`)
  }
})

t.test("reading begins where the first contract began, or at 0 where that cannot be known", async (t) => {
  const tip = 50_000n
  t.equal(await firstBlockOf(nodeWith([12_345n]).client, [contract, contract], tip), 12_345n)
  t.equal(await firstBlockOf(nodeWith([0n]).client, [contract], tip), 0n)
  const noState = { ...nodeWith([12_345n]).client, getCode: () => Promise.reject(tooMuch) }
  t.equal(await firstBlockOf(noState as unknown as PublicClient, [contract], tip), 0n)
  const forgetful = {
    ...nodeWith([12_345n]).client,
    getCode: async ({ blockNumber }: { blockNumber: bigint }) => (blockNumber > 40_000n ? "0x60" : undefined),
  }
  t.equal(
    await firstBlockOf(forgetful as unknown as PublicClient, [contract], tip),
    0n,
    "a node that says nothing was there when it has merely forgotten is found out",
  )
})
