import { createServer } from "node:net"
import { Aedes } from "aedes"
import t from "tap"
import { accounts } from "../demo/plan.ts"
import type { Chain } from "../gateway/settlement/chain.ts"
import { startTestChain } from "./chain.ts"
import { type Community, hour, start, startCommunity } from "./community.ts"

const chain = await startTestChain()
t.teardown(() => chain.stop())

t.test("what the meters counted is minted to their households, and only once", async (t) => {
  const community = await startCommunity(chain)
  t.teardown(() => community.stop())
  await community.report(start, start + 2 * hour)
  await community.settle()
  t.equal(await community.chain.totalSupply(), 4000n, "two roofs, two hours, 1000 Wh each")
  t.equal(await community.chain.balance(community.households[0]!), 2000n)
  t.equal(community.journal.batches.newest(1)[0]?.state, "settled")

  await community.settle()
  t.equal(await community.chain.totalSupply(), 4000n, "settling again changes nothing")
  t.equal(community.journal.batches.newest(9).length, 1, "and makes no batch where nothing is new")
})

t.test("a gap of a month is settled by one proposal of the usual size", async (t) => {
  const community = await startCommunity(chain, { homes: 1, validators: 1, threshold: 1 })
  t.teardown(() => community.stop())
  await community.report(start, start + hour)
  await community.settle()
  const month = 30 * 24 * hour
  await community.report(start + month, start + month + hour)
  await community.settle()
  t.equal(await community.chain.totalSupply(), 1000n * (24n * 30n + 1n))
  t.equal((await community.chain.head(community.site)).number, 2n)
})

t.test("whenever the program ends on the way, it goes on where it was and mints nothing twice", async (t) => {
  const community = await startCommunity(chain, { homes: 1, validators: 1, threshold: 1 })
  t.teardown(() => community.stop())
  let time = start
  const crashes: string[] = []
  await community.report(start, start + hour)
  await community.settle()
  for (const moment of ["before", "after"] as const)
    for (let write = 1; ; write++) {
      await community.report(time + hour + 900, time + 2 * hour)
      time += hour
      const crashing = crashAt(community, write, moment)
      for (let i = 0; i < 3 && !crashing.crashed(); i++) {
        await community.settlement(crashing).advance()
        await chain.pass(61)
      }
      if (!crashing.crashed()) break
      crashes.push(`${moment} ${crashing.crashed()}`)
      await community.settle()
      const supply = await community.chain.totalSupply()
      t.equal(supply, BigInt((time + hour - start) / 3.6), `crash ${moment} ${crashing.crashed()}`)
    }
  for (const what of [
    "keepBlocks",
    "add",
    "putAttestation",
    "putTransaction",
    "send",
    "setOutcome",
    "setState",
    "putSighting",
  ])
    for (const moment of ["before", "after"]) t.ok(crashes.includes(`${moment} ${what}`), `${moment} ${what}`)
  t.comment(crashes.join(", "))
})

t.test("a transaction that was sent and not seen mined is sent again, not made anew", async (t) => {
  const community = await startCommunity(chain, { homes: 1 })
  t.teardown(() => community.stop())
  await community.report(start, start + hour)
  const sent: string[] = []
  const losing: Chain = {
    ...community.chain,
    send: async (raw) => {
      sent.push(raw)
      throw new Error("the line went down")
    },
    receipt: async (hash) => {
      if (sent.length > 0) throw new Error("the line is down")
      return community.chain.receipt(hash)
    },
  }
  const settlement = community.settlement({ chain: losing })
  await settlement.advance()
  t.match(settlement.status.problem, /the line is down/)
  const again: string[] = []
  const watching: Chain = {
    ...community.chain,
    send: (raw) => {
      again.push(raw)
      return community.chain.send(raw)
    },
  }
  await community.settle(community.settlement({ chain: watching }))
  t.equal(again[0], sent[0], "the same bytes")
  t.equal(await community.chain.totalSupply(), 1000n)
})

t.test("a chain that is another than the one configured gets nothing", async (t) => {
  const community = await startCommunity(chain, { homes: 1 })
  t.teardown(() => community.stop())
  await community.report(start, start + hour)
  const { connectChain } = await import("../gateway/settlement/chain.ts")
  const wrong = connectChain({ ...community.config.chain, site: community.site, chainId: 1 })
  const settlement = community.settlement({ chain: wrong })
  await settlement.advance()
  t.match(settlement.status.problem, /on chain 31337, the configuration says 1/)
  t.equal((await community.chain.head(community.site)).number, 0n)
})

t.test(
  "a reading in doubt reaches no statement, and the next good one settles what was really made",
  async (t) => {
    const community = await startCommunity(chain, { homes: 1 })
    t.teardown(() => community.stop())
    await community.report(start, start + hour)
    const roof = community.meters[0]!
    community.setTime(start + hour + 60)
    const jump = community.sign(roof, start + hour + 60, { generatedWh: 1_000_000n })
    const outcome = await community.intake.submit({ source: "test", bytes: jump })
    t.match(outcome, { kind: "authentic", verdict: { accepted: false, reason: "over-rated" } })
    await community.settle()
    t.equal(await community.chain.totalSupply(), 1000n)
    await community.report(start + hour + 900, start + 2 * hour)
    await community.settle()
    t.equal(await community.chain.totalSupply(), 2000n)
  },
)

