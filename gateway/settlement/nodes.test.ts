import fc from "fast-check"
import t from "tap"
import type { Hex } from "../../protocol/hex.ts"
import { comparedHeight, judgeNodes, type NodeAnswer, troubleWith } from "./nodes.ts"
import { nodeName } from "./rpc.ts"

const now = 1_800_000_000
const node = (
  name: string,
  over: Partial<NodeAnswer> & { number?: bigint; time?: number } = {},
): NodeAnswer => {
  const { number = 100n, time = now, ...rest } = over
  return {
    name,
    chainId: 1,
    tip: { number, hash: `0x${number}` as Hex, time },
    hash: "0xaa",
    state: "0x01",
    ...rest,
  }
}
const states = (...answers: NodeAnswer[]) => judgeNodes(answers, 1).map(({ state }) => state)

t.test("nodes that agree are all good, also when one is a few blocks ahead", async (t) => {
  t.same(states(node("a"), node("b", { number: 102n, time: now + 24 })), ["good", "good"])
})

t.test("one that is alone is believed: there is nobody to ask", async (t) => {
  t.same(states(node("a")), ["good"])
  t.same(states(node("a"), { name: "b", failure: "connection refused" }), ["good", "away"])
})

t.test("a node of another chain is never used, also when most are", async (t) => {
  t.same(states(node("a", { chainId: 5 }), node("b"), node("c", { chainId: 5 })), [
    "other chain",
    "good",
    "other chain",
  ])
  const all = judgeNodes([node("a", { chainId: 5 })], 1)
  t.match(troubleWith(all, 1), /a on chain 5, the configuration says 1/)
})

t.test("of three, the one that has another block, or another state of the site, is left out", async (t) => {
  t.same(states(node("a", { hash: "0xbb" }), node("b"), node("c")), ["disagrees", "good", "good"])
  t.same(states(node("a"), node("b", { state: "0x07" }), node("c")), ["good", "disagrees", "good"])
})

t.test("of two that disagree none is used, and both are named", async (t) => {
  const verdicts = judgeNodes([node("a"), node("b", { hash: "0xbb" })], 1)
  t.same(
    verdicts.map(({ state }) => state),
    ["disagrees", "disagrees"],
  )
  t.match(troubleWith(verdicts, 1), /disagree about chain 1.*nothing is sent.*a says.*b says/)
})

t.test("a node that stands still is left out, and one without the old state has no vote", async (t) => {
  t.same(states(node("a", { time: now - 91 }), node("b")), ["behind", "good"])
  const { state: _, ...pruned } = node("a")
  t.same(states(pruned, node("b")), ["good", "good"])
})

t.test(
  "of three, one that runs ahead alone is left out: its last blocks are compared with nobody's",
  async (t) => {
    const ahead = node("a", { number: 1_000_000n, time: now + 3600 })
    t.same(states(ahead, node("b"), node("c")), ["disagrees", "good", "good"])
    t.same(states(ahead, node("b")), ["good", "behind"], "of two, the newer is believed")
  },
)

t.test("when none answers, it is said of each why", async (t) => {
  const verdicts = judgeNodes(
    [
      { name: "a", failure: "no route" },
      { name: "b", failure: "time-out" },
    ],
    1,
  )
  t.equal(troubleWith(verdicts, 1), "no node of the chain answers: a no route; b time-out")
})

t.test("nodes are compared at a height that all have", async (t) => {
  t.equal(comparedHeight([node("a"), node("b", { number: 90n })], 1), 87n)
  t.equal(comparedHeight([node("a", { number: 2n }), node("b")], 1), 0n)
  t.equal(comparedHeight([node("a"), node("b", { chainId: 2 })], 1), undefined)
})

t.test("a minority that lies together is never used", async () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.nat(3), fc.boolean(), (liars, more, aboutState) => {
      const honest = Array.from({ length: liars + 1 + more }, (_, i) => node(`honest ${i}`))
      const lie = aboutState ? { state: "0x99" } : { hash: "0xcc" }
      const lying = Array.from({ length: liars }, (_, i) => node(`liar ${i}`, lie))
      return judgeNodes([...lying, ...honest], 1).every(({ name, state }) =>
        name.startsWith("liar") ? state === "disagrees" : state === "good",
      )
    }),
  )
})

t.test("a node is named without what may be a secret in its address", async (t) => {
  const urls = [
    "https://user:secret@one.example/v3/KEY",
    "https://two.example/KEY1",
    "https://two.example/KEY2",
  ]
  t.same(
    urls.map((url, i) => nodeName(url, i, urls)),
    ["one.example", "two.example (2)", "two.example (3)"],
  )
})
