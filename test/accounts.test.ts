import t from "tap"
import { audit } from "../audit/audit.ts"
import { evidenceFrom } from "../audit/evidence-source.ts"
import { connect } from "../audit/history.ts"
import { accounts as keys } from "../demo/plan.ts"
import type { Hex } from "../protocol/hex.ts"
import type { Accounts } from "../protocol/tariff.ts"
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

const auditOf = (community: Community, key = true) =>
  audit({
    client: connect(chain.rpc),
    oracle: community.deployment.oracle,
    evidence: evidenceFrom(community.evidenceUrl),
    identities: key ? [community.auditor.identity] : [],
    progress: () => {},
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
      t.equal((await auditOf(community)).ok, true)
    })
  },
)

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
