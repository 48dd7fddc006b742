import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Aedes } from "aedes"
import mqtt from "mqtt"
import pino from "pino"
import t from "tap"
import { privateKeyToAccount } from "viem/accounts"
import type { Validator } from "../../audit/validator.ts"
import { answerOverMqtt } from "../../audit/validator-mqtt.ts"
import { signProposal, signRefusal } from "../../protocol/attestation.ts"
import { answerTopic, readRequest, requestTopic } from "../../protocol/attestation-messages.ts"
import { evidenceCid } from "../../protocol/block.ts"
import type { Hex } from "../../protocol/hex.ts"
import type { Proposal } from "../../protocol/proposal.ts"
import { openJournal } from "../journal/journal.ts"
import { createMqttAsking } from "./ask-mqtt.ts"
import { createGathering } from "./gather.ts"

const at = { chainId: 1, oracle: `0x${"22".repeat(20)}` as Hex }
const bytes32 = (byte: string): Hex => `0x${byte.repeat(32)}`
const keys = ["01", "02", "03"].map(bytes32)
const addresses = keys.map((key) => privateKeyToAccount(key).address.toLowerCase() as Hex)
const set = { version: 1, addresses, threshold: 2 }
const proposal: Proposal = {
  site: 1,
  number: 1n,
  root: bytes32("aa"),
  evidence: bytes32("ee"),
  time: 1_800_000_000n,
  leafCount: 1,
  validatorSet: 1,
}
const topic = requestTopic(at, proposal.site)
const reasons = ["entry 0: claimed 1001, the readings give 1000"]
/** Long enough for the slowest machine: nothing waits for it. */
const patient = 600_000

type Test = Pick<typeof t, "teardown">
type Attest = Validator["attest"]

async function startBroker(t: Test) {
  const broker = await Aedes.createBroker()
  const server = createServer(broker.handle)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const url = `mqtt://127.0.0.1:${(server.address() as { port: number }).port}`
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= new Promise<void>((resolve) => broker.close(() => server.close(() => resolve())))
    return closing
  }
  t.teardown(close)
  return { url, broker, close }
}

/** The validators' own side of the protocol, with judges of the test's. */
async function listen(t: Test, url: string, judges: readonly Attest[]): Promise<void> {
  for (const [i, attest] of judges.entries()) {
    const validator = { address: addresses[i]!, sites: [1], oracle: at.oracle, attest, refusals: () => [] }
    await new Promise<void>((resolve) => {
      const answering = answerOverMqtt(validator, { url }, (what) => {
        if (what === "listening over MQTT") resolve()
      })
      t.teardown(() => answering.close())
    })
  }
}

const signs =
  (i: number): Attest =>
  async (place, asked) => ({ signature: await signProposal(place, asked, keys[i]!) })
const refuses =
  (i: number): Attest =>
  async (place, asked) => ({
    refused: reasons,
    signature: await signRefusal(place, asked, reasons, keys[i]!),
  })
const isSilent: Attest = () => new Promise(() => {})

function gatewayOf(t: Test, url: string) {
  const directory = mkdtempSync(join(tmpdir(), "commonwatt-ask-"))
  const journal = openJournal(directory, [])
  t.teardown(() => {
    journal.close()
    rmSync(directory, { recursive: true })
  })
  journal.batches.add({
    number: 1n,
    time: 1_800_000_000,
    root: proposal.root,
    evidence: evidenceCid(proposal.evidence),
    statements: [],
    blocks: [],
    lastReadings: [],
  })
  const config = { validators: [...addresses], site: 1, validatorBroker: { url } }
  const ask = createMqttAsking(config, patient)
  const gathering = createGathering({
    config,
    at,
    journal,
    clock: { now: () => 1_800_000_100, delayUntil: () => 0 },
    graceMs: 1,
    log: pino({ level: "silent" }),
    ask: (validator, request) => ask(validator as Hex, request),
  })
  return {
    journal,
    gather: () => gathering.gather(1n, proposal, set),
  }
}

t.test("enough signatures come over MQTT alone, whatever the third validator does", async (t) => {
  for (const third of [
    signs(2),
    refuses(2),
    isSilent,
    async () => Promise.reject(new Error("no evidence")),
  ]) {
    const { url, broker } = await startBroker(t)
    await listen(t, url, [signs(0), signs(1), third])
    const requests: string[] = []
    await new Promise<void>((resolve) =>
      broker.subscribe(
        topic,
        (packet, done) => {
          requests.push(packet.payload.toString())
          done()
        },
        resolve,
      ),
    )
    const { journal, gather } = gatewayOf(t, url)
    const { signatures, hopeless } = await gather()
    t.ok(signatures)
    t.equal(hopeless, false)
    t.equal(requests.length, 1, "one request is for all")
    t.same(readRequest(requests[0]!), { ...at, proposal })
    t.ok(journal.batches.attestations(1n).filter(({ signature }) => signature).length >= 2)
  }
})

