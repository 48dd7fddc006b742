import { cpSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { type Abi, encodeFunctionData } from "viem"
import { type AuditOptions, audit } from "../audit/audit.ts"
import { openCache } from "../audit/cache/cache.ts"
import { evidenceFrom } from "../audit/evidence-source.ts"
import { createExplainer } from "../audit/explain.ts"
import { explanationAsText } from "../audit/explain-text.ts"
import { connect } from "../audit/history.ts"
import { reportAsText } from "../audit/report.ts"
import { createValidator } from "../audit/validator.ts"
import { judgeDisclosure } from "../cli/disclosure.ts"
import { greenTokenAbi } from "../contracts/generated/greenToken.ts"
import { sharingPoolAbi } from "../contracts/generated/sharingPool.ts"
import { accounts as keys } from "../demo/plan.ts"
import { openEvidenceStore } from "../evidence/store.ts"
import { eraseHousehold } from "../gateway/erase.ts"
import { evidenceDirectory, keepOwn } from "../gateway/evidence.ts"
import { createIntake } from "../gateway/intake.ts"
import { openJournal } from "../gateway/journal/journal.ts"
import { type CID, evidenceDigest } from "../protocol/block.ts"
import { disclosed, discloseFrom } from "../protocol/disclosure.ts"
import { readRoot } from "../protocol/evidence.ts"
import { type Hex, toHex } from "../protocol/hex.ts"
import type { Accounts } from "../protocol/tariff.ts"
import { openPool, setLimits } from "../provisioning/deploy.ts"
import { startTestChain } from "./chain.ts"
import { type Community, hour, start, startCommunity } from "./community.ts"
import { serveYesSayer } from "./yes-sayer.ts"

const chain = await startTestChain()
t.teardown(() => chain.stop())

const fund: Hex = `0x${"ee".repeat(20)}`
/** A shared kWh is worth 150 units, a tenth is for the fund; every two hours accounts are stated. */
const accounts: Accounts = {
  version: 1,
  fund,
  everySeconds: 2 * hour,
  tariffs: [{ from: start, unitsPerKWh: 150, periods: [], utcOffsetMinutes: 0, fundParts: 100_000 }],
}

const auditOf = (community: Community, key = true, reader?: AuditOptions["reader"]) =>
  audit({
    pools: Object.values(community.deployment.pools),
    client: connect(chain.rpc),
    oracle: community.deployment.oracle,
    evidence: evidenceFrom(community.evidenceUrl),
    identities: key ? [community.auditor.identity] : [],
    progress: () => {},
    ...(reader && { reader }),
  })
const checkOf = (report: Awaited<ReturnType<typeof auditOf>>, name: string) =>
  report.checks.find((check) => check.name === name)!
const creditsOf = (community: Community, number: bigint) =>
  community.journal.batches.accounts.statements(number).map(({ credit }) => credit)

t.test(
  "who used a neighbour's energy owes for it, and validators and auditors compute it anew",
  async (t) => {
    const community = await startCommunity(chain, { accounts })
    t.teardown(() => community.stop())
    await community.report(start, start + hour)
    await community.settle()
    t.same(creditsOf(community, 1n), [], "it is not their time yet")
    await community.report(start + hour + 900, start + 2 * hour)
    await community.settle()
    // The first home exports a third of what it makes, the second imports half of that: 666 Wh in two hours, in eight
    // intervals of which each is cut to whole Wh.
    const [first, second, third] = creditsOf(community, 2n) as [bigint, bigint, bigint]
    t.same(
      community.journal.batches.accounts.statements(2n).map(({ household }) => household),
      [...community.households, fund],
    )
    t.equal(second, -99n, "666 Wh at 150 units a kWh")
    t.equal(third, 9n, "a tenth for the fund, rounded down")
    t.equal(first + second + third, 0n)

    t.test("the audit agrees, with a key and without", async (t) => {
      const report = await auditOf(community)
      t.equal(report.ok, true)
      t.same([checkOf(report, "accounts").examined, checkOf(report, "accounts").skipped], [3, []])
      const closed = await auditOf(community, false)
      t.equal(closed.ok, true)
      t.match(checkOf(closed, "accounts").skipped, [/2 household\(s\) sealed/])
    })

    t.test("a gateway that was away states them when it is back, and goes on from there", async (t) => {
      await community.report(start + 2 * hour + 900, start + 7 * hour)
      await community.settle()
      t.same(
        creditsOf(community, 3n).reduce((sum, credit) => sum + credit, 0n),
        0n,
      )
      t.equal(creditsOf(community, 3n)[1], -349n, "2,333 Wh")
      const asked = (household: Hex, from: number, to: number) =>
        createExplainer({ about: "household", household, from, to })
      const [giver, taker] = community.households as [Hex, Hex]
      const theirs = asked(taker, start + 3 * hour, start + 4 * hour)
      const report = await auditOf(community, true, theirs.reader)
      t.equal(report.ok, true)

      t.test("and why a home's credit is what it is, is told for the hour that is asked for", async (t) => {
        const told = theirs.explain(report)
        t.match(told.credits, [
          {
            ...{ number: 3n, from: start + 2 * hour, time: start + 7 * hour, before: -99n, after: -349n },
            booked: [{ paid: 250n, given: 0n, all: { pot: 250n, forFund: 25n, earned: 0n } }],
          },
        ])
        t.equal(told.shares.length, 4)
        const text = explanationAsText(told)
        t.match(text, /received 0\.083 kWh by the key "proportional", at 0\.150 GREEN for a kWh/)
        t.match(text, /-0\.349 GREEN\n +that is -0\.250 GREEN to the -0\.099 GREEN before/)
        t.match(text, /it paid 0\.250 GREEN\n +all paid 0\.250 GREEN; the fund has 0\.025 GREEN of it \(10 %/)

        const first = asked(giver, start, start + 8 * hour)
        const all = first.explain(await auditOf(community, true, first.reader))
        t.same(
          all.credits.map(({ before, after }) => [before, after]),
          [
            [0n, 90n],
            [90n, 315n],
          ],
        )
        t.match(all.credits[1]!.booked, [{ paid: 0n, all: { earned: 225n } }])
        t.match(all.notShown, [/since 2026-06-01 07:00 UTC is not in its account yet/])

        const blind = asked(giver, start, start + hour)
        const sealed = blind.explain(await auditOf(community, false, blind.reader))
        t.match(sealed.credits, [{ before: 0n, after: 90n, booked: undefined }])
        t.match(explanationAsText(sealed), /how it comes about is sealed/)
      })
    })
  },
)

t.test("what a household discloses holds when its batch stands on chain, and not before", async (t) => {
  const community = await startCommunity(chain)
  t.teardown(() => community.stop())
  const { batches } = community.journal
  const [household] = community.households as [Hex]
  await community.report(start, start + hour)
  const unasked = { ...community.config, validators: [] }
  await community.settlement({ config: unasked }).advance()
  const { evidence } = batches.get(1n)!
  const text = JSON.stringify(
    disclosed(household, [
      await discloseFrom(
        evidence,
        async (cid) => batches.block(cid),
        [community.auditor.identity],
        household,
        start + 900,
        start + 1800,
      ),
    ]),
  )
  const energy = { importedWh: "0", exportedWh: "83", generatedWh: "250" }
  t.match(await judgeDisclosure(text, undefined), {
    holds: true,
    lines: [{ proven: true, onChain: null, energy }],
  })
  t.match(await judgeDisclosure(text, chain.rpc), { holds: false, lines: [{ proven: true, onChain: false }] })
  await community.settle()
  t.match(await judgeDisclosure(text, chain.rpc), { holds: true, lines: [{ proven: true, onChain: true }] })
  const false_ = text.replace('"exportedWh":"83"', '"exportedWh":"84"')
  t.match(await judgeDisclosure(false_, chain.rpc), { holds: false, lines: [{ proven: false }] })
})

t.test("what a gateway and all validators credit too much, the audit finds", async (t) => {
  const community = await startCommunity(chain, { accounts })
  t.teardown(() => community.stop())
  const liars = await Promise.all(keys.validators.map(({ key }) => serveYesSayer(key)))
  t.teardown(() => Promise.all(liars.map((liar) => liar.close())))
  await community.report(start, start + 2 * hour)
  const { config, journal } = community
  const lying = {
    ...journal,
    batches: {
      ...journal.batches,
      accounts: {
        ...journal.batches.accounts,
        accounting: () => ({ credits: new Map([[community.households[0]!, 1n]]), open: new Map() }),
      },
      standingBefore: (number: bigint) => journal.batches.standingBefore(number),
    },
  }
  await community.report(start + 2 * hour + 900, start + 4 * hour)
  await community.settle(
    community.settlement({
      journal: lying,
      config: { ...config, validators: liars.map(({ url }) => url) },
    }),
  )
  await community.report(start + 4 * hour + 900, start + 6 * hour)
  await community.settle(
    community.settlement({
      journal: lying,
      config: { ...config, validators: liars.map(({ url }) => url) },
    }),
  )
  const report = await auditOf(community)
  t.equal(report.ok, false)
  const said = checkOf(report, "accounts").findings.map(({ what }) => what)
  t.match(said, [
    /all credits together are 1 units, and must be zero/,
    /account 0: claimed .* the records give/,
  ])
  t.match(
    checkOf(await auditOf(community, false), "accounts").findings.map(({ what }) => what),
    [/all credits together are 1 units/],
    "the sum is public: no key is needed for it",
  )
})

t.test(
  "the pool has each account as the last valid batch states it, and debts are good up to their limit",
  async (t) => {
    const community = await startCommunity(chain, { accounts, pool: true })
    t.teardown(() => community.stop())
    const { operator, deployment, site, households, config } = community
    const pool = { address: config.sharingPool!, abi: sharingPoolAbi } as const
    const accountsOfPool = () =>
      Promise.all(
        [...households, fund].map(async (household) => {
          const [, credit] = await operator.readContract({
            ...pool,
            functionName: "accountOf",
            args: [household],
          })
          return credit
        }),
      )
    await chain.pass(62)
    const put = () => {}
    await openPool(operator, deployment, site, put, put)
    await setLimits(operator, deployment, site, households, 50n)
    await community.report(start, start + 2 * hour)
    await community.settle()
    t.same(await accountsOfPool(), [90n, -99n, 9n])
    t.equal(await operator.readContract({ ...pool, functionName: "netCredit" }), 0n)
    t.equal(await operator.readContract({ ...pool, functionName: "owed" }), 99n)
    t.equal(
      await operator.readContract({ ...pool, functionName: "backed" }),
      50n,
      "of a debt of 99, 50 are good",
    )

    const settled = community.journal.batches.transactions(1n).filter(({ kind }) => kind === "accounts")
    t.equal(settled.length, 1, "in one transaction")
    t.ok(settled[0]!.gasUsed! < 3n * 70_000n + 60_000n, `${settled[0]!.gasUsed} gas`)
    await community.report(start + 2 * hour + 900, start + 3 * hour)
    await community.settle()
    t.same(
      community.journal.batches.transactions(2n).map(({ kind }) => kind),
      ["propose", "settle"],
    )
    t.same(await accountsOfPool(), [90n, -99n, 9n], "a batch that states no accounts changes none")

    t.test("and the audit keeps the pool's books anew, to the unit", async (t) => {
      const [giver, taker] = households as [Hex, Hex]
      const act = async (account: Hex, to: Hex, call: Parameters<typeof encodeFunctionData>[0]) => {
        await chain.client.impersonateAccount({ address: account })
        await chain.client.setBalance({ address: account, value: 10n ** 18n })
        const data = encodeFunctionData(call)
        const hash = await chain.client.sendTransaction({ account, chain: null, to, data })
        const { status } = await chain.client.waitForTransactionReceipt({ hash })
        if (status !== "success") throw new Error(`${hash} was reverted`)
      }
      const inPool = (account: Hex, functionName: string, args: unknown[]) =>
        act(account, pool.address, { abi: sharingPoolAbi as Abi, functionName, args })
      const green = (functionName: string, args: unknown[]) =>
        act(taker, deployment.token, { abi: greenTokenAbi as Abi, functionName, args })
      await green("approve", [pool.address, 60n])
      await inPool(taker, "deposit", [taker, 60n])
      await inPool(giver, "withdraw", [giver, 40n])
      await inPool(giver, "pay", [fund, 5n])
      await green("transfer", [pool.address, 7n])
      const report = await auditOf(community)
      t.same(checkOf(report, "pool").findings, [])
      t.equal(report.ok, true)
      t.match(report.pools, [
        { accounts: 3, heldWh: 27n, owed: 59n, debts: [{ household: taker, debt: 39n, limit: 50n }] },
      ])
      t.match(report.pools[0]!.settled, [{ credit: -99n }, { credit: 90n }, { credit: 9n }])
      t.match(reportAsText(report), /holds 27 Wh, owes 59 Wh; 1 accounts are in debt, together 39 Wh/)
      t.same(checkOf(await auditOf(community, false), "pool").findings, [], "without a key as well")

      for (const time of ["the first", "the second"]) {
        const cache = await openCache(join(community.directory, "cache"), connect(chain.rpc), () => {})
        const kept = await audit({
          client: cache.client,
          oracle: deployment.oracle,
          evidence: cache.evidence(community.evidenceUrl),
          identities: [community.auditor.identity],
          pools: Object.values(deployment.pools),
          kept: (history) => cache.checks(history, [community.auditor.identity]),
          progress: () => {},
        })
        await cache.save()
        t.same(kept.pools, report.pools, `${time} time with a cache, too`)
      }
    })
  },
)

t.test(
  "a member's parts are erased: minting stands, and accounts go on from their next statement",
  async (t) => {
    const community = await startCommunity(chain, { accounts })
    t.teardown(() => community.stop())
    for (const [from, to] of [
      [0, hour],
      [hour + 900, 2 * hour],
      [2 * hour + 900, 3 * hour],
      [3 * hour + 900, 4 * hour],
    ] as const) {
      await community.report(start + from, start + to)
      await community.settle()
    }
    const { batches } = community.journal
    const [leaver] = community.households as [Hex]
    const gone = new Set<string>()
    for (const { evidence } of batches.newest(9).filter(({ number }) => number <= 1n))
      for (const part of (await readRoot(evidence, async (cid) => batches.block(cid))).sealed)
        if (toHex(part.household) === leaver) for (const link of part.content) gone.add(link.toString())
    const report = await audit({
      client: connect(chain.rpc),
      oracle: community.deployment.oracle,
      evidence: async () => async (cid) => (gone.has(cid.toString()) ? undefined : batches.block(cid)),
      identities: [community.auditor.identity],
      progress: () => {},
    })
    t.same(
      report.checks.flatMap(({ findings }) => findings),
      [],
    )
    t.equal(report.ok, true, "roofs are public, and every minted Wh is accounted for")
    t.match(checkOf(report, "households").skipped, [
      /1 household\(s\) not to be had: erased, or kept back/,
      /1 household\(s\) were sealed in an earlier batch/,
    ])
    t.equal(checkOf(report, "accounts").examined, 6)

    t.test("a validator who cannot see it signs nothing that rests on it", async (t) => {
      const { deployment, site, config } = community
      const validator = createValidator({
        rpc: chain.rpc,
        oracle: deployment.oracle,
        privateKey: keys.validators[0].key,
        identities: [community.auditor.identity],
        evidence: new Map([
          [site, async () => async (cid: CID) => (gone.has(cid.toString()) ? undefined : batches.block(cid))],
        ]),
        dataDir: join(community.directory, "newcomer"),
        clock: community.clock,
        log: () => {},
      })
      const away = { ...config, validators: [] }
      await community.report(start + 4 * hour + 900, start + 5 * hour)
      await community.settlement({ config: away }).advance()
      const { evidence, root, time } = batches.get(5n)!
      const answer = await validator.attest(
        { chainId: config.chain.chainId, oracle: deployment.oracle },
        {
          site,
          number: 5n,
          root,
          evidence: evidenceDigest(evidence),
          time: BigInt(time),
          leafCount: batches.leaves(5n).length,
          validatorSet: 1,
        },
      )
      t.match(answer, {
        refused: [/its households cannot be checked: 1 household\(s\) were sealed in an earlier/],
      })
    })
    t.same(
      report.credits.map(({ credit }) => credit),
      creditsOf(community, 4n),
    )

    t.test("erased from a gateway, nothing of its load is left in any file, and all goes on", async (t) => {
      const { config, deployment, auditor, clock, meters } = community
      const dataDir = join(community.directory, "left")
      const left = { ...config, dataDir }
      cpSync(config.dataDir, dataDir, { recursive: true })
      const store = openEvidenceStore(evidenceDirectory(dataDir))
      await keepOwn(batches, store)
      const { meterId } = meters.find(({ home, measures }) => home === 0 && measures === "grid")!.key
      const said = community.journal.readings.after(meterId, 0n)
      const settled = said.filter(({ time }) => time <= start + 4 * hour)
      const last = settled.at(-1)!
      const sealed: Uint8Array[] = []
      for (const { evidence } of batches.newest(9).filter(({ number }) => number <= 4n))
        for (const part of (await readRoot(evidence, store.source)).sealed)
          if (toHex(part.household) === leaver)
            for (const link of part.content) sealed.push(store.block(link)!)
      store.close()
      const traces = [...settled.filter((one) => one !== last).map(({ bytes }) => bytes), ...sealed]
      const found = () => {
        const files = readdirSync(dataDir, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => readFileSync(join(entry.parentPath, entry.name)))
        return traces.filter((trace) => files.some((file) => file.includes(Buffer.from(trace)))).length
      }
      t.equal(found(), traces.length, "all of it is there before")

      const open = openJournal(dataDir, config.meters)
      t.throws(() => eraseHousehold(left, leaver, false), { message: "The journal is in use." })
      open.close()
      const dry = eraseHousehold(left, leaver, true)
      t.equal(found(), traces.length, "a dry run changes nothing")
      t.match(dry, { upTo: start + 4 * hour, evidence: { batches: 4 }, journal: { blocks: 4 } })
      const { journal: went } = eraseHousehold(left, leaver, false)
      t.equal(went.readings, settled.length - 1)
      t.ok(went.accountings > 0)
      t.equal(found(), 0)
      t.match(eraseHousehold(left, leaver, true), {
        evidence: { batches: 0, bytes: 0 },
        journal: { readings: 0, blocks: 0, days: 0, accountings: 0 },
      })

      const after = await audit({
        client: connect(chain.rpc),
        oracle: deployment.oracle,
        evidence: evidenceFrom(evidenceDirectory(dataDir)),
        identities: [auditor.identity],
        progress: () => {},
      })
      t.equal(after.ok, true)
      t.same([after.mintedWh, after.auditedWh], [report.mintedWh, report.auditedWh])
      t.same(
        after.ledger.batches.map(({ root, verdict }) => [root, verdict]),
        report.ledger.batches.map(({ root, verdict }) => [root, verdict]),
      )
      t.match(checkOf(after, "households").skipped, [/1 household\(s\) not to be had: erased, or kept back/])

      const journal = openJournal(dataDir, config.meters)
      t.teardown(() => journal.close())
      const intake = createIntake(config.meters, journal, config.rules, clock)
      for (const { key } of meters)
        for (const { bytes, time } of community.journal.readings.after(key.meterId, 0n))
          if (time > start + 4 * hour) await intake.submit({ source: "test", bytes })
      if (!journal.batches.get(5n))
        await community.settlement({ journal, config: { ...left, validators: [] } }).advance()
      t.equal(
        journal.batches.get(5n)?.root,
        batches.get(5n)!.root,
        "the next batch is what it would have been",
      )
    })
  },
)
