import t from "tap"
import { parseEventLogs } from "viem"
import { audit } from "../audit/audit.ts"
import { evidenceFrom } from "../audit/evidence-source.ts"
import { connect } from "../audit/history.ts"
import { reportAsText } from "../audit/report.ts"
import { impactOracleAbi } from "../contracts/generated/impactOracle.ts"
import { meterRegistryAbi } from "../contracts/generated/meterRegistry.ts"
import { stakesAbi } from "../contracts/generated/stakes.ts"
import { accounts } from "../demo/plan.ts"
import { equivocationsIn } from "../gateway/journal/equivocations.ts"
import type { Chain } from "../gateway/settlement/chain.ts"
import { usualPatience } from "../gateway/settlement/settlement.ts"
import { signProposal } from "../protocol/attestation.ts"
import {
  judgeEquivocation,
  readEquivocation,
  type TwinReadings,
  type TwinRoots,
  writeEquivocation,
} from "../protocol/equivocation.ts"
import type { PersonError } from "../protocol/error.ts"
import { type Hex, toHex } from "../protocol/hex.ts"
import { leafOf, type MeterStatement } from "../protocol/statement.ts"
import { buildTree, proofOf } from "../protocol/tree.ts"
import { doubt, proveTwinReadings, proveTwinRoots } from "../provisioning/challenge.ts"
import { connectOperator, mined, send } from "../provisioning/operator.ts"
import { startTestChain } from "./chain.ts"
import { type Community, hour, start, startCommunity } from "./community.ts"
import { serveYesSayer } from "./yes-sayer.ts"

const chain = await startTestChain()
t.teardown(() => chain.stop())

const rules = { answerTime: 120, bond: 1_000_000, siteStake: 4_000_000 }
const wei = (gwei: number) => BigInt(gwei) * 1_000_000_000n
const challenger = await connectOperator(chain.rpc, accounts.operator.key)

/** What somebody who doubts a batch may do. */
function doubter({ deployment, site, journal }: Community) {
  const oracle = { address: deployment.oracle, abi: impactOracleAbi } as const
  const stakes = { address: deployment.stakes, abi: stakesAbi } as const
  const argument = (s: MeterStatement) => ({ ...s, time: BigInt(s.time) })
  const branch = (number: bigint, i: number) => {
    const statements = journal.batches.statements(number)
    return {
      statement: statements[i]!,
      proof: proofOf(buildTree(statements.map(leafOf)), i).map(toHex),
    }
  }
  return {
    async challenge(number: bigint, i = 0): Promise<void> {
      const { statement, proof } = branch(number, i)
      const args = [site, number, argument(statement), proof] as const
      await mined(
        challenger,
        await challenger.writeContract({
          ...oracle,
          functionName: "challenge",
          args,
          value: wei(rules.bond),
        }),
      )
    },
    async cancel(number: bigint, i = 0): Promise<void> {
      const args = [site, number, toHex(leafOf(branch(number, i).statement))] as const
      await mined(
        challenger,
        await challenger.writeContract({ ...oracle, functionName: "cancelUnanswered", args }),
      )
    },
    async proveAboveCeiling(number: bigint, i = 0): Promise<void> {
      const { statement, proof } = branch(number, i)
      const args = [site, number, argument(statement), proof] as const
      await mined(
        challenger,
        await challenger.writeContract({ ...oracle, functionName: "proveAboveCeiling", args }),
      )
    },
    async proveRegisterFell(number: bigint, time: number, reading: Uint8Array, i = 0): Promise<void> {
      const { statement, proof } = branch(number, i)
      const args = [site, number, argument(statement), proof, BigInt(time), toHex(reading)] as const
      await mined(
        challenger,
        await challenger.writeContract({ ...oracle, functionName: "proveRegisterFell", args }),
      )
    },
    async bondSite(): Promise<void> {
      const value = wei(rules.siteStake)
      await mined(
        challenger,
        await challenger.writeContract({ ...stakes, functionName: "bondSite", args: [site], value }),
      )
    },
    owedTo: (account: Hex) => challenger.readContract({ ...stakes, functionName: "owed", args: [account] }),
    stake: async () =>
      (await challenger.readContract({ ...stakes, functionName: "ofSite", args: [site] })).bonded,
  }
}

/** A gateway whose roof's leaves say more than its readings, and validators who sign whatever they are asked to. */
async function lyingSettlement(community: Community, extraWh: bigint) {
  const liars = await Promise.all(accounts.validators.map(({ key }) => serveYesSayer(key)))
  const { journal, config } = community
  const after = (meterId: Hex, id: bigint) =>
    journal.readings.after(meterId, id).map((reading) => ({
      ...reading,
      registers: reading.registers.generatedWh
        ? { generatedWh: reading.registers.generatedWh + extraWh }
        : reading.registers,
    }))
  return {
    settlement: community.settlement({
      journal: { ...journal, readings: { ...journal.readings, after } },
      config: { ...config, validators: liars.map(({ url }) => url) },
    }),
    close: () => Promise.all(liars.map((liar) => liar.close())),
  }
}

