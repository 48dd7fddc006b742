import { createHash } from "node:crypto"
import t from "tap"
import { audit } from "../audit/audit.ts"
import { evidenceFrom } from "../audit/evidence-source.ts"
import { createExplainer } from "../audit/explain.ts"
import { explanationAsText } from "../audit/explain-text.ts"
import { connect } from "../audit/history.ts"
import { reportAsText } from "../audit/report.ts"
import { createSigningKey } from "../device-sim/main.ts"
import { fromHex, toHex } from "../protocol/hex.ts"
import { doubt } from "../provisioning/challenge.ts"
import { signEd25519 } from "../provisioning/keys.ts"
import { announceRecovery, finishRecovery, heldKey, type NextKey, rotateKey } from "../provisioning/meter-keys.ts"
import { send } from "../provisioning/operator.ts"
import { startTestChain } from "./chain.ts"
import { hour, start, startCommunity } from "./community.ts"

/** Begins when the meters do: a key changes in the future of the chain alone. */
const chain = await startTestChain(start)
t.teardown(() => chain.stop())

const week = 7 * 24 * hour

t.test("a meter whose key is rotated, and then recovered, goes on being read, minted, shown and audited", async (t) => {
  const community = await startCommunity(chain, { homes: 1, rules: { answerTime: 120, bond: 1_000_000 } })
  t.teardown(() => community.stop())
  const { deployment, journal, intake, operator, site, setTime } = community
  const [first] = community.meters
  const { meterId } = first!.key
  const secrets = ["next", "found"].map((name) => toHex(createHash("sha256").update(name).digest()))
  const [next, found] = secrets.map(heldKey) as [NextKey, NextKey]
  const [second, third] = secrets.map((secret) => ({
    ...first!,
    key: createSigningKey(fromHex(secret)),
    sequence: 0,
  }))
  const take = (meter: typeof first, time: number, generatedWh: bigint) =>
    intake.submit({
      source: "test",
      bytes: community.sign(meter!, time, { generatedWh }),
      claimedMeter: meterId,
    })
  const counts = { kind: "authentic", verdict: { accepted: true } } as const
  const refused = { kind: "refused", reason: "key-not-in-force" } as const
  const at = async (time: number) => {
    setTime(time)
    await chain.client.setNextBlockTimestamp({ timestamp: BigInt(time) })
    await chain.client.mine({ blocks: 1 })
  }
  const minted = () => community.chain.totalSupply()

  await community.report(start, start + hour)
  await at(start + hour)
  await community.settle()
  t.equal(await minted(), 1000n, "by its first key")

  const from = start + 2 * hour - 600
  await rotateKey(operator, deployment, meterId, {
    old: (digest) => signEd25519(first!.secret, digest),
    next,
    from,
  })
  await at(from + 60)
  t.match(await take(first, from - 60, 1800n), counts, "the old key before the change")
  t.match(await take(second, from, 1850n), { reason: "unknown-meter" }, "before the gateway has looked")
  const settlement = community.settlement({
    onKeyChange({ key }) {
      for (const { source, bytes } of journal.quarantine.ofKeys(journal.keys.of({ key })))
        void intake.submit({ source, bytes })
    },
  })
  await settlement.advance()
  t.match(journal.keys.later(meterId), [{ publicKey: next.publicKey, from }])
  t.match(await take(first, from + 30, 5000n), refused, "the old key is worth nothing any more")
  t.match(await take(second, from + 60, 1900n), counts)
  t.same(
    journal.readings.after(meterId, 0n).slice(-3).map(({ keyIndex, sequence }) => [keyIndex, sequence]),
    [
      [0, 5],
      [1, 0],
      [1, 1],
    ],
    "what came before it had looked is taken then",
  )
  await at(start + 2 * hour)
  t.match(await take(second, start + 2 * hour, 2000n), counts)

  await settlement.advance()
  const statements = journal.batches.statements(2n)
  const about = { site, number: 2n, bond: 1_000_000n * 1_000_000_000n }
  await send(operator, doubt(deployment.oracle, about, statements, statements[0]!))
  await settlement.advance()
  t.match(settlement.status.challenges, [{ answered: true }], "the next key's reading answers a doubt")
  await community.settle(settlement)
  t.equal(await minted(), 2000n, "by its next key, whose numbers began anew")

  await t.rejects(announceRecovery(operator, deployment, meterId, found), /scheduled/, "the community's delay")
  await chain.pass(62)
  await announceRecovery(operator, deployment, meterId, found)
  await at(start + week + 4 * hour - 600)
  await finishRecovery(operator, deployment, meterId, found)
  await at(start + week + 4 * hour - 300)
  await community.settlement().advance()
  t.match(await take(third, start + week + 4 * hour - 300, 3000n), counts, "a key in place of a lost one")
  t.match(await take(second, start + 3 * hour, 2500n), refused, "too late for the lost one, whatever it says")
  await at(start + week + 4 * hour)
  await community.settle()
  t.equal(await minted(), 3000n, "by the key in place of the lost one")

  const household = community.households[0]!
  const explainer = createExplainer({ about: "household", household, from: start, to: start + 2 * week })
  const report = await audit({
    client: connect(chain.rpc),
    oracle: deployment.oracle,
    evidence: evidenceFrom(community.evidenceUrl),
    identities: [community.auditor.identity],
    progress: () => {},
    reader: explainer.reader,
  })
  t.equal(report.ok, true, reportAsText(report))
  const explained = explanationAsText(explainer.explain(report))
  for (const { publicKey } of [next, found]) t.match(explained, publicKey)
})
