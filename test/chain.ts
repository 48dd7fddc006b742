import { createTestClient, http, publicActions, walletActions } from "viem"
import { spawnChain } from "../demo/chain.ts"
import { freePort } from "../demo/processes.ts"

/**
 * A real chain for a test, with time in the test's hands.
 * @param from its time at first, Unix seconds; the wall clock's where left out.
 */
export async function startTestChain(from?: number) {
  const port = await freePort(0)
  const child = spawnChain(port, from === undefined ? [] : ["--timestamp", String(from)])
  const rpc = `http://127.0.0.1:${port}`
  const client = createTestClient({ mode: "anvil", transport: http(rpc), cacheTime: 0 })
    .extend(publicActions)
    .extend(walletActions)
  for (let i = 0; ; i++) {
    if (await client.getChainId().catch(() => 0)) break
    if (i > 100) throw new Error("anvil did not start")
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return {
    rpc,
    client,
    /** Lets so many seconds pass on the chain. */
    async pass(seconds: number): Promise<void> {
      await client.increaseTime({ seconds })
      await client.mine({ blocks: 1 })
    },
    async stop(): Promise<void> {
      const ended = new Promise((resolve) => child.once("exit", resolve))
      child.stdin?.end()
      await ended
    },
  }
}

export type TestChain = Awaited<ReturnType<typeof startTestChain>>
