import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import pino from "pino"
import t from "tap"
import { keccak256, parseTransaction, serializeTransaction } from "viem"
import type { Hex } from "../../protocol/hex.ts"
import { openJournal } from "../journal/journal.ts"
import type { Call, Chain } from "./chain.ts"
import type { Fees } from "./fees.ts"
import { createLane } from "./lane.ts"

const ceiling = 1000n
const oracle: Hex = `0x${"22".repeat(20)}`
const call: Call = { to: oracle, data: "0x01", gas: 21_000n }
const directory = mkdtempSync(join(tmpdir(), "commonwatt-lane-"))
let files = 0
t.teardown(() => rmSync(directory, { recursive: true }))

interface Sent extends Fees {
  hash: Hex
  nonce: number
  ours: boolean
}

/** A chain of which only one account's transactions matter, and a lane to it that can be started anew. */
function world() {
  const journal = openJournal(join(directory, `${++files}`), [])
  const mined: Sent[] = []
  const pool = new Map<Hex, Sent>()
  const signed: Sent[] = []
  const state = { baseFee: 10n, tip: 1n, now: 0, sendFails: false, forgets: false }
  const isDone = () => mined.some(({ ours }) => ours)
  const pending = () => {
    let nonce = mined.length
    while ([...pool.values()].some((one) => one.nonce === nonce)) nonce++
    return nonce
  }
  const chain = {
    account: `0x${"11".repeat(20)}`,
    nonces: async () => ({ mined: mined.length, pending: pending() }),
    price: async () => ({ baseFee: state.baseFee, tip: state.tip }),
    receipt: async (hash: Hex) =>
      mined.some((one) => one.hash === hash)
        ? { succeeded: true, gasUsed: 21_000n, paidWei: 210_000n }
        : undefined,
    async sign({ to, data, gas }: Call, nonce: number, fees: Fees) {
      const raw = serializeTransaction({ type: "eip1559", chainId: 1, to, data, gas, nonce, ...fees })
      const hash = keccak256(raw)
      signed.push({ hash, nonce, ours: true, ...fees })
      return { hash, raw }
    },
    async send(raw: Hex) {
      if (state.sendFails) throw new Error("the line is down")
      const { nonce = 0, maxFeePerGas = 0n, maxPriorityFeePerGas = 0n } = parseTransaction(raw)
      if (nonce < mined.length) throw new Error("nonce too low")
      const rival = [...pool.values()].find((one) => one.nonce === nonce)
      if (rival && 10n * maxFeePerGas < 11n * rival.maxFeePerGas) throw new Error("underpriced")
      if (rival) pool.delete(rival.hash)
      const hash = keccak256(raw)
      if (!state.forgets) pool.set(hash, { hash, nonce, ours: true, maxFeePerGas, maxPriorityFeePerGas })
    },
  } as unknown as Chain
  const log = pino({ level: "silent" })
  const newLane = () =>
    createLane({
      journal,
      chain,
      clock: { now: () => 1_800_000_000 + state.now, delayUntil: () => 0 },
      monotonic: () => state.now * 1000,
      ceiling,
      patience: { receiptMs: 0, replaceMs: 60_000 },
      log,
    })
  let lane = newLane()
  return {
    journal,
    state,
    signed,
    mined,
    pool,
    isDone,
    mine() {
      const next = [...pool.values()].find(
        (one) => one.nonce === mined.length && one.maxFeePerGas >= state.baseFee,
      )
      if (next) {
        pool.delete(next.hash)
        mined.push(next)
      }
    },
    /** Somebody else with the key sends something; it waits, or is in a block at once. */
    foreign(atOnce: boolean) {
      const nonce = atOnce ? mined.length : pending()
      const fees = { maxFeePerGas: 900n, maxPriorityFeePerGas: 1n }
      const sent: Sent = {
        hash: keccak256(`0x${(signed.length + nonce + 77).toString(16).padStart(8, "0")}`),
        nonce,
        ours: false,
        ...fees,
      }
      if (atOnce) {
        for (const one of pool.values()) if (one.nonce === nonce) pool.delete(one.hash)
        mined.push(sent)
      } else pool.set(sent.hash, sent)
    },
    reorganise(depth: number, keep: boolean) {
      for (const one of mined.splice(Math.max(0, mined.length - depth))) if (keep) pool.set(one.hash, one)
    },
    restart() {
      lane = newLane()
    },
    async work(kind: "propose" | "answer" = "propose") {
      if (isDone() && kind === "propose") return "done"
      return lane.transact(1n, kind, async () => call).catch((error: Error) => error.message)
    },
    waitsFor: () => lane.waitsFor(),
    close: () => journal.close(),
  }
}

t.test(
  "a transaction that nobody mines is replaced under its own nonce, an eighth dearer each time",
  async (t) => {
    const w = world()
    t.teardown(w.close)
    await w.work()
    w.state.baseFee = 30n
    await w.work()
    t.equal(w.signed.length, 1, "first it gets the time that the lane has")
    for (let i = 0; i < 3; i++) {
      w.state.now += 60
      await w.work()
    }
    t.same(
      w.signed.map(({ nonce }) => nonce),
      [0, 0, 0, 0],
    )
    w.mine()
    t.equal(w.isDone(), true)
  },
)

t.test("above the ceiling it waits, and says since when, what is asked and what it would cost", async (t) => {
  const w = world()
  t.teardown(w.close)
  w.state.baseFee = 5000n
  await w.work()
  w.state.now += 3600
  await w.work()
  t.same(w.signed, [])
  t.match(
    w.waitsFor(),
    /cheaper gas since 2027-01-15T08:00:00Z: 0\.000005001 gwei are asked.*the limit is 0\.000001 gwei.*propose batch 1 would cost about 0\.000000000105/,
  )
  w.state.baseFee = 10n
  await w.work()
  t.equal(w.signed.length, 1, "as soon as it is cheaper it goes on")
})

