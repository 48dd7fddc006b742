import t from "tap"
import {
  type AttestationRequest,
  answerTopic,
  readAnswer,
  readRequest,
  requestTopic,
  writeRequest,
} from "./attestation-messages.ts"
import type { Hex } from "./hex.ts"

const word = (n: number) => `0x${n.toString(16).padStart(64, "0")}` as Hex
const oracle = `0x${"ab".repeat(20)}` as Hex
const request: AttestationRequest = {
  chainId: 31_337,
  oracle,
  proposal: {
    site: 3,
    number: 42n,
    root: word(1),
    evidence: word(2),
    time: 2n ** 63n,
    leafCount: 17,
    validatorSet: 3,
  },
}

t.test("a request is read as it was written, and 64 bits are not rounded", async (t) => {
  t.same(readRequest(writeRequest(request)), request)
})

t.test("what is not a request or an answer is refused with its place", async (t) => {
  const text = writeRequest(request)
  for (const [damaged, says] of [
    ["", /not JSON/],
    [text.replace('"42"', "42"), /proposal\.number/],
    [text.replace('"site":3', '"site":0'), /proposal\.site/],
    [text.replace("{", '{"evidenceUrl":"http://evil",'), /evidenceUrl|format/],
    [text.replace(oracle, oracle.toUpperCase()), /oracle/],
  ] as const)
    t.throws(() => readRequest(damaged), { message: says })
  const signature = `0x${"12".repeat(64)}`
  const refused = { refused: ["it is late"], signature }
  for (const damaged of [
    {},
    [],
    { signature: "0x12" },
    { refused: ["not signed"] },
    { refused: [], signature },
    { refused: "no", signature },
    { ...refused, error: "both" },
  ])
    t.throws(() => readAnswer(JSON.stringify(damaged)), { message: /the answer is not in the format/ })
  t.same(readAnswer(JSON.stringify(refused)), refused)
})

t.test("an answer to one proposal never comes on the topic of another", async (t) => {
  const validator = `0x${"01".repeat(20)}` as Hex
  const topics = new Set([
    answerTopic(request, validator),
    answerTopic({ ...request, chainId: 1 }, validator),
    ...(["site", "leafCount", "validatorSet"] as const).map((name) =>
      answerTopic({ ...request, proposal: { ...request.proposal, [name]: 99 } }, validator),
    ),
    answerTopic({ ...request, proposal: { ...request.proposal, root: word(9) } }, validator),
  ])
  t.equal(topics.size, 6)
  t.equal(requestTopic(request, 3), `commonwatt/31337/${oracle}/3/attestations/request`)
  t.match(answerTopic(request, "+"), /\/3\/attestations\/0x[0-9a-f]{64}\/\+$/)
})