t.test(
  "a doubted statement that is honest is answered with its reading, and the bond pays for it",
  async (t) => {
    const community = await startCommunity(chain, { rules })
    t.teardown(() => community.stop())
    const doubt = doubter(community)
    const gateway = accounts.gateway.address
    await community.report(start, start + hour)
    await community.settlement().advance()
    await doubt.challenge(1n, 0)

    const away: Chain = {
      ...community.chain,
      openChallenges: async () => {
        throw new Error("the chain is away")
      },
    }
    const waiting = community.settlement({ chain: away })
    await waiting.advance()
    t.match(waiting.status.problem, /the chain is away/)
    await doubt.challenge(1n, 1)
    await chain.pass(61)

    const settlement = community.settlement()
    await settlement.advance()
    t.equal(settlement.status.problem, undefined, "both are answered, although the window is over")
    t.match(settlement.status.challenges, [
      { meter: "Home 1 generation", answered: true },
      { meter: "Home 2 generation", answered: true },
    ])
    t.equal(await doubt.owedTo(gateway), wei(2 * rules.bond))
    const answers = () => community.journal.batches.transactions(1n).filter(({ kind }) => kind === "answer")
    t.equal(answers().length, 2)

    await community.settlement().advance()
    await community.settle()
    t.equal(answers().length, 2, "and nothing is answered again")
    t.equal(await community.chain.totalSupply(), 2000n)
    t.equal(await doubt.stake(), wei(rules.siteStake))
  },
)

t.test("whenever the program ends while it answers, the next start answers what is left", async (t) => {
  const community = await startCommunity(chain, { rules })
  t.teardown(() => community.stop())
  const doubt = doubter(community)
  await community.report(start, start + hour)
  await community.settlement().advance()
  await doubt.challenge(1n, 0)
  await doubt.challenge(1n, 1)
  let sent = 0
  const ending: Chain = {
    ...community.chain,
    send: async (raw) => {
      await community.chain.send(raw)
      sent++
      throw new Error("the program has ended")
    },
    receipt: async (hash) => {
      if (sent > 0) throw new Error("the program has ended")
      return community.chain.receipt(hash)
    },
  }
  await community.settlement({ chain: ending }).advance()
  // Of two at once one loses its place in the lane, and need not wait for long to see it.
  const patience = { ...usualPatience, receiptMs: 3_000, behindMs: 0 }
  const twins = [community.settlement({ patience }), community.settlement({ patience })]
  for (let i = 0; i < 5 && (await community.chain.openChallenges(community.site)) > 0; i++)
    await Promise.all(twins.map((twin) => twin.advance()))
  t.equal(await community.chain.openChallenges(community.site), 0, "also by two at once")
  await community.settle()
  t.equal(await community.chain.totalSupply(), 2000n)
})

t.test(
  "a false statement that is doubted cannot be answered: its stake is lost and nothing is minted",
  async (t) => {
    const community = await startCommunity(chain, { homes: 1, rules })
    t.teardown(() => community.stop())
    const doubt = doubter(community)
    const before = await doubt.owedTo(accounts.operator.address)
    await community.report(start, start + hour)
    const lying = await lyingSettlement(community, 1n)
    t.teardown(() => lying.close())
    await lying.settlement.advance()
    await doubt.challenge(1n)
    await lying.settlement.advance()
    t.match(lying.settlement.status.problem, /statement of Home 1 generation was doubted.*ReadingDiffers/s)
    t.match(lying.settlement.status.challenges, [{ answered: false, problem: /ReadingDiffers/ }])
    await chain.pass(rules.answerTime)
    await lying.settlement.advance()
    t.match(lying.settlement.status.problem, /it is too late/)
    t.equal(await community.chain.totalSupply(), 0n, "a batch with an open challenge does not settle")
    await doubt.cancel(1n)
    t.equal(await doubt.stake(), 0n)
    t.equal(
      (await doubt.owedTo(accounts.operator.address)) - before,
      wei(rules.bond) + wei(rules.siteStake) / 2n,
      "the challenger has the bond back and half of the stake",
    )

    await community.report(start + hour + 900, start + 2 * hour)
    const honest = community.settlement()
    await honest.advance()
    t.equal(community.journal.batches.get(1n)?.state, "superseded")
    t.same(honest.status.challenges, [])
    t.match(honest.status.problem, /NoStake/)
    await doubt.bondSite()
    await community.settle(honest)
    t.equal(await community.chain.totalSupply(), 2000n, "the next batch carries everything")

    const report = await audit({
      client: connect(chain.rpc),
      oracle: community.deployment.oracle,
      evidence: evidenceFrom(community.evidenceUrl),
      identities: [community.auditor.identity],
      progress: () => {},
    })
    t.equal(report.ok, true, reportAsText(report))
    t.same(report.challenges, { made: 1, answered: 0, unanswered: 1 })
    t.same(report.slashed, [{ whose: `site ${community.site}`, wei: wei(rules.siteStake) }])
    const why = report.cancelled.map((entry) => entry.why).join("\n")
    t.match(why, /^nobody showed the reading behind a statement that was doubted$/m)
    t.match(why, /^recomputed: entry 0: claimed .*"1001".* the readings give .*"1000"/m)
  },
)