t.test(
  "a transaction that was sent before the price rose waits for it to fall, and is not replaced",
  async (t) => {
    const w = world()
    t.teardown(w.close)
    await w.work()
    w.state.baseFee = 5000n
    w.state.now += 600
    await w.work()
    t.equal(w.signed.length, 1)
    t.match(w.waitsFor(), /to be mined, and for cheaper gas since/)
  },
)

t.test("when somebody else's transaction takes the nonce, the next one is taken", async (t) => {
  const w = world()
  t.teardown(w.close)
  await w.work()
  w.foreign(true)
  await w.work()
  t.same(
    w.signed.map(({ nonce }) => nonce),
    [0, 1],
  )
  t.same(
    w.journal.batches.transactions(1n).map(({ outcome }) => outcome),
    ["lost", undefined],
  )
})

t.test("behind somebody else's transaction it waits its turn, and says so", async (t) => {
  const w = world()
  t.teardown(w.close)
  w.foreign(false)
  await w.work()
  w.state.now += 600
  await w.work()
  t.same(
    w.signed.map(({ nonce }) => nonce),
    [1],
  )
  t.match(w.waitsFor(), /an earlier nonce, which somebody else sent/)
  w.mine()
  w.mine()
  t.equal(w.isDone(), true)
})

t.test("when what was before it vanishes, it is made anew where the chain goes on", async (t) => {
  const w = world()
  t.teardown(w.close)
  w.foreign(false)
  await w.work()
  w.pool.clear()
  await w.work()
  w.mine()
  t.equal(w.isDone(), true)
  t.same(
    w.signed.map(({ nonce }) => nonce),
    [1, 0],
  )
})

t.test("what a reorganisation undid is sent again, the same bytes", async (t) => {
  const w = world()
  t.teardown(w.close)
  await w.work()
  w.mine()
  t.equal(await w.work(), "done")
  w.reorganise(1, false)
  w.restart()
  await w.work()
  w.mine()
  t.equal(w.isDone(), true)
  t.equal(w.signed.length, 1)
})

t.test("a statement that is doubted again after it was answered is answered again", async (t) => {
  const w = world()
  t.teardown(w.close)
  await w.work("answer")
  w.mine()
  await w.work("answer")
  w.mine()
  t.equal(w.mined.length, 2)
})

t.test("an answer, on which a stake depends, may cost ten times as much", async (t) => {
  const w = world()
  t.teardown(w.close)
  w.state.baseFee = 9000n
  await w.work("answer")
  t.equal(w.signed.length, 1)
  w.state.baseFee = 10_000n
  w.pool.clear()
  w.foreign(true)
  await w.work("answer")
  t.equal(w.signed.length, 1, "and no more")
})

const event = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ do: "work" as const }) },
  { weight: 3, arbitrary: fc.constant({ do: "mine" as const }) },
  fc.constant({ do: "restart" as const }),
  fc.record({ do: fc.constant("wait" as const), seconds: fc.integer({ min: 1, max: 200 }) }),
  fc.record({ do: fc.constant("price" as const), baseFee: fc.bigInt(1n, 2000n) }),
  fc.record({ do: fc.constant("line" as const), sendFails: fc.boolean(), forgets: fc.boolean() }),
  fc.record({ do: fc.constant("foreign" as const), atOnce: fc.boolean() }),
  fc.record({
    do: fc.constant("reorganise" as const),
    depth: fc.integer({ min: 1, max: 4 }),
    keep: fc.boolean(),
  }),
  fc.constant({ do: "forget the pool" as const }),
)

t.test("whatever happens on the way, it gets done, within the ceiling, one nonce at a time", async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 30 }), async (events) => {
      const w = world()
      for (const one of events) {
        if (one.do === "work") await w.work()
        else if (one.do === "mine") w.mine()
        else if (one.do === "restart") w.restart()
        else if (one.do === "wait") w.state.now += one.seconds
        else if (one.do === "price") w.state.baseFee = one.baseFee
        else if (one.do === "line") Object.assign(w.state, { sendFails: one.sendFails, forgets: one.forgets })
        else if (one.do === "foreign") w.foreign(one.atOnce)
        else if (one.do === "reorganise") w.reorganise(one.depth, one.keep)
        else w.pool.clear()
      }
      Object.assign(w.state, { baseFee: 10n, sendFails: false, forgets: false })
      for (let i = 0; i < 60 && !w.isDone(); i++) {
        await w.work()
        w.mine()
        w.state.now += 61
      }
      const { signed } = w
      const raised = signed.every((one, i) => {
        const before = signed.slice(0, i).filter(({ nonce }) => nonce === one.nonce)
        return before.every((b) => b.hash === one.hash || 8n * one.maxFeePerGas >= 9n * b.maxFeePerGas)
      })
      const calm = !events.some(({ do: what }) => what === "foreign" || what === "reorganise")
      const nonces = new Set(signed.map(({ nonce }) => nonce))
      w.close()
      return (
        w.isDone() &&
        raised &&
        signed.every(({ maxFeePerGas }) => maxFeePerGas <= ceiling) &&
        (!calm || (nonces.size === 1 && w.mined.filter(({ ours }) => ours).length === 1))
      )
    }),
    { numRuns: 60 },
  )
  t.pass("60 random lives of a lane")
})
