import { custom, type EIP1193RequestFn, http } from "viem"
import type { Hex } from "../../protocol/hex.ts"
import {
  comparedHeight,
  judgeNodes,
  type NodeAnswer,
  type NodeVerdict,
  type Tip,
  troubleWith,
} from "./nodes.ts"
import { reasonOf } from "./reason.ts"

/** What is asked of every node about one block, so that one that makes up the site's state stands out. */
export interface Witness {
  to: Hex
  data: Hex
}

interface Node {
  name: string
  request: EIP1193RequestFn
}

interface RpcBlock {
  number: Hex
  hash: Hex
  timestamp: Hex
}

/**
 * Several nodes of one chain, of which one at a time does the work: reads of different moments are not mixed.
 * `survey` asks all of them how things are and chooses; until the next survey the choice stands.
 */
export function connectNodes(urls: readonly string[], chainId: number, witness: Witness, timeoutMs: number) {
  const nodes = urls.map((url, i): Node => {
    const transport = http(url, { retryCount: 0, timeout: timeoutMs })({})
    return { name: nodeName(url, i, urls), request: transport.request as EIP1193RequestFn }
  })
  // Who fails at work goes to the end.
  const order = [...nodes]
  let good: Node[] = []
  let reached = 0n
  let verdicts: NodeVerdict[] = nodes.map(({ name }) => ({ name, state: "away", detail: "not asked yet" }))
  let surveying: Promise<Tip> | undefined

  async function ask(node: Node): Promise<NodeAnswer> {
    const { name } = node
    try {
      const chain = Number(await call<Hex>(node, "eth_chainId"))
      return {
        name,
        chainId: chain,
        tip: tipOf(await call<RpcBlock>(node, "eth_getBlockByNumber", ["latest", false])),
      }
    } catch (error) {
      return { name, failure: reasonOf(error) }
    }
  }

  async function compare(node: Node, answer: NodeAnswer, height: bigint): Promise<NodeAnswer> {
    if (answer.failure !== undefined || answer.chainId !== chainId) return answer
    const at = `0x${height.toString(16)}`
    try {
      const { hash } = tipOf(await call<RpcBlock>(node, "eth_getBlockByNumber", [at, false]))
      // A node that is pruned may not have the state any more; then it has no vote about it.
      const state = await call<Hex>(node, "eth_call", [witness, at]).catch(() => undefined)
      return { ...answer, hash, ...(state !== undefined && { state }) }
    } catch (error) {
      return { ...answer, failure: reasonOf(error) }
    }
  }

  async function survey(): Promise<Tip> {
    let answers = await Promise.all(nodes.map(ask))
    const height = comparedHeight(answers, chainId)
    if (height !== undefined)
      answers = await Promise.all(answers.map((answer, i) => compare(nodes[i]!, answer, height)))
    verdicts = judgeNodes(answers, chainId)
    good = order.filter((node) => verdicts[nodes.indexOf(node)]!.state === "good")
    const trouble = troubleWith(verdicts, chainId)
    if (trouble) throw new Error(trouble)
    const tip = (node: Node) => answers[nodes.indexOf(node)]!.tip!
    // One that is a little behind would show the past once more.
    const ahead = good.findIndex((node) => tip(node).number >= reached)
    if (ahead > 0) good.unshift(...good.splice(ahead, 1))
    reached = tip(good[0]!).number
    return tip(good[0]!)
  }

  function surveyOnce(): Promise<Tip> {
    surveying ??= survey().finally(() => {
      surveying = undefined
    })
    return surveying
  }

  async function request({ method, params }: { method: string; params?: unknown }): Promise<unknown> {
    if (good.length === 0) await surveyOnce()
    if (method === "eth_sendRawTransaction") return broadcast(params)
    const node = good[0]!
    try {
      return await call(node, method, params)
    } catch (error) {
      // What a contract answers is an answer; everything else speaks against the node.
      if (!isRevert(error)) order.push(...order.splice(order.indexOf(node), 1))
      throw error
    }
  }

  /** Every good node hears of a transaction; one that takes it is enough. */
  async function broadcast(params: unknown): Promise<unknown> {
    const sent = await Promise.allSettled(good.map((node) => call(node, "eth_sendRawTransaction", params)))
    const taken = sent.find((result) => result.status === "fulfilled")
    if (taken) return taken.value
    throw (sent[0] as PromiseRejectedResult).reason
  }

  return {
    transport: custom({ request }, { retryCount: 0 }),
    /** Asks all nodes and chooses. @returns the chosen one's last block. @throws where none can be relied on. */
    survey: surveyOnce,
    verdicts: (): readonly NodeVerdict[] => verdicts,
  }
}

async function call<T>({ request }: Node, method: string, params?: unknown): Promise<T> {
  const result = (await request({ method, params } as never)) as T
  if (result === undefined) throw new Error(`the answer to ${method} has neither result nor error`)
  return result
}

function tipOf(block: RpcBlock | null): Tip {
  if (!block?.hash) throw new Error("it shows no block")
  return { number: BigInt(block.number), hash: block.hash, time: Number(block.timestamp) }
}

function isRevert(error: unknown): boolean {
  for (let at = error as { code?: number; message?: string; cause?: unknown } | undefined; at; ) {
    if (at.code === 3 || /revert/i.test(at.message ?? "")) return true
    at = at.cause as typeof at
  }
  return false
}

/** A node's host and port; paths and log-in data are often a secret key. */
export function nodeName(url: string, i: number, all: readonly string[]): string {
  const { host } = new URL(url)
  const twin = all.some((other, j) => j !== i && new URL(other).host === host)
  return twin ? `${host} (${i + 1})` : host
}