t.test("what no meter can have made, and what its meter takes back, is cancelled at once", async (t) => {
  const community = await startCommunity(chain, { homes: 1, rules })
  t.teardown(() => community.stop())
  const doubt = doubter(community)
  await community.report(start, start + hour)
  const lying = await lyingSettlement(community, 1_000_000_000n)
  t.teardown(() => lying.close())
  await lying.settlement.advance()
  await doubt.proveAboveCeiling(1n)
  t.equal((await community.chain.proposal(community.site, 1n)).status, "cancelled")
  t.equal(await doubt.stake(), 0n)

  await doubt.bondSite()
  await community.report(start + hour + 900, start + 2 * hour)
  await community.settlement().advance()
  const lower = community.sign(community.meters[0]!, start + 2 * hour + 60, { generatedWh: 1500n })
  await doubt.proveRegisterFell(2n, start + 2 * hour + 60, lower)
  t.equal((await community.chain.proposal(community.site, 2n)).status, "cancelled")
  t.equal(await doubt.stake(), wei(rules.siteStake), "nobody is slashed for a register that fell")
  t.equal(await community.chain.totalSupply(), 0n)
})

t.test("a proof of fraud in a file is all that the contract needs", async (t) => {
  const community = await startCommunity(chain, { homes: 1, rules })
  t.teardown(() => community.stop())
  const { deployment, site, journal, config } = community
  const meter = community.meters[0]!
  await community.report(start, start + hour)
  meter.sequence--
  const lie = community.sign(meter, start + hour + 60, { generatedWh: 900n })
  t.match(await community.intake.submit({ source: "test", bytes: lie }), { reason: "equivocation" })
  const [kept, ...more] = equivocationsIn(config.dataDir, config.meters)
  t.same(more, [])
  const proof = readEquivocation(writeEquivocation(kept!)) as TwinReadings
  t.match(await judgeEquivocation(proof), { proven: true, by: meter.key.meterId, sequence: 4 })
  await send(challenger, proveTwinReadings(deployment.oracle, proof))
  const status = await challenger.readContract({
    address: deployment.registry,
    abi: meterRegistryAbi,
    functionName: "meter",
    args: [meter.key.meterId],
  })
  t.equal(status.status, 2, "the meter is suspended")

  const { key, address } = accounts.validators[0]!
  const at = { chainId: 31_337, oracle: deployment.oracle }
  const signed = async (leafCount: number) => {
    const [evidence, root] = [1, 2].map((n): Hex => `0x${n.toString(16).padStart(64, "0")}`) as [Hex, Hex]
    const proposal = { site, number: 7n, root, evidence, time: BigInt(start), leafCount, validatorSet: 1 }
    return { proposal, signature: await signProposal(at, proposal, key) }
  }
  const twinRoots = readEquivocation(
    writeEquivocation({ kind: "roots", ...at, a: await signed(1), b: await signed(2) }),
  ) as TwinRoots
  t.match(await judgeEquivocation(twinRoots), { proven: true, by: address })
  const { logs } = await send(challenger, proveTwinRoots(deployment.stakes, twinRoots))
  const events = parseEventLogs({ abi: stakesAbi, logs, eventName: "DoubleSignature" })
  t.match(events, [{ args: { site, number: 7n } }])
  const again = await send(challenger, proveTwinRoots(deployment.stakes, twinRoots)).catch((error) => error)
  t.match(String((again as PersonError).context), /AlreadyPunished/)

  t.test("and a leaf can be doubted from its batch's evidence alone", async (t) => {
    const honest = await startCommunity(chain, { homes: 1, rules })
    t.teardown(() => honest.stop())
    await honest.report(start, start + hour)
    const settlement = honest.settlement()
    await settlement.advance()
    const statements = honest.journal.batches.statements(1n)
    const about = { site: honest.site, number: 1n, bond: wei(rules.bond) }
    await send(challenger, doubt(honest.deployment.oracle, about, statements, statements[0]!))
    t.equal(await honest.chain.openChallenges(honest.site), 1)
    await settlement.advance()
    t.equal(await honest.chain.openChallenges(honest.site), 0, "the gateway answers it")
  })
  t.equal(journal.batches.get(1n), undefined)
})
