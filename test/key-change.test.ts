import { createHash } from "node:crypto"
import { join } from "node:path"
import t from "tap"
import { audit } from "../audit/audit.ts"
import { evidenceFrom } from "../audit/evidence-source.ts"
import { createExplainer } from "../audit/explain.ts"
import { explanationAsText } from "../audit/explain-text.ts"
import { connect } from "../audit/history.ts"
import { reportAsText } from "../audit/report.ts"
import { createSigningKey } from "../device-sim/main.ts"
import { createProposedHeads } from "../evidence/proposed.ts"
import { openEvidenceStore } from "../evidence/store.ts"
import { keepOwn } from "../gateway/evidence.ts"
import { createIntake } from "../gateway/intake.ts"
import { openJournal } from "../gateway/journal/journal.ts"
import { recover } from "../gateway/recovery/recover.ts"
import { fromHex, type Hex, toHex } from "../protocol/hex.ts"
import { doubt } from "../provisioning/challenge.ts"
import { signEd25519 } from "../provisioning/keys.ts"
import {
  announceRecovery,
  finishRecovery,
  heldKey,
  type NextKey,
  rotateKey,
} from "../provisioning/meter-keys.ts"
import { send } from "../provisioning/operator.ts"
import { startTestChain } from "./chain.ts"
import { hour, start, startCommunity } from "./community.ts"

/** Begins when the meters do: a key changes in the future of the chain alone. */
const chain = await startTestChain(start)
t.teardown(() => chain.stop())

const rules = { answerTime: 120, bond: 1_000_000 }
const week = 7 * 24 * hour

t.test(
  "a meter whose key is rotated, and then recovered, goes on being read, minted, shown and audited",
  async (t) => {
    const community = await startCommunity(chain, { homes: 1, validators: 1, threshold: 1, rules })
    t.teardown(() => community.stop())
    const { deployment, journal, intake, operator, site, setTime } = community
    const [first] = community.meters
    const { meterId } = first!.key
    const secrets = ["next", "found", "later"].map((name) =>
      toHex(createHash("sha256").update(name).digest()),
    )
    const [next, found] = secrets.map(heldKey) as [NextKey, NextKey]
    const [second, third, fourth] = secrets.map((secret) => ({
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
      journal.readings
        .after(meterId, 0n)
        .slice(-3)
        .map(({ keyIndex, sequence }) => [keyIndex, sequence]),
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

    await t.rejects(
      announceRecovery(operator, deployment, meterId, found),
      /scheduled/,
      "the community's delay",
    )
    await chain.pass(62)
    await announceRecovery(operator, deployment, meterId, found)
    await at(start + week + 4 * hour - 600)
    await finishRecovery(operator, deployment, meterId, found)
    await at(start + week + 4 * hour - 300)
    await community.settlement().advance()
    t.match(await take(third, start + week + 4 * hour - 300, 3000n), counts, "a key in place of a lost one")
    t.match(
      await take(second, start + 3 * hour, 2500n),
      refused,
      "too late for the lost one, whatever it says",
    )
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

    t.test(
      "a gateway that learns too late of a change takes back what it counted, and goes on",
      async (t) => {
        const changed = start + week + 4 * hour + 600
        const later = heldKey(secrets[2]!)
        const old = (digest: Hex) => signEd25519(secrets[1]!, digest)
        await rotateKey(operator, deployment, meterId, { old, next: later, from: changed })
        await at(changed + 60)
        t.match(await take(third, changed + 60, 3050n), counts, "it does not know better")
        const end = start + week + 5 * hour
        await at(end)
        let learnt = 0
        const stuck = community.settlement({
          onKeyChange: () => {
            learnt++
          },
        })
        await stuck.advance()
        t.equal(learnt, 1)
        t.match(stuck.status.problem, /Home 1 generation were counted by a key that was not in force/)

        const { config } = community
        const store = openEvidenceStore(join(config.dataDir, "evidence"))
        await keepOwn(journal.batches, store)
        const loss = { why: "a key", since: end, sound: false, aside: [] }
        const heads = createProposedHeads(config.chain)
        await recover(loss, {
          config,
          store,
          elsewhere: [],
          proposed: async () => (await heads([site]))[0],
          identities: [community.auditor.identity],
          now: () => end,
          pause: async () => {},
          log: () => {},
        })
        store.close()
        const again = openJournal(config.dataDir, config.meters)
        t.teardown(() => again.close())
        t.match(
          again.readings.lastCounted(meterId),
          { time: start + week + 4 * hour - 300 },
          "it is not there any more",
        )
        const anew = createIntake(config.meters, again, config.rules, community.clock)
        const bytes = community.sign(fourth!, end, { generatedWh: 4000n })
        t.match(await anew.submit({ source: "test", bytes }), counts)
        community.serve(again)
        await community.settle(community.settlement({ journal: again }))
        t.equal(await minted(), 4000n)
      },
    )
  },
)