t.test("validators", async (t) => {
  t.test("one of three may be away", async (t) => {
    const community = await startCommunity(chain, { homes: 1 })
    t.teardown(() => community.stop())
    await community.validators[0]!.close()
    community.validators.shift()
    await community.report(start, start + hour)
    await community.settle()
    t.equal(await community.chain.totalSupply(), 1000n)
  })

  t.test("that nobody can reach from outside sign over a broker", async (t) => {
    const broker = await Aedes.createBroker()
    const server = createServer(broker.handle)
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    t.teardown(() => new Promise<void>((resolve) => broker.close(() => server.close(() => resolve()))))
    const { port } = server.address() as { port: number }
    const community = await startCommunity(chain, { homes: 1, broker: `mqtt://127.0.0.1:${port}` })
    t.teardown(() => community.stop())
    await community.report(start, start + hour)
    await community.settle()
    t.equal(await community.chain.totalSupply(), 1000n)
    const addresses = accounts.validators.map(({ address }) => address.toLowerCase())
    for (const { validator } of community.journal.batches.attestations(1n))
      t.ok(addresses.includes(validator), validator)
  })

  t.test(
    "without enough of them nothing is proposed, the page says why, and it goes on when they are back",
    async (t) => {
      const community = await startCommunity(chain, { homes: 1 })
      t.teardown(() => community.stop())
      const away = ["http://127.0.0.1:1", "http://127.0.0.1:2"]
      const validators = [...away, ...community.config.validators.slice(2)]
      const settlement = community.settlement({ config: { ...community.config, validators } })
      for (let hours = 0; hours < 3; hours++) {
        await community.report(start + hours * hour + (hours && 900), start + (hours + 1) * hour)
        await settlement.advance()
        t.match(settlement.status.problem, /lacks signatures \(2 are needed\).*does not answer/)
      }
      t.equal((await community.chain.head(community.site)).number, 0n)
      await community.settle()
      t.equal(await community.chain.totalSupply(), 3000n)
      t.equal(
        (await community.chain.head(community.site)).number,
        2n,
        "the batch that waited, and one for the rest",
      )
    },
  )

  t.test("refuse a batch whose statement is one Wh higher than its reading", async (t) => {
    const community = await startCommunity(chain, { homes: 1 })
    t.teardown(() => community.stop())
    await community.report(start, start + hour)
    const { journal } = community
    const lying = {
      ...journal,
      readings: {
        ...journal.readings,
        after: (meterId: `0x${string}`, id: bigint) =>
          journal.readings.after(meterId, id).map((reading) => ({
            ...reading,
            registers: reading.registers.generatedWh
              ? { generatedWh: reading.registers.generatedWh + 1n }
              : reading.registers,
          })),
      },
    }
    const settlement = community.settlement({ journal: lying })
    await settlement.advance()
    t.match(settlement.status.problem, /refuses: site 1?\d* batch 1: entry 0: claimed/)
    t.equal((await community.chain.head(community.site)).number, 0n)
  })
})

t.test("a proposal that is cancelled on chain harms nobody: the next one carries everything", async (t) => {
  const community = await startCommunity(chain, { homes: 1 })
  t.teardown(() => community.stop())
  await community.report(start, start + hour)
  await community.settlement().advance()
  t.equal((await community.chain.head(community.site)).number, 1n)
  const { connectOperator } = await import("../provisioning/operator.ts")
  const { impactOracleAbi } = await import("../contracts/generated/impactOracle.ts")
  const operator = await connectOperator(chain.rpc, accounts.operator.key)
  await operator.writeContract({
    address: community.deployment.oracle,
    abi: impactOracleAbi,
    functionName: "cancel",
    args: [community.site, 1n],
  })
  await community.report(start + hour + 900, start + 2 * hour)
  await community.settle()
  t.equal(await community.chain.totalSupply(), 2000n)
  t.equal(community.journal.batches.get(1n)?.state, "superseded")
})

/** Whatever changes the journal or the chain. */
const writes = [
  "keepBlocks",
  "add",
  "remove",
  "setState",
  "putAttestation",
  "putSigned",
  "putTransaction",
  "setOutcome",
  "putSighting",
  "send",
]

/** A program that ends at its nth write, to the journal or to the chain, before or after the write was done. */
function crashAt({ journal, chain: real }: Community, nth: number, moment: "before" | "after") {
  let calls = 0
  let crashed: string | undefined
  const ended = new Error("the program has ended")
  const watched = <T extends object>(part: T): T =>
    new Proxy(part, {
      get(target, name, receiver) {
        const method: unknown = Reflect.get(target, name, receiver)
        if (typeof method !== "function" || name === "nodes") return method
        return (...args: unknown[]) => {
          if (crashed) throw ended
          const isNow = writes.includes(String(name)) && ++calls === nth
          if (isNow) crashed = String(name)
          if (isNow && moment === "before") throw ended
          const result: unknown = method.apply(target, args)
          if (!(result instanceof Promise)) {
            if (isNow) throw ended
            return result
          }
          return result.then((value: unknown) => {
            if (crashed) throw ended
            return value
          })
        }
      },
    })
  return {
    chain: watched(real),
    journal: { ...journal, batches: watched(journal.batches) },
    crashed: () => crashed,
  }
}
