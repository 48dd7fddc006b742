import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { parseTransaction } from "viem"
import { privateKeyToAccount } from "viem/accounts"
import { audit } from "../audit/audit.ts"
import { evidenceFrom } from "../audit/evidence-source.ts"
import { connect } from "../audit/history.ts"
import { stakesAbi } from "../contracts/generated/stakes.ts"
import { accounts } from "../demo/plan.ts"
import { createIntake } from "../gateway/intake.ts"
import { openJournal } from "../gateway/journal/journal.ts"
import { connectChain } from "../gateway/settlement/chain.ts"
import type { Settlement } from "../gateway/settlement/settlement.ts"
import { connectOperator, mined } from "../provisioning/operator.ts"
import { startTestChain } from "./chain.ts"
import { hour, start, startCommunity } from "./community.ts"
import { chaotic, dead, startNodeProxy } from "./node-proxy.ts"
import { serveYesSayer } from "./yes-sayer.ts"

const chain = await startTestChain()
const community = await startCommunity(chain, { homes: 1, validators: 1, threshold: 1 })
const { journal, config, site } = community
const { batches } = journal
t.teardown(async () => {
  await community.stop()
  await chain.stop()
})

let now = start
/** The meters report one hour more; 1000 Wh are made in it. */
async function anotherHour(): Promise<void> {
  await community.report(now === start ? start : now + 900, now + hour)
  now += hour
}
const supply = () => community.chain.totalSupply()
const everything = () => BigInt((now - start) / hour) * 1000n
const head = async () => (await community.chain.head(site)).number
/** It looks at the chain, and does not wait there. */
const hasty = { receiptMs: 0, replaceMs: 0, graceMs: 0, behindMs: 0 }
const withPatience = (over: object) => ({ patience: { ...hasty, ...over } })

async function until(settlement: Settlement, done: () => boolean | Promise<boolean>, each = async () => {}) {
  for (let i = 0; i < 400; i++) {
    await settlement.advance()
    if (await done()) return
    await each()
  }
  throw new Error(`it does not come to that: ${settlement.status.problem ?? settlement.status.doing}`)
}

t.test("a transaction that nobody mines is replaced under its nonce, and one of them counts", async (t) => {
  await anotherHour()
  await chain.client.setAutomine(false)
  const settlement = community.settlement(withPatience({}))
  for (let i = 0; i < 3; i++) await settlement.advance()
  t.match(settlement.status, { state: "submitted", batch: 1, problem: undefined })
  t.match(settlement.status.doing, /proposing batch 1 .*waiting for transaction 0x\w{64} to be mined/)
  await chain.client.setAutomine(true)
  await chain.client.mine({ blocks: 1 })
  await community.settle()
  const sent = batches.transactions(1n).filter(({ kind }) => kind === "propose")
  const fees = sent.map(({ raw }) => parseTransaction(raw))
  t.equal(sent.length, 3)
  t.equal(new Set(fees.map(({ nonce }) => nonce)).size, 1, "one nonce")
  for (const [i, { maxFeePerGas, maxPriorityFeePerGas }] of fees.slice(1).entries()) {
    t.ok(8n * maxFeePerGas! >= 9n * fees[i]!.maxFeePerGas!)
    t.ok(8n * maxPriorityFeePerGas! >= 9n * fees[i]!.maxPriorityFeePerGas!)
  }
  t.same(sent.map(({ outcome }) => outcome).sort(), ["lost", "lost", "mined"])
  t.equal(await supply(), everything())
  t.same(
    batches.history(1n).map(({ state }) => state),
    ["built", "attested", "submitted", "accepted", "settled"],
  )
})

t.test(
  "above the limit for gas nothing is sent, and it is said what it would cost and since when",
  async (t) => {
    await anotherHour()
    const poor = { ...config, chain: { ...config.chain, maxFeeGwei: 0.000000001 } }
    const settlement = community.settlement({ config: poor })
    await settlement.advance()
    t.match(settlement.status, { state: "attested", problem: undefined })
    t.match(
      settlement.status.doing,
      /waiting for cheaper gas since 2026-.*Z: [\d.]+ gwei are asked for a unit, the limit is 0\.000000001 gwei, and to propose batch 2 would cost about 0\.000/,
    )
    t.same(batches.transactions(2n), [])
    await community.settle()
    t.equal(await supply(), everything())
  },
)

