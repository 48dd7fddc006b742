import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import pino from "pino"
import t, { type Test } from "tap"
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts"
import { openJournal } from "../gateway/journal/journal.ts"
import type { RelayStore } from "../gateway/journal/relays.ts"
import { connectRelayChain, type RelayChain } from "../gateway/relay/chain.ts"
import type { Submission } from "../gateway/relay/judge.ts"
import { createRelay, type Relay } from "../gateway/relay/relay.ts"
import type { Hex } from "../protocol/hex.ts"
import { neighbour, startTokenChain } from "./token-chain.ts"

const community = await startTokenChain()
t.teardown(() => community.stop())
const { client, at, balanceOf } = community

/** A relay with a paying account and a journal of its own; `start` makes another over the same journal, as a restart does. */
async function startRelay(t: Test, over: { maxFeeGwei?: number; perDay?: number } = {}) {
  const directory = mkdtempSync(join(tmpdir(), "commonwatt-relay-"))
  const keyFile = join(directory, "relay.key")
  const key = generatePrivateKey()
  writeFileSync(keyFile, key)
  const payer = privateKeyToAccount(key).address
  await client.setBalance({ address: payer, value: 10n ** 18n })
  const journal = openJournal(directory, [])
  t.teardown(() => {
    journal.close()
    rmSync(directory, { recursive: true })
  })
  const real = connectRelayChain({ rpc: community.rpc, ...at }, keyFile)
  let time = await community.now()
  const settings = { perDay: 5, allPerDay: 50, confirmations: 3, ...over }
  const start = (chain: RelayChain = real): Relay =>
    createRelay({ journal, chain, at, settings, now: () => time, log: pino({ level: "silent" }) })
  const relay = start()
  await relay.advance()
  return {
    relay,
    relays: journal.relays,
    real,
    payer,
    start,
    pass: (seconds: number) => {
      time += seconds
    },
  }
}

