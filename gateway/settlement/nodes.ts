import type { Hex } from "../../protocol/hex.ts"

/** A block as a node shows it. */
export interface Tip {
  number: bigint
  hash: Hex
  /** Unix seconds. */
  time: number
}

/** What a node said when it was asked how things are. */
export interface NodeAnswer {
  /** The node's name for people: its address without what may be secret in it. */
  name: string
  /** Why it gave no usable answer. */
  failure?: string
  chainId?: number
  tip?: Tip
  /** What it says of the height at which all are compared; undefined where it does not know. */
  hash?: string
  /** What it says of the site's state at that height; undefined where it no longer has that state. */
  state?: string
}

export type NodeState = "good" | "away" | "other chain" | "disagrees" | "behind"

/** Whether a node can be relied on right now, and why not, in words. */
export interface NodeVerdict {
  name: string
  state: NodeState
  detail: string | undefined
}

/** A node whose last block is older than the others' by this is behind, seconds. */
const behindSeconds = 90
/** Nodes may differ for a moment about the last blocks; they are compared this far below. */
const comparedBelow = 3

/**
 * The height at which nodes of the right chain can be compared: one that all of them have.
 * @returns undefined where fewer than two answered.
 */
export function comparedHeight(answers: readonly NodeAnswer[], chainId: number): bigint | undefined {
  const heights = answers.flatMap((node) => (isOnChain(node, chainId) ? [Number(node.tip.number)] : []))
  if (heights.length < 2) return undefined
  return BigInt(Math.max(0, Math.min(...heights) - comparedBelow))
}

function isOnChain(node: NodeAnswer, chainId: number): node is NodeAnswer & { tip: Tip } {
  return node.failure === undefined && node.chainId === chainId && node.tip !== undefined
}

/**
 * Which nodes can be relied on: those of the configured chain that agree with more than half of the others about a
 * block that all of them have, and about the site's state in it, and that are not behind. Where no majority agrees,
 * none can be: one of two is wrong, and nobody can say which.
 */
export function judgeNodes(answers: readonly NodeAnswer[], chainId: number): NodeVerdict[] {
  const present = answers.filter((node) => isOnChain(node, chainId))
  const byHash = majority(present, ({ hash }) => hash)
  const agreed = majority(byHash, ({ state }) => state)
  const current = currentTime(agreed.map(({ tip }) => tip!.time))
  const alone = agreed.length === 0
  return answers.map((node): NodeVerdict => {
    const { name } = node
    const is = (state: NodeState, detail?: string): NodeVerdict => ({ name, state, detail })
    if (node.failure !== undefined) return is("away", node.failure)
    if (node.chainId !== chainId)
      return is("other chain", `on chain ${node.chainId}, the configuration says ${chainId}`)
    if (!agreed.includes(node)) {
      const others = alone ? "no majority agrees" : "most others say something else"
      const what = byHash.includes(node) ? `the site's state is ${short(node.state)}` : blockSaid(node)
      return is("disagrees", `says that ${what}, and ${others}`)
    }
    const late = current - node.tip!.time
    if (late > behindSeconds) return is("behind", `${late} s behind`)
    // Its last blocks would be compared with nobody's.
    if (-late > behindSeconds) return is("disagrees", `shows a block ${-late} s ahead of most others`)
    return is("good")
  })
}

/** What time the chain has: the newest of two, since a node that stands still is common; of more, the middle one. */
function currentTime(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted.length < 3 ? Math.max(...sorted) : sorted[Math.floor(sorted.length / 2)]!
}

const blockSaid = ({ hash }: NodeAnswer) => `the block's hash is ${short(hash)}`
const short = (text: string | undefined) => (text ? `${text.slice(0, 10)}…` : "unknown")

/** Those that say the same as more than half; who says nothing has no vote, and goes with the majority. */
function majority(nodes: readonly NodeAnswer[], said: (node: NodeAnswer) => string | undefined) {
  const votes = new Map<string, number>()
  for (const node of nodes) {
    const vote = said(node)
    if (vote !== undefined) votes.set(vote, (votes.get(vote) ?? 0) + 1)
  }
  if (votes.size < 2) return nodes
  const given = [...votes.values()].reduce((a, b) => a + b)
  const [winner] = [...votes].find(([, n]) => 2 * n > given) ?? []
  return winner === undefined ? [] : nodes.filter((node) => said(node) === undefined || said(node) === winner)
}

/** Why nothing can be done on the chain, or undefined where some node can be relied on. */
export function troubleWith(verdicts: readonly NodeVerdict[], chainId: number): string | undefined {
  if (verdicts.some(({ state }) => state === "good")) return undefined
  const each = verdicts.map(({ name, detail }) => `${name} ${detail}`).join("; ")
  if (verdicts.every(({ state }) => state === "away")) return `no node of the chain answers: ${each}`
  if (verdicts.some(({ state }) => state === "disagrees"))
    return `the nodes disagree about chain ${chainId}, and nothing is sent until most of them agree: ${each}`
  return `no node can be used, and nothing is sent: ${each}`
}