t.test("another transaction of the account takes the nonce, and it makes no difference", async (t) => {
  await anotherHour()
  const account = privateKeyToAccount(accounts.gateway.key)
  const fees = { maxFeePerGas: 10n ** 12n, maxPriorityFeePerGas: 10n ** 11n, gas: 21_000n, chain: null }
  await chain.client.setAutomine(false)
  const settlement = community.settlement(withPatience({ replaceMs: 60_000 }))
  await settlement.advance()
  const [ours] = batches.openTransactions()
  const nonce = parseTransaction(ours!.raw).nonce!
  await chain.client.sendTransaction({ account, to: account.address, value: 1n, nonce, ...fees })
  await chain.client.mine({ blocks: 1 })
  await chain.client.setAutomine(true)
  await settlement.advance()
  t.equal(batches.transactions(3n)[0]?.outcome, "lost")
  await community.settle()
  t.equal(parseTransaction(batches.transactions(3n)[1]!.raw).nonce, nonce + 1)
  t.equal(await supply(), everything())
})

t.test("what is not deep enough in the chain does not count yet", async (t) => {
  await anotherHour()
  const careful = { ...config, chain: { ...config.chain, confirmations: 4 } }
  const settlement = community.settlement({ config: careful })
  await settlement.advance()
  await chain.pass(61)
  await settlement.advance()
  t.match(settlement.status, { state: "mined", batch: 4 })
  t.match(settlement.status.doing, /is on chain and waits for 2 more block\(s\)/)
  const states = new Set<string>()
  await until(
    settlement,
    () => states.add(settlement.status.state).has("collected"),
    () => chain.pass(1),
  )
  t.ok(states.has("accepted"), "accepted, and paid not deep enough")
  t.equal(await supply(), everything())
})

t.test("reorganisations", async (t) => {
  const goBackBefore = async (what: "proposed" | "paid", number: bigint) => {
    const tip = await community.chain.tip()
    const depth = Number(tip.number - batches.sighting(number, what)!.block) + 1
    await chain.client.request({ method: "anvil_reorg", params: [depth, []] } as never)
  }

  t.test("a proposal that vanishes is proposed again", async (t) => {
    await anotherHour()
    await community.settlement().advance()
    t.equal(await head(), 5n)
    await goBackBefore("proposed", 5n)
    t.equal(await head(), 4n)
    await community.settle()
    t.equal(await supply(), everything())
    t.match(batches.history(5n), [
      {},
      {},
      {},
      {},
      { state: "built", note: /left the branch/ },
      {},
      {},
      {},
      {},
    ])
  })

  t.test("mints that vanish after they were settled are made again", async (t) => {
    await anotherHour()
    await community.settle()
    await goBackBefore("paid", 6n)
    t.equal(await supply(), everything() - 1000n)
    await community.settle()
    t.equal(await supply(), everything())
    t.match(
      batches.history(6n).map(({ state }) => state),
      ["built", "attested", "submitted", "accepted", "settled", "accepted", "settled"],
    )
  })

  t.test("two settled batches that vanish both come back, in their order", async (t) => {
    await anotherHour()
    await community.settle()
    await goBackBefore("proposed", 6n)
    t.equal(await head(), 5n)
    await community.settle()
    t.equal(await head(), 7n)
    t.equal(await supply(), everything())
  })
})

t.test("through three nodes, one that fails and one that lies, everything is minted once", async (t) => {
  const [failing, lying, good] = await Promise.all([1, 2, 3].map(() => startNodeProxy(chain.rpc)))
  const all = [failing!, lying!, good!]
  t.teardown(() => Promise.all(all.map((node) => node.close())))
  const nodes = { ...config.chain, site, rpc: all.map(({ url }) => url), timeoutMs: 5000 }
  const chaos = chaotic(7)
  let dropped = 0
  failing!.behaviour = (question) => (dropped++ === 0 ? dead(question) : chaos(question))
  // It says that nothing was ever proposed.
  lying!.behaviour = async ({ method, ask }) =>
    method === "eth_call" ? { result: `0x${"00".repeat(128)}` } : ask()
  await anotherHour()
  const settlement = community.settlement({
    chain: connectChain(nodes),
    ...withPatience({ replaceMs: 60_000 }),
  })
  const verdicts = new Set<string>()
  const done = () => {
    for (const { name, state } of settlement.status.nodes) verdicts.add(`${name} ${state}`)
    return settlement.status.state === "collected" && settlement.status.settledUpTo === now
  }
  await until(settlement, done, () => chain.pass(20))
  t.equal(await supply(), everything())
  const nameOf = ({ url }: { url: string }) => new URL(url).host
  t.ok(verdicts.has(`${nameOf(lying!)} disagrees`))
  t.ok(verdicts.has(`${nameOf(failing!)} away`))

  await anotherHour()
  failing!.behaviour = async ({ method, ask }) => (method === "eth_chainId" ? { result: "0x1" } : ask())
  good!.behaviour = async ({ method, params, ask }) => {
    const said = await ask()
    const isOld = method === "eth_getBlockByNumber" && params[0] !== "latest"
    return isOld ? { result: { ...(said.result as object), hash: `0x${"99".repeat(32)}` } } : said
  }
  lying!.behaviour = ({ ask }) => ask()
  const before = await head()
  await settlement.advance()
  t.match(
    settlement.status.problem,
    /nodes disagree about chain 31337, and nothing is sent.*on chain 1, the configuration says/,
  )
  t.equal(await head(), before, "one against one: nobody knows who is right")
  for (const node of all) node.behaviour = ({ ask }) => ask()
  await community.settle(settlement)
  t.equal(await supply(), everything())
})

