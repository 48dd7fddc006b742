import { serve } from "@hono/node-server"
import { signProposal } from "../protocol/attestation.ts"
import type { Hex } from "../protocol/hex.ts"

/** A validator that signs whatever it is asked to. */
export async function serveYesSayer(key: Hex): Promise<{ url: string; close(): Promise<void> }> {
  const fetchHandler = async (request: Request) => {
    const { chainId, oracle, proposal } = (await request.json()) as {
      chainId: number
      oracle: Hex
      proposal: Parameters<typeof signProposal>[1]
    }
    const exact = { ...proposal, number: BigInt(proposal.number), time: BigInt(proposal.time) }
    return Response.json({ signature: await signProposal({ chainId, oracle }, exact, key) })
  }
  return new Promise((resolve) => {
    const server = serve({ fetch: fetchHandler, hostname: "127.0.0.1", port: 0 }, ({ port }) =>
      resolve({
        url: `http://127.0.0.1:${port}`,
        close: () => new Promise((done) => server.close(() => done())),
      }),
    )
  })
}
