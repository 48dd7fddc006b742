import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

/** A question to a node, and what the real one answers. */
export interface Question {
  method: string
  params: unknown[]
  ask(): Promise<{ result?: unknown; error?: unknown }>
}

/** What becomes of a question: an answer, or nothing at all, and the line is cut. */
export type Behaviour = (question: Question) => Promise<{ result?: unknown; error?: unknown } | undefined>

export const honest: Behaviour = ({ ask }) => ask()
export const dead: Behaviour = async () => undefined

/** A node in front of a real one that behaves as the test wants it to. */
export async function startNodeProxy(target: string) {
  const proxy = { url: "", behaviour: honest, close: async () => {} }
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const body = Buffer.concat(parts)
    const { id, method, params } = JSON.parse(body.toString()) as {
      id: number
      method: string
      params: unknown[]
    }
    const ask = async () => {
      const real = await fetch(target, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      })
      const { result, error } = (await real.json()) as { result?: unknown; error?: unknown }
      return error === undefined ? { result } : { error }
    }
    const said = await proxy.behaviour({ method, params: params ?? [], ask })
    if (!said) return void response.destroy()
    response.setHeader("content-type", "application/json")
    response.end(JSON.stringify({ jsonrpc: "2.0", id, ...said }))
  }
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready))
  proxy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  proxy.close = () =>
    new Promise((done) => {
      server.close(() => done())
      server.closeAllConnections()
    })
  return proxy
}

export type NodeProxy = Awaited<ReturnType<typeof startNodeProxy>>

/**
 * Drops, doubles, spoils and reorders, in a way that a seed repeats. Reordering holds an answer back until a later
 * question was answered; `patience` many questions may be held, so that none waits for ever.
 */
export function chaotic(seed: number): Behaviour {
  let state = seed
  const dice = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  let held: (() => void) | undefined
  return async ({ ask }) => {
    const roll = dice()
    if (roll < 0.06) return undefined
    if (roll < 0.09) {
      await ask()
      return undefined
    }
    if (roll < 0.11) return {}
    if (roll < 0.13) return { error: { code: -32_005, message: "limit exceeded" } }
    if (roll < 0.15) await ask()
    const said = await ask()
    const before = held
    held = undefined
    if (roll < 0.3 && !before)
      await new Promise<void>((release) => {
        held = release
        // With nothing after it there is no order to change.
        setTimeout(release, 20)
      })
    before?.()
    return said
  }
}