t.test("what a stranger writes on the validators' topics changes nothing", async (t) => {
  const { url } = await startBroker(t)
  const stranger = await mqtt.connectAsync(url)
  t.teardown(() => stranger.endAsync(true))
  await stranger.subscribeAsync(topic, { qos: 1 })
  const written = new Promise<void>((resolve) =>
    stranger.on("message", async (_topic, payload) => {
      const request = readRequest(payload.toString())
      const others = { ...request.proposal, root: bytes32("bb") }
      for (const address of addresses)
        for (const text of [
          JSON.stringify({ refused: reasons }),
          JSON.stringify({
            refused: reasons,
            signature: await signRefusal(at, request.proposal, reasons, bytes32("77")),
          }),
          JSON.stringify({
            refused: reasons,
            signature: await signRefusal(at, others, reasons, keys[addresses.indexOf(address)]!),
          }),
          JSON.stringify({
            refused: ["another reason"],
            signature: await signRefusal(at, request.proposal, reasons, keys[addresses.indexOf(address)]!),
          }),
          JSON.stringify({ error: "ask again later" }),
          JSON.stringify({ signature: await signProposal(at, request.proposal, bytes32("77")) }),
          JSON.stringify({ signature: await signProposal(at, others, keys[addresses.indexOf(address)]!) }),
          JSON.stringify({
            signature: await signProposal(at, request.proposal, keys[(addresses.indexOf(address) + 1) % 3]!),
          }),
          "{",
          "x".repeat(100_000),
          "",
        ])
          await stranger.publishAsync(answerTopic(request, address), text, { qos: 1 })
      await stranger.publishAsync(answerTopic(request, "0x__proto__" as Hex), "{}", { qos: 1 })
      resolve()
    }),
  )
  const afterThat =
    (attest: Attest): Attest =>
    async (...asked) => {
      await written
      return attest(...asked)
    }
  await listen(t, url, [signs(0), signs(1), signs(2)].map(afterThat))
  const { journal, gather } = gatewayOf(t, url)
  const { signatures, hopeless } = await gather()
  t.ok(signatures)
  t.equal(hopeless, false)
  t.same(journal.batches.doubleSignatures(1), [], "and convicts nobody")
  t.ok(journal.batches.attestations(1n).every(({ signature }) => signature))
})

t.test(
  "a batch that too many refuse over MQTT is given up, and one that is not is asked about again",
  async (t) => {
    const { url } = await startBroker(t)
    let mind: readonly Attest[] = [refuses(0), signs(1), signs(2)]
    await listen(
      t,
      url,
      addresses.map(
        (_, i): Attest =>
          (...asked) =>
            mind[i]!(...asked),
      ),
    )
    const one = gatewayOf(t, url)
    t.ok((await one.gather()).signatures, "one of three that refuses gives nothing up")
    mind = [refuses(0), refuses(1), signs(2)]
    const other = gatewayOf(t, url)
    const { hopeless, problems } = await other.gather()
    t.equal(hopeless, true)
    t.match(problems.sort(), [
      new RegExp(`^${[...addresses.slice(0, 2)].sort()[0]} refuses: entry 0: claimed 1001`),
      /refuses: entry 0/,
    ])
    mind = addresses.map((_, i) => signs(i))
    t.ok((await other.gather()).signatures, "where it is asked again it may have come to its senses")
  },
)

t.test("a broker that is away, or goes away under way, is said and holds nobody for long", async (t) => {
  const { url, broker, close } = await startBroker(t)
  const { gather } = gatewayOf(t, url)
  broker.subscribe(
    topic,
    (_packet, done) => {
      done()
      void close()
    },
    () => {},
  )
  const { problems } = await gather()
  t.equal(problems.length, 3)
  for (const problem of problems)
    t.match(problem, /^0x\w{40} does not answer: the broker ended the connection/)
  t.match((await gather()).problems.join(), /does not answer: the broker cannot be used: .*ECONNREFUSED/)
})

t.test("a broker that lets nobody listen is said to", async (t) => {
  const { url, broker } = await startBroker(t)
  broker.authorizeSubscribe = (_client, _subscription, done) => done(null, null)
  t.match((await gatewayOf(t, url).gather()).problems.join(), /does not answer: the broker refuses/)
})

t.test("a broker that has to be waited for is named", async (t) => {
  const ask = createMqttAsking({})
  await t.rejects(ask(addresses[0]!, { ...at, proposal }), /waits for a restart/)
})