/** Lets the relay work until an intent is done or failed: a node may take its time to mine. */
async function carry(relay: Relay, relays: RelayStore, id: bigint): Promise<void> {
  for (let i = 0; i < 600; i++) {
    await relay.advance()
    const { state } = relays.get(id)!
    if (state === "failed" || state === "done") return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** A chain to which the line is down. */
const away = new Proxy({} as RelayChain, {
  get: (_, name) => (name === "address" ? neighbour : () => Promise.reject(new Error("the line is down"))),
})

async function taken(relay: Relay, { address }: { address: Hex }, submission: Submission) {
  const entry = await relay.submit(address, submission, await balanceOf(address))
  if ("refused" in entry) throw new Error(entry.detail)
  return entry
}

t.test("what a household signs is carried once, however often it is handed in", async (t) => {
  const { relay, relays } = await startRelay(t)
  const home = await community.household()
  const before = await balanceOf(neighbour)
  const signed = await home.send()
  const { id } = await taken(relay, home, signed)
  t.equal((await taken(relay, home, signed)).id, id)
  await carry(relay, relays, id)
  t.equal((await taken(relay, home, signed)).id, id)
  await relay.advance()
  t.equal(relays.get(id)?.state, "done")
  t.equal(await balanceOf(neighbour), before + 1_000n)
  t.equal(await balanceOf(home.address), 4_000n)
  t.equal(await client.getBalance({ address: home.address }), 0n, "and the household needed no gas")
  await client.mine({ blocks: 3 })
  await relay.advance()
  t.equal(relays.get(id)?.final, true)
})

t.test("a retirement leaves a certificate that its contract drew", async (t) => {
  const { relay, relays } = await startRelay(t)
  const home = await community.household()
  const { id } = await taken(relay, home, await home.retire(1_234n))
  await carry(relay, relays, id)
  await relay.advance()
  const { state, number, picture } = relays.get(id)!
  t.equal(state, "done")
  t.ok(number && number > 0n)
  t.match(picture, /<svg .*1\.234 kWh/)
})

t.test("while the chain is away intents wait, and say so; then they are carried", async (t) => {
  const { relay, relays, start } = await startRelay(t)
  const home = await community.household()
  const offline = start(away)
  const { id, state } = await taken(offline, home, await home.send())
  t.equal(state, "queued")
  await offline.advance()
  t.match(offline.status, { waits: "chain away", detail: /the line is down/ })
  t.equal(relays.get(id)?.state, "queued")
  await carry(relay, relays, id)
  t.equal(relays.get(id)?.state, "done")
  t.equal(relay.status.waits, undefined)
})

t.test("an intent that waited too long is void, and nothing was sent", async (t) => {
  const { relay, relays, start, pass } = await startRelay(t)
  const home = await community.household()
  const { id } = await taken(start(away), home, await home.send())
  pass(90_000)
  await relay.advance()
  t.match(relays.get(id), { state: "failed", reason: "expired" })
  t.same(relays.transactions(id), [])
})

t.test("whatever line breaks, and whenever the program ends, an intent is carried once", async (t) => {
  const home = await community.household()
  const { relays, real, start } = await startRelay(t, { perDay: 100 })
  const calls = ["used", "nonce", "sign", "send", "receipt"] as const
  for (const name of calls)
    for (const moment of ["before", "after"] as const) {
      const before = await balanceOf(neighbour)
      const signed = await home.send({ wh: 10n })
      const breaking = new Proxy(real, {
        get(chain, asked) {
          const call = chain[asked as keyof RelayChain]
          if (asked !== name) return call
          return async (...args: never[]) => {
            if (moment === "after") await (call as (...args: never[]) => Promise<unknown>)(...args)
            throw new Error("the line breaks")
          }
        },
      })
      const { id } = await taken(start(away), home, signed)
      await start(breaking).advance()
      await carry(start(), relays, id)
      t.equal(relays.get(id)?.state, "done", `${moment} ${name}`)
      t.equal(await balanceOf(neighbour), before + 10n, `${moment} ${name}`)
      t.equal(relays.transactions(id).length, 1, `${moment} ${name}: one transaction`)
    }
})

t.test("what another transaction carried already is not carried again", async (t) => {
  const { relay, relays, start } = await startRelay(t)
  const other = await startRelay(t)
  const home = await community.household()
  const signed = await home.send()
  const { id } = await taken(start(away), home, signed)
  await carry(other.relay, other.relays, (await taken(other.relay, home, signed)).id)
  await relay.advance()
  t.match(relays.get(id), { state: "failed", reason: "used" })
  t.equal(await balanceOf(home.address), 4_000n)
})

t.test("what the contract refuses by then fails with its reason and costs no gas", async (t) => {
  const { relay, relays, start, payer } = await startRelay(t)
  const home = await community.household(1_500n)
  const { id } = await taken(start(away), home, await home.send())
  const other = await startRelay(t)
  await carry(other.relay, other.relays, (await taken(other.relay, home, await home.send())).id)
  const money = await client.getBalance({ address: payer })
  await relay.advance()
  t.match(relays.get(id), { state: "failed", reason: "balance", detail: /ERC20InsufficientBalance/ })
  t.equal(await client.getBalance({ address: payer }), money)
})

t.test("what the contract refuses at once is not taken", async (t) => {
  const { relay, relays } = await startRelay(t)
  const home = await community.household(500n)
  t.match(await relay.submit(home.address, await home.send(), undefined), { refused: "balance" })
  t.same(relays.of(home.address, 9), [])
})

t.test("a stuck transaction is replaced by one that offers more, in its own place", async (t) => {
  const { relay, relays, pass } = await startRelay(t)
  const home = await community.household()
  const { id } = await taken(relay, home, await home.send())
  await client.setAutomine(false)
  try {
    await relay.advance()
    t.equal(relays.get(id)?.state, "sent")
    await client.setNextBlockBaseFeePerGas({ baseFeePerGas: 50_000_000_000n })
    await client.mine({ blocks: 1 })
    await relay.advance()
    t.equal(relays.get(id)?.state, "sent", "nobody mined it")
    t.equal(relays.transactions(id).length, 1, "and it is given its time")
    pass(60)
    await relay.advance()
    const [first, second] = relays.transactions(id)
    t.equal(second?.nonce, first?.nonce)
    t.ok(second!.maxFeePerGas * 8n >= first!.maxFeePerGas * 9n)
    await client.mine({ blocks: 1 })
    await carry(relay, relays, id)
    t.match(relays.get(id), { state: "done", transaction: second?.hash })
  } finally {
    await client.setAutomine(true)
    await client.setNextBlockBaseFeePerGas({ baseFeePerGas: 1_000_000_000n })
    await client.mine({ blocks: 1 })
  }
})

t.test(
  "gas that costs more than the limit, or an empty account, makes intents wait and says so",
  async (t) => {
    const dear = await startRelay(t, { maxFeeGwei: 0.000_001 })
    const home = await community.household()
    const { id } = await taken(dear.relay, home, await home.send())
    await dear.relay.advance()
    t.equal(dear.relay.status.waits, "gas price")
    t.equal(dear.relays.get(id)?.state, "queued")

    const poor = await startRelay(t)
    await client.setBalance({ address: poor.payer, value: 0n })
    await taken(poor.relay, home, await home.send())
    await poor.relay.advance()
    t.equal(poor.relay.status.waits, "gas money")
  },
)

t.test("the relay never shares the site's account: it would hold up batches", async (t) => {
  const directory = t.testdir({ "a.key": `0x${"11".repeat(32)}`, "b.key": `0x${"22".repeat(32)}` })
  const connect = (site: string) =>
    connectRelayChain({ rpc: community.rpc, ...at }, join(directory, "a.key"), join(directory, site))
  t.throws(() => connect("a.key"), { name: "PersonError", message: /account of its own/ })
  t.ok(connect("b.key"))
})

t.test("an intent whose block the chain dropped is carried again", async (t) => {
  const { relay, relays } = await startRelay(t)
  const home = await community.household()
  const { id } = await taken(relay, home, await home.send())
  const snapshot = await client.snapshot()
  await carry(relay, relays, id)
  t.equal(relays.get(id)?.state, "done")
  await client.revert({ id: snapshot })
  await client.mine({ blocks: 1 })
  await relay.advance()
  await carry(relay, relays, id)
  t.equal(relays.get(id)?.state, "done")
  t.equal(await balanceOf(home.address), 4_000n)
})
