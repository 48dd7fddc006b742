import { readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { Aedes } from "aedes"
import mqtt from "mqtt"
import t from "tap"
import { write } from "../audit/cache/kept.ts"
import { evidenceFrom } from "../audit/evidence-source.ts"
import { connect, readHistory } from "../audit/history.ts"
import { createValidator } from "../audit/validator.ts"
import { openChain } from "../audit/validator-chain.ts"
import { answerOverMqtt } from "../audit/validator-mqtt.ts"
import { serveValidator } from "../audit/validator-server.ts"
import { accounts } from "../demo/plan.ts"
import { signerOf } from "../protocol/attestation.ts"
import { answerTopic, readAnswer, requestTopic, writeRequest } from "../protocol/attestation-messages.ts"
import { evidenceDigest } from "../protocol/block.ts"
import type { Hex } from "../protocol/hex.ts"
import { nameValidators } from "../provisioning/community.ts"
import { startTestChain } from "./chain.ts"
import { hour, start, startCommunity, testPlan } from "./community.ts"

const chain = await startTestChain()
t.teardown(() => chain.stop())

t.test("a validator", async (t) => {
  const community = await startCommunity(chain, { homes: 1 })
  t.teardown(() => community.stop())
  const { site, deployment } = community
  await community.report(start, start + hour)
  await community.settle()
  await community.report(start + hour + 900, start + 2 * hour)
  await community.settle()
  const [second, first] = community.journal.batches.newest(2)
  const directory = t.testdir()
  let fetched: string[] = []
  const open = () =>
    createValidator({
      rpc: chain.rpc,
      oracle: deployment.oracle,
      privateKey: accounts.validators[0]!.key,
      identities: [community.auditor.identity],
      evidence: new Map([
        [
          site,
          async (root) => {
            fetched.push(root.toString())
            return evidenceFrom(community.evidenceUrl)(root)
          },
        ],
      ]),
      dataDir: join(directory, "validator"),
      clock: { now: () => start + 3 * hour, delayUntil: () => 0 },
      log: () => {},
    })
  const at = { chainId: 31_337, oracle: deployment.oracle }
  /** A third batch that carries the second one's evidence: nobody can sign it. */
  const falseThird = (root: Hex) => ({
    site,
    number: 3n,
    root,
    evidence: evidenceDigest(second!.evidence),
    time: BigInt(start + 3 * hour),
    leafCount: 1,
    validatorSet: 1,
  })
  const word = (n: number) => `0x${n.toString(16).padStart(64, "0")}` as Hex
  const before = open()
  t.match(await before.attest(at, falseThird(word(1))), { refused: [/says number 2, proposed was 3/] })
  t.ok(fetched.includes(first!.evidence.toString()), "it follows the site from its first batch")

  fetched = []
  const validator = open()
  t.match(await validator.attest(at, falseThird(word(2))), { refused: [/says number 2/] })
  t.same(fetched, [second!.evidence.toString()], "and after a restart goes on from where it was")

  const server = await serveValidator(validator, { host: "127.0.0.1", port: 0 })
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${server.port}`

  t.test("tells programs and people what it refused and why, also after a restart", async (t) => {
    const { refusals } = (await (await fetch(`${url}/refusals`)).json()) as { refusals: unknown[] }
    t.match(refusals, [
      { site, number: "3", root: word(2), reasons: [/says number 2, proposed was 3/] },
      { site, number: "3", root: word(1) },
    ])
    t.match(await (await fetch(`${url}/refusals?site=99`)).json(), { refusals: [] })
    const page = await fetch(url, { headers: { accept: "text/html" } })
    t.match(await page.text(), /says number 2, proposed was 3/)
    t.match(page.headers.get("content-security-policy"), /default-src 'none'/)
    t.match(await (await fetch(url)).json(), { validator: validator.address })
  })

  t.test("answers over MQTT what it answers over HTTP", async (t) => {
    const broker = await Aedes.createBroker()
    const listener = createServer(broker.handle)
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve))
    const { port } = listener.address() as { port: number }
    let answering: ReturnType<typeof answerOverMqtt> | undefined
    await new Promise<void>((resolve) => {
      answering = answerOverMqtt(validator, { url: `mqtt://127.0.0.1:${port}` }, (what) => {
        if (what === "listening over MQTT") resolve()
      })
    })
    const gateway = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`)
    t.teardown(async () => {
      await answering?.close()
      await gateway.endAsync(true)
      await new Promise<void>((resolve) => broker.close(() => listener.close(() => resolve())))
    })
    const request = { ...at, proposal: falseThird(word(2)) }
    await gateway.subscribeAsync(answerTopic(request, "+"), { qos: 1 })
    const answered = new Promise<{ topic: string; text: string }>((resolve) =>
      gateway.on("message", (topic, payload) => resolve({ topic, text: payload.toString() })),
    )
    const topic = requestTopic(at, site)
    await gateway.publishAsync(topic, "not a request", { qos: 1 })
    await gateway.publishAsync(topic, "x".repeat(20_000), { qos: 1 })
    await gateway.publishAsync(topic, writeRequest(request), { qos: 1 })
    const overMqtt = await answered
    t.equal(overMqtt.topic, answerTopic(request, validator.address))
    const overHttp = await fetch(`${url}/attestations`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: writeRequest(request),
    })
    t.equal(overHttp.status, 409)
    t.equal(overMqtt.text, await overHttp.text(), "the same bytes")
    t.match(readAnswer(overMqtt.text), { refused: [/says number 2/] })
  })

  t.test(
    "signs the same batch again for another validator set, and never another with its number",
    async (t) => {
      await community.report(start + 2 * hour + 900, start + 3 * hour)
      const { config, journal } = community
      await community.settlement({ config: { ...config, validators: [] } }).advance()
      const third = journal.batches.get(3n)!
      const proposal = {
        ...falseThird(third.root),
        evidence: evidenceDigest(third.evidence),
        time: BigInt(third.time),
        leafCount: journal.batches.leaves(3n).length,
      }
      const underSecond = { ...proposal, validatorSet: 2 }
      const signed = await validator.attest(at, proposal)
      t.equal(await signerOf(at, proposal, (signed as { signature: Hex }).signature), validator.address)
      t.match(await validator.attest(at, underSecond), {
        refused: [/validator set 2 is not the one in force/],
      })

      const addresses = accounts.validators.map(({ address }) => address)
      const plan = testPlan({ validators: addresses, threshold: 1 })
      await t.rejects(nameValidators(community.operator, deployment, plan), /scheduled/)
      await chain.pass(62)
      await nameValidators(community.operator, deployment, plan)

      const book = join(directory, "validator", "signed.jsonl")
      const underFirst = readFileSync(book, "utf8")
      const { key, digest } = JSON.parse(underFirst)
      const ofEarlierVersion = `${JSON.stringify({ key, digest })}\n`
      for (const [text, what] of [
        [underFirst, "after a restart"],
        [ofEarlierVersion, "from the list of an earlier version"],
      ] as const) {
        writeFileSync(book, text)
        for (const other of [
          { ...underSecond, root: word(7) },
          { ...underSecond, evidence: evidenceDigest(second!.evidence) },
          { ...underSecond, time: proposal.time - 1n },
          { ...underSecond, leafCount: 99 },
          { ...proposal, root: word(7) },
        ])
          t.match(await open().attest(at, other), { refused: [/two roots for one number/] }, what)
        const again = (await open().attest(at, underSecond)) as { signature: Hex }
        t.equal(await signerOf(at, underSecond, again.signature), validator.address, what)
        t.same(await open().attest(at, underSecond), again, "the same signature as often as it is asked")
        t.match(await open().attest(at, { ...underSecond, root: word(7) }), { refused: [/two roots/] }, what)
      }
      t.match(
        await open().attest(at, proposal),
        { refused: [/validator set 1 is not the one in force/] },
        "a set that is no longer in force gets nothing more",
      )
    },
  )

  t.test("reads what is deep in the chain once, and anew where it was rewritten", async (t) => {
    const dataDir = t.testdir()
    const { oracle } = deployment
    const client = connect(chain.rpc)
    const plain = await readHistory(client, oracle)
    const known = ({ meters, proposals, validators, rules, policies, policyOf, oracles }: typeof plain) =>
      write({ meters, proposals, validators, rules, policies, policyOf, oracles })
    let asked: { fromBlock: bigint; toBlock: bigint }[] = []
    let mostBlocks = 1_000n
    const told: string[] = []
    const counting = {
      ...client,
      getLogs: (span: { fromBlock: bigint; toBlock: bigint }) => {
        if (span.toBlock - span.fromBlock >= mostBlocks)
          throw Object.assign(new Error("range is too large"), { code: -32_005 })
        asked.push(span)
        return client.getLogs(span)
      },
    } as unknown as typeof client
    const read = async () => {
      asked = []
      return openChain(dataDir, counting, oracle, (what) => told.push(what), 3n).read()
    }
    const snapshot = await chain.client.snapshot()
    await chain.client.mine({ blocks: 60 })
    t.equal(known(await read()), known(plain), "it is what whoever reads all of it finds")
    const tip = await client.getBlockNumber()
    t.ok(asked[0]!.fromBlock > 0n && asked[0]!.fromBlock <= plain.meters[0]!.at.block, "from the first on")

    t.equal(known(await read()), known(plain))
    t.ok(asked.length > 0 && asked.every(({ fromBlock }) => fromBlock > tip - 10n), "after a restart")

    await community.report(start + 3 * hour + 900, start + 4 * hour)
    await community.settle()
    const later = await readHistory(client, oracle)
    t.ok(later.proposals.length > plain.proposals.length)
    t.equal(known(await read()), known(later), "what is new is read behind what was known")

    await chain.client.revert({ id: snapshot })
    await chain.client.mine({ blocks: 90 })
    mostBlocks = 7n
    t.equal(known(await read()), known(plain), "also from a node that tells of few blocks at once")
    t.same(told, ["the chain was rewritten"])
  })
})
