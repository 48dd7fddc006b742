import pino from "pino"
import t from "tap"
import { toHex } from "../../protocol/hex.ts"
import { Scheme } from "../../protocol/meter.ts"
import { readingDigest } from "../../protocol/reading.ts"
import { leafOf, type MeterStatement } from "../../protocol/statement.ts"
import type { Config, Meter } from "../config.ts"
import { start, testMeter } from "../intake.test.support.ts"
import type { Batch } from "../journal/batches.ts"
import type { Journal } from "../journal/journal.ts"
import type { Chain } from "./chain.ts"
import { beyondChallenge, createAnswers } from "./challenges.ts"

const roof = testMeter("roof")
const reading = roof.says(0, { time: start, generatedWh: 1n })
const statement: MeterStatement = {
  kind: 1,
  meterId: roof.key.meterId,
  generatedWh: 1n,
  time: start,
  reading: readingDigest(reading),
}
const leaf = toHex(leafOf(statement))
const batch = { number: 1n } as Batch
const deadline = start + 100

/** A chain on which one statement is doubted until it is answered; whose transactions may fail. */
function doubted({ scheme = roof.key.scheme as Scheme, now = start, kept = true, send = () => {} } = {}) {
  const state = { open: true, sent: 0 }
  const chain = {
    openChallenges: async () => (state.open ? 1 : 0),
    challengeDeadline: async (_site: number, _number: bigint, asked: string) =>
      state.open && asked === leaf ? deadline : undefined,
    blockTime: async () => now,
    answerCall: async () => ({ to: "0x", data: "0x", gas: 1n }),
  } as unknown as Chain
  const meter = { ...roof, key: { ...roof.key, scheme } } as unknown as Meter
  const answers = createAnswers({
    config: { site: 1, meters: [{ ...meter, name: "roof" }] } as Config,
    journal: {
      batches: { statements: () => [statement], lastReading: () => 1n },
      readings: { rowId: () => 1n, quoted: () => (kept ? reading : undefined) },
    } as unknown as Journal,
    chain,
    lane: {
      async transact() {
        state.sent++
        send()
        state.open = false
        return "mined" as const
      },
      async catchUp() {},
      waitsFor: () => undefined,
    },
    log: pino({ level: "silent" }),
  })
  return { state, answers }
}

t.test("a doubted statement is answered once", async (t) => {
  const { state, answers } = doubted()
  await answers.answerAll(batch)
  await answers.answerAll(batch)
  t.equal(state.sent, 1)
  t.match(answers.challenges(), [{ meter: "roof", deadline, answered: true }])
})

t.test("when another gateway is faster, the refused transaction is nobody's problem", async (t) => {
  const { state, answers } = doubted({
    send() {
      state.open = false
      throw new Error("NoChallenge")
    },
  })
  await answers.answerAll(batch)
  t.match(answers.challenges(), [{ answered: true, problem: undefined }])
})

t.test("what cannot be answered is said, with the time that is left, and tried again", async (t) => {
  const failing = doubted({
    send() {
      throw new Error("out of gas")
    },
  })
  for (let i = 0; i < 2; i++)
    await t.rejects(
      failing.answers.answerAll(batch),
      /the statement of roof was doubted.*2\d{3}-.*: out of gas/,
    )
  t.equal(failing.state.sent, 2)
  for (const [about, says] of [
    [{ now: deadline }, /it is too late/],
    [{ kept: false }, /the journal does not hold the reading/],
    [{ scheme: Scheme.bsm }, /in a format of its maker, which the chain cannot read/],
  ] as const) {
    const { state, answers } = doubted(about)
    await t.rejects(answers.answerAll(batch), says)
    t.equal(state.sent, 0)
  }
})

t.test(
  "meters whose makers have a format of their own are named: nobody can doubt them on chain",
  async (t) => {
    const meters = [
      { ...roof, name: "roof" },
      { ...roof, name: "cellar", key: { ...roof.key, scheme: Scheme["ocmf-secp256r1"] } },
    ] as unknown as Meter[]
    t.same(beyondChallenge({ meters }), ["cellar"])
  },
)
