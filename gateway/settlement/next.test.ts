import fc from "fast-check"
import t from "tap"
import type { BatchState } from "../journal/batches.ts"
import { type Facts, nextStep } from "./next.ts"

const facts = (over: Partial<Facts> = {}): Facts => ({
  head: 3n,
  root: "0xaa",
  status: "valid",
  own: { state: "accepted", root: "0xaa" },
  paidStands: true,
  next: undefined,
  ...over,
})
const todo = (over: Partial<Facts>) => nextStep(facts(over)).do

t.test("the first batch is built, and proposed when it is there", async (t) => {
  t.equal(todo({ head: 0n, own: undefined }), "build")
  t.equal(todo({ head: 0n, own: undefined, next: { state: "built" } }), "propose")
})

t.test("a proposal of ours is followed until it is settled", async (t) => {
  for (const state of ["built", "attested", "submitted", "mined", "accepted"] as const)
    for (const status of ["pending", "valid"] as const)
      t.equal(todo({ own: { state, root: "0xaa" }, status }), "follow", `${state}, ${status}`)
  t.equal(todo({ own: { state: "settled", root: "0xaa" } }), "build")
})

t.test("a batch whose number another took, or that was cancelled, is superseded once", async (t) => {
  t.same(nextStep(facts({ root: "0xbb" })), { do: "supersede", why: "another proposal took its number" })
  t.same(nextStep(facts({ status: "cancelled" })), { do: "supersede", why: "cancelled on chain" })
  t.equal(todo({ root: "0xbb", own: { state: "superseded", root: "0xaa" } }), "build")
})

t.test("a proposal that vanished is proposed again, however far it had come", async (t) => {
  for (const state of ["submitted", "mined", "accepted", "settled", "superseded"] as const)
    t.equal(todo({ head: 0n, own: undefined, next: { state } }), "propose", state)
})

t.test("one that is back on chain after it was superseded is followed", async (t) => {
  t.equal(todo({ own: { state: "superseded", root: "0xaa" } }), "follow")
})

t.test("what was settled on a branch that the chain left is opened again", async (t) => {
  t.equal(todo({ own: { state: "settled", root: "0xaa" }, paidStands: false }), "reopen")
})

t.test("what is settled stays settled when a new oracle takes over with its numbers", async (t) => {
  t.equal(todo({ own: { state: "settled", root: "0xaa" }, root: "0x00", status: "cancelled" }), "build")
})

t.test("with a number on chain that the journal does not know, nothing is done", async (t) => {
  t.equal(todo({ own: undefined }), "stop")
})

t.test("whatever the journal believes, only what the chain shows as ours and valid is followed", async () => {
  const state = fc.constantFrom<BatchState>(
    ...(["built", "attested", "submitted", "mined", "accepted", "settled", "superseded"] as const),
  )
  const some = fc.record({
    head: fc.bigInt(0n, 2n),
    root: fc.constantFrom("0xaa", "0xbb"),
    status: fc.constantFrom("pending", "valid", "cancelled") as fc.Arbitrary<Facts["status"]>,
    own: fc.option(fc.record({ state, root: fc.constantFrom("0xaa" as const, "0xbb" as const) }), {
      nil: undefined,
    }),
    paidStands: fc.boolean(),
    next: fc.option(fc.record({ state }), { nil: undefined }),
  })
  fc.assert(
    fc.property(some, (made) => {
      const { do: step } = nextStep(made)
      if (step === "follow") return made.own?.root === made.root && made.status !== "cancelled"
      if (step === "propose") return made.next !== undefined
      if (step === "build") return made.next === undefined
      return made.head > 0n
    }),
  )
})
