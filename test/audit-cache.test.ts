import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { encodeFunctionData } from "viem"
import { type AuditReport, audit } from "../audit/audit.ts"
import { openCache } from "../audit/cache/cache.ts"
import { connect } from "../audit/history.ts"
import { asJson } from "../audit/report.ts"
import { greenTokenAbi } from "../contracts/generated/greenToken.ts"
import { startTestChain } from "./chain.ts"
import { hour, start, startCommunity } from "./community.ts"

const chain = await startTestChain()
t.teardown(() => chain.stop())

/** A report without what tells where it came from. */
const plain = (report: AuditReport) =>
  JSON.parse(asJson(report), (key, value: unknown) =>
    key === "fromCache" || key === "toBlock" ? undefined : value,
  )

t.test("an audit that remembers comes to the verdict of one that does not", async (t) => {
  const community = await startCommunity(chain, { homes: 1 })
  t.teardown(() => community.stop())
  const { oracle, issuance, token } = community.deployment
  const directory = t.testdir()
  const asked: string[] = []
  const told: string[] = []
  const counting = () => {
    const client = connect(chain.rpc)
    const counted =
      <Ask extends (...args: never[]) => unknown>(name: string, ask: Ask) =>
      (...args: never[]) => {
        asked.push(name)
        return ask(...args)
      }
    return {
      ...client,
      getLogs: counted("logs", client.getLogs),
      getTransaction: counted("transaction", client.getTransaction),
      getTransactionReceipt: counted("receipt", client.getTransactionReceipt),
    } as typeof client
  }
  const remembering = async (place = community.evidenceUrl) => {
    asked.length = 0
    const cache = await openCache(join(directory, "cache"), counting(), (what) => told.push(what))
    const identities = [community.auditor.identity]
    const report = await audit({
      client: cache.client,
      oracle,
      evidence: cache.evidence(place),
      identities,
      kept: (history) => cache.checks(history, identities),
      progress: () => {},
    })
    await cache.save()
    return report
  }
  const fresh = () =>
    openCache(join(directory, `fresh-${performance.now()}`), connect(chain.rpc), () => {}).then((cache) =>
      audit({
        client: connect(chain.rpc),
        oracle,
        evidence: cache.evidence(community.evidenceUrl),
        identities: [community.auditor.identity],
        progress: () => {},
      }),
    )

  await community.report(start, start + hour)
  await community.settle()
  t.equal((await remembering()).fromCache, 0)
  const snapshot = await chain.client.snapshot()
  await community.report(start + hour + 900, start + 2 * hour)
  await community.settle()

  const second = await remembering()
  t.equal(second.fromCache, 1, "the first batch is not recomputed")
  t.equal(second.ok, true)
  t.same(plain(second), plain(await fresh()))

  const third = await remembering("http://127.0.0.1:9")
  t.equal(third.fromCache, 2, "evidence that is kept is not fetched")
  t.equal(third.ok, true)
  t.notOk(asked.includes("transaction") || asked.includes("receipt"), "nor is a transaction that is known")

  t.test("what was damaged on the disk is recomputed", async (t) => {
    const checks = join(directory, "cache", "checks")
    for (const name of readdirSync(checks).filter((file) => !file.includes("memory"))) {
      const text = readFileSync(join(checks, name), "utf8")
      writeFileSync(join(checks, name), text.replace(/"counted":\d+/, '"counted":99'))
    }
    const report = await remembering()
    t.equal(report.fromCache, 0)
    t.same(plain(report), plain(second))
    t.equal((await remembering()).fromCache, 2, "and kept again")
  })

  t.test("other keys at hand open other parts: nothing is taken over", async (t) => {
    const cache = await openCache(join(directory, "cache"), connect(chain.rpc), () => {})
    const report = await audit({
      client: cache.client,
      oracle,
      evidence: cache.evidence(community.evidenceUrl),
      identities: [],
      kept: (history) => cache.checks(history, []),
      progress: () => {},
    })
    t.equal(report.fromCache, 0)
    t.match(report.checks.find(({ name }) => name === "households")?.skipped, [/sealed/])
  })

  t.test("a Wh minted since is found, however much is remembered", async (t) => {
    const within = await chain.client.snapshot()
    await chain.client.impersonateAccount({ address: issuance })
    await chain.client.setBalance({ address: issuance, value: 10n ** 18n })
    const data = encodeFunctionData({
      abi: greenTokenAbi,
      functionName: "mint",
      args: [[(1n << 160n) | BigInt(community.households[0]!)]],
    })
    await chain.client.sendTransaction({ account: issuance, chain: null, to: token, data })
    await chain.client.mine({ blocks: 1 })
    const report = await remembering()
    t.equal(report.fromCache, 2)
    t.equal(report.ok, false)
    t.match(report.checks.flatMap(({ findings }) => findings)[0]?.what, /1 Wh were minted, 0 Wh are due/)
    await chain.client.revert({ id: within })
    await chain.client.mine({ blocks: 3 })
    t.equal((await remembering()).ok, true)
    t.match(told.splice(0).join(), /the chain was rewritten/)
  })

  t.test("what a rewritten chain no longer has is forgotten", async (t) => {
    await chain.client.revert({ id: snapshot })
    await chain.client.mine({ blocks: 2 })
    const report = await remembering()
    t.match(told.join(), /the chain was rewritten: block \d+ is not what it was/)
    t.equal(report.batches, 1)
    t.same(plain(report), plain(await fresh()))
  })

  t.test("a cache that others can write to is refused", async (t) => {
    chmodSync(join(directory, "cache"), 0o770)
    await t.rejects(
      openCache(join(directory, "cache"), connect(chain.rpc), () => {}),
      {
        message: /Others than you can write to the cache/,
        next: /chmod go-w/,
      },
    )
  })
})