t.test("17 homes without a node for thirty days are settled by one proposal of the usual size", async (t) => {
  const alone = { validators: 1, threshold: 1, intervalSeconds: hour }
  const village = await startCommunity(chain, { homes: 17, ...alone })
  t.teardown(() => village.stop())
  const node = await startNodeProxy(chain.rpc)
  t.teardown(() => node.close())
  const energy = energyOf17Homes()
  const registers = Array.from({ length: 17 }, () => ({ generatedWh: 0n, importedWh: 0n, exportedWh: 0n }))
  const quarter = 6 * hour
  let time = start
  const report = async () => {
    time += quarter
    village.setTime(time)
    for (const [home, { made, used }] of energy.next().value!.entries()) {
      registers[home]!.generatedWh += made
      if (made > used) registers[home]!.exportedWh += made - used
      else registers[home]!.importedWh += used - made
    }
    const readings = village.meters.map((meter) => {
      const { generatedWh, ...grid } = registers[meter.home]!
      const bytes = village.sign(meter, time, meter.measures === "grid" ? grid : { generatedWh })
      return village.intake.submit({ source: "test", bytes })
    })
    for (const outcome of await Promise.all(readings))
      if (outcome.kind !== "authentic" || !outcome.verdict.accepted) throw new Error(JSON.stringify(outcome))
  }
  const everyWh = () => registers.reduce((sum, { generatedWh }) => sum + generatedWh, 0n)
  const rpc = [node.url]
  const settlement = village.settlement({
    chain: connectChain({ ...village.config.chain, site: village.site, rpc }),
  })
  await report()
  await report()
  await village.settle(settlement)
  await report()
  await settlement.advance()
  t.equal(settlement.status.state, "accepted", "the line goes when a batch is on its way")
  node.behaviour = dead
  await report()
  const since = new Date(time * 1000).toISOString().slice(0, 13)
  for (let day = 0; day < 30; day++) {
    await settlement.advance()
    t.match(settlement.status.problem, new RegExp(`no node of the chain answers.*since ${since}`))
    for (let i = 0; i < 4; i++) await report()
  }
  node.behaviour = ({ ask }) => ask()
  await chain.pass(61)
  const isSettled = () => settlement.status.settledUpTo === time
  // However long the validator takes for a month.
  await until(settlement, isSettled, () => chain.pass(61))
  t.equal(await village.chain.totalSupply(), everyWh())
  t.equal((await village.chain.head(village.site)).number, 3n, "the one on its way, and one for the month")
  const sent = village.journal.batches.transactions
  const callOf = (number: bigint) =>
    parseTransaction(sent(number).find(({ kind }) => kind === "propose")!.raw)
  t.equal(callOf(3n).data!.length, callOf(1n).data!.length)
  const { ok, auditedWh } = await audit({
    client: connect(chain.rpc),
    oracle: village.deployment.oracle,
    evidence: evidenceFrom(village.evidenceUrl),
    identities: [village.auditor.identity],
    progress: () => {},
  })
  t.equal(ok, true)
  t.equal(auditedWh, everyWh())
})

