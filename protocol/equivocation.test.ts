import t from "tap"
import { signProposal } from "./attestation.ts"
import {
  isEquivocation,
  judgeEquivocation,
  nameOfEquivocation,
  readEquivocation,
  type TwinReadings,
  type TwinRoots,
  writeEquivocation,
} from "./equivocation.ts"
import { type Hex, toHex } from "./hex.ts"
import type { Proposal } from "./proposal.ts"
import { Clock, encodeReading, type Reading } from "./reading.ts"
import { bytesFor, ed25519Meter, es256Meter, type VectorMeter } from "./vectors/fixed-keys.ts"

const meter = ed25519Meter("twins")
const reading = (by: VectorMeter, over: Partial<Reading> = {}) => {
  const usual = { sequence: 7, time: 1_780_315_200, clock: Clock.synchronised, clockSets: 1, boots: 1 }
  return toHex(
    encodeReading({ ...usual, generatedWh: 1000n, ...over } as Reading, by.key.scheme, by.key.kid, by.sign),
  )
}
const twins = (by: VectorMeter, over: Partial<TwinReadings> = {}): TwinReadings => ({
  kind: "readings",
  meterId: by.key.meterId,
  scheme: by.key.scheme,
  publicKey: toHex(by.key.publicKey),
  a: reading(by),
  b: reading(by, { generatedWh: 1001n }),
  ...over,
})

const oracle = `0x${"ab".repeat(20)}` as Hex
const at = { chainId: 31_337, oracle }
const [one, other] = ["validator 1", "validator 2"].map((name) => toHex(bytesFor(name))) as [Hex, Hex]
const word = (n: number) => `0x${n.toString(16).padStart(64, "0")}` as Hex
const proposal: Proposal = {
  site: 3,
  number: 42n,
  root: word(1),
  evidence: word(2),
  time: 1_780_315_200n,
  leafCount: 17,
  validatorSet: 1,
}
const roots = async (over: Partial<Proposal>, key = one): Promise<TwinRoots> => ({
  kind: "roots",
  ...at,
  a: { proposal, signature: await signProposal(at, proposal, one) },
  b: {
    proposal: { ...proposal, ...over },
    signature: await signProposal(at, { ...proposal, ...over }, key),
  },
})

t.test("two readings with one sequence number prove themselves, from the file alone", async (t) => {
  for (const by of [meter, es256Meter("twins too")]) {
    const text = writeEquivocation(twins(by))
    t.ok(isEquivocation(text))
    const proof = readEquivocation(text)
    t.same(proof, twins(by))
    const judged = await judgeEquivocation(proof)
    t.same(judged, { proven: true, reasons: [], open: [], by: by.key.meterId, sequence: 7 })
    t.match(nameOfEquivocation(proof, judged), /^equivocation-[0-9a-f]{8}-sequence-7\.json$/)
  }
})

t.test("what is no fraud is not proven, with the reason", async (t) => {
  const stranger = ed25519Meter("stranger")
  const flipped = (bytes: Hex) => `${bytes.slice(0, -1)}${bytes.endsWith("0") ? "1" : "0"}` as Hex
  for (const [name, proof, says] of [
    ["the same reading twice", twins(meter, { b: reading(meter) }), /both say the same/],
    ["two sequences", twins(meter, { b: reading(meter, { sequence: 8 }) }), /7 and 8, not one/],
    ["another's reading", twins(meter, { b: reading(stranger) }), /reading 2 is not signed by this key/],
    ["a forged one", twins(meter, { b: flipped(reading(meter)) }), /reading 2 is not signed by this key/],
    ["a torn one", twins(meter, { a: reading(meter).slice(0, -2) as Hex }), /reading 1 is malformed/],
    ["no key", twins(meter, { publicKey: "0x12" }), /its key is none/],
  ] as const)
    t.test(name, async (t) => {
      const { proven, reasons } = await judgeEquivocation(proof)
      t.equal(proven, false)
      t.match(reasons.join("; "), says)
    })
})

t.test(
  "a key that is not the meter's first is for the registry to judge, and the proof says so",
  async (t) => {
    const { proven, open } = await judgeEquivocation(twins(meter, { meterId: word(5) }))
    t.equal(proven, true)
    t.match(open, [/the registry says whether it has it/])
  },
)

t.test("two batches that one validator signed for one number prove themselves", async (t) => {
  for (const over of [{ root: word(9) }, { evidence: word(9) }, { time: 1n }, { leafCount: 1 }]) {
    const proof = readEquivocation(writeEquivocation(await roots(over)))
    const judged = await judgeEquivocation(proof)
    t.equal(judged.proven, true)
    t.match(judged, { site: 3, number: 42n, by: /^0x[0-9a-f]{40}$/ })
    t.match(nameOfEquivocation(proof, judged), /-site-3-number-42\.json$/)
  }
  for (const [proof, says] of [
    [await roots({}), /the same batch/],
    [await roots({ validatorSet: 2 }), /the same batch/],
    [await roots({ number: 43n, root: word(9) }), /42 and 43, not one/],
    [await roots({ site: 4, root: word(9) }), /different sites/],
    [await roots({ root: word(9) }, other), /the first is signed by 0x\w+, the second by 0x/],
    [{ ...(await roots({ root: word(9) })), chainId: 1 }, /the first is signed by/],
  ] as const) {
    const { proven, reasons } = await judgeEquivocation(proof)
    t.equal(proven, false)
    t.match(reasons.join("; "), says)
  }
})

t.test("a file that is not in the format is refused with its place", async (t) => {
  const text = writeEquivocation(twins(meter))
  for (const [damaged, says] of [
    ["{", /not JSON/],
    ["{}", /not in the format/],
    [text.replace('"readings"', '"words"'), /kind/],
    [text.replace('"scheme": 1', '"scheme": 99'), /scheme/],
    [text.replace('"a": "0x', '"a": "0xzz'), /: a:/],
    [text.replace('"kind"', '"more": 1, "kind"'), /more/],
  ] as const)
    t.throws(() => readEquivocation(damaged), { message: says })
  t.notOk(isEquivocation("d2844da2"))
})
