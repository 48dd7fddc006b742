import { type CountedReading, computeBatch, type MeterPart } from "../energy/batch.ts"
import { rules, start, testMeter } from "../gateway/intake.test.support.ts"
import { blocksInMemory } from "../protocol/block.ts"
import { buildEvidence, readEvidence } from "../protocol/evidence.ts"
import { toHex } from "../protocol/hex.ts"
import { Scheme } from "../protocol/meter.ts"
import { readingDigest } from "../protocol/reading.ts"
import { leafOf } from "../protocol/statement.ts"
import { buildTree, multiProofOf, proofOf, rootOf } from "../protocol/tree.ts"

/**
 * A process that makes one batch of so many generation meters with a reading a quarter of an hour over an hour: the
 * rules, the tree, the evidence, and a proof for each meter. Says how long each took and the most memory it held.
 */
const count = Number(process.argv[2])
const quarters = 4
const one = testMeter("bench")
const numberOf = (n: number, bytes: number) =>
  toHex(Buffer.from(n.toString(16).padStart(2 * bytes, "0"), "hex"))

const signed = Array.from({ length: quarters + 1 }, (_, q) => ({
  time: start + 900 * q,
  bytes: one.says(q + 1, { time: start + 900 * q, generatedWh: BigInt(100 * q) }),
}))
const parts: MeterPart[] = []
const meters = Array.from({ length: count }, (_, i) => {
  const meterId = numberOf(i + 1, 32)
  // Signing 500,000 readings is not what is measured: each meter has bytes of its own, which nobody verifies here.
  const readings = signed.map(({ time, bytes }) => {
    const own = Uint8Array.from(bytes)
    new DataView(own.buffer).setUint32(own.length - 4, i)
    return { time, bytes: own }
  })
  const counted: CountedReading[] = readings.map(({ time, bytes }, q) => ({
    time,
    registers: { generatedWh: BigInt(100 * q) },
    digest: readingDigest(bytes),
  }))
  const household = numberOf(i + 1, 20)
  const terms = {
    ratedW: 5000,
    startTime: start,
    startWh: 0n,
    restarts: [],
    stated: undefined,
    before: undefined,
  }
  parts.push({ meterId, household, ...terms, counted })
  const received = readings.map(({ time, bytes }) => ({ received: time, bytes }))
  return { meterId, scheme: Scheme.ed25519, publicKey: one.key.publicKey, readings: received }
})
const time = start + 900 * quarters
const sharing = {
  version: 1 as const,
  sharingKey: { name: "proportional" as const, version: 1 as const },
  ...rules,
}

const timed = async <T>(work: () => T | Promise<T>): Promise<[T, number]> => {
  const from = performance.now()
  const result = await work()
  return [result, performance.now() - from]
}
const before = process.resourceUsage().maxRSS
const [result, rulesMs] = await timed(() => computeBatch(parts, start, time, sharing))
const [tree, treeMs] = await timed(() => buildTree(result.statements.map(leafOf)))
const [evidence, evidenceMs] = await timed(() =>
  buildEvidence(
    {
      chainId: 1,
      oracle: numberOf(1, 20),
      site: 1,
      number: 1n,
      from: start,
      time,
      previous: null,
      rules: sharing,
      meters,
      generation: result.generation,
      statements: result.statements,
      root: toHex(rootOf(tree)),
      households: [],
    },
    () => [],
  ),
)
const [, proofMs] = await timed(() => {
  for (let i = 0; i < count; i++) proofOf(tree, i)
  for (let i = 0; i < count; i += 100)
    multiProofOf(
      tree,
      Array.from({ length: Math.min(100, count - i) }, (_, k) => i + k),
    )
})
const maxMB = process.resourceUsage().maxRSS / 1024
const opened = await readEvidence(evidence.root, blocksInMemory(evidence.blocks), [])
if (opened.statements.length !== count || opened.meters.length !== count)
  throw new Error("The evidence lacks meters.")
process.send!({
  rulesMs,
  treeMs,
  evidenceMs,
  proofMs,
  maxMB,
  grownMB: maxMB - before / 1024,
  evidenceBytes: evidence.blocks.reduce((sum, { bytes }) => sum + bytes.length, 0),
})