t.test("two gateways of one site", async (t) => {
  const other = openJournal(join(community.directory, "twin"), config.meters)
  t.teardown(() => other.close())
  const intake = createIntake(config.meters, other, config.rules, { now: () => now, delayUntil: () => 0 })
  const tell = async () => {
    for (const { key } of config.meters)
      for (const { bytes } of journal.readings.after(key.meterId, 0n))
        await intake.submit({ source: "twin", bytes })
  }
  const twin = { config: { ...config, dataDir: join(community.directory, "twin") }, journal: other }

  t.test("a copy of a gateway that runs beside it mints nothing twice, with one key for both", async (t) => {
    await anotherHour()
    const first = community.settlement(withPatience({ replaceMs: 60_000 }))
    const second = community.settlement(withPatience({ replaceMs: 60_000 }))
    for (let i = 0; i < 8; i++) {
      await Promise.all([first.advance(), second.advance()])
      await chain.pass(20)
    }
    await community.settle()
    t.equal(await supply(), everything())
  })

  t.test("one with a journal of its own stands aside where another was faster", async (t) => {
    await tell()
    await anotherHour()
    const before = await head()
    const standingAside = community.settlement(twin)
    await standingAside.advance()
    t.match(standingAside.status.problem, /another gateway, or a lost journal/)
    t.equal(await head(), before)
    await community.settle()
    t.equal(await supply(), everything())
  })
})

t.test("a validator that signs for two gateways with one number pays for it", async (t) => {
  const liar = await serveYesSayer(accounts.validators[0]!.key)
  t.teardown(() => liar.close())
  const lonely = await startCommunity(chain, { homes: 1, validators: 1, threshold: 1 })
  t.teardown(() => lonely.stop())
  const trusting = { ...lonely.config, validators: [liar.url] }
  const dataDir = join(lonely.directory, "rival")
  const rivalJournal = openJournal(dataDir, lonely.config.meters)
  t.teardown(() => rivalJournal.close())
  await lonely.report(start, start + hour)
  const rivalIntake = createIntake(lonely.config.meters, rivalJournal, lonely.config.rules, {
    now: () => start + hour,
    delayUntil: () => 0,
  })
  // The rival has heard less of the hour, so that it states something else.
  for (const { key } of lonely.config.meters)
    for (const { bytes } of lonely.journal.readings.after(key.meterId, 0n).slice(0, -1))
      await rivalIntake.submit({ source: "rival", bytes })
  const ours = lonely.settlement({ config: trusting })
  const rival = lonely.settlement({
    config: { ...trusting, dataDir },
    journal: rivalJournal,
    chain: away(lonely.chain),
  })
  await rival.advance()
  t.equal(rival.status.state, "attested", "it has its signature, and the chain is away")
  await ours.advance()
  const back = lonely.settlement({ config: { ...trusting, dataDir }, journal: rivalJournal })
  await back.advance()
  t.equal(rivalJournal.batches.get(1n)?.state, "superseded")
  const liarsAddress = accounts.validators[0]!.address.toLowerCase()
  t.match(back.status.doubleSignatures, [{ number: 1n, signer: liarsAddress }])
  t.match(back.status.warnings.join(), /signed two different batches with number 1/)
  await lonely.settle(ours)
  t.equal(await lonely.chain.totalSupply(), 1000n)

  const [file] = readdirSync(join(dataDir, "proofs"))
  const proof = JSON.parse(readFileSync(join(dataDir, "proofs", file!), "utf8"))
  const [a, b] = proof.signed
  const exact = ({ proposal }: typeof a) => ({
    ...proposal,
    number: BigInt(proposal.number),
    time: BigInt(proposal.time),
  })
  const anyone = await connectOperator(chain.rpc, accounts.operator.key)
  await mined(
    anyone,
    await anyone.writeContract({
      address: lonely.deployment.stakes,
      abi: stakesAbi,
      functionName: "proveDoubleSignature",
      args: [exact(a), a.r, a.vs, exact(b), b.r, b.vs],
    }),
  )
})

/** A chain that can be read and takes no proposal. */
function away<T extends object>(real: T): T {
  return {
    ...real,
    proposeCall: async () => {
      throw new Error("the line went down")
    },
  }
}

/** What 17 homes made and used in six hours, one after the other: measured where the file is, else made up. */
function* energyOf17Homes(): Generator<{ made: bigint; used: bigint }[], undefined> {
  const file = join(process.env.COMMONWATT_SHARED ?? "../shared", "data/sierra-crest-17-homes-hourly.csv")
  const rows = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").slice(1) : undefined
  for (let hours = 0; ; hours += 6)
    yield Array.from({ length: 17 }, (_, home) => {
      if (!rows) return { made: BigInt((hours % 24) * 100 * (home % 3)), used: BigInt(500 + 90 * home) }
      const six = rows.slice(hours, hours + 6).map((row) => row.split(",").map(Number))
      const sum = (column: number) => BigInt(six.reduce((total, row) => total + row[column]!, 0))
      return { used: sum(1 + 2 * home), made: sum(2 + 2 * home) }
    })
}
