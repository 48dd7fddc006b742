import { newMeterState, type Registers } from "../energy/judge.ts"
import { rules, start, testMeter } from "../gateway/intake.test.support.ts"
import { openJournal } from "../gateway/journal/journal.ts"
import { buildBatch } from "../gateway/settlement/build.ts"
import { readRoot } from "../protocol/evidence.ts"
import { toHex } from "../protocol/hex.ts"
import { newIdentity } from "../protocol/seal.ts"
import { leafOf } from "../protocol/statement.ts"
import { buildTree, multiProofOf, proofOf } from "../protocol/tree.ts"

/**
 * A process that fills a journal, or makes a batch of what is in it as the gateway does: the rules, the evidence into the
 * journal, the tree, and a proof for each meter. Says how long that took and the most memory it held. Arguments: fill or
 * build, folder, meters, readings of each, seconds between two of them, `sealed` where every other meter is a home's
 * consumption.
 */
const [what, folder] = process.argv.slice(2, 4) as [string, string]
const [count, readings, seconds] = process.argv.slice(4, 7).map(Number) as [number, number, number]
const isSealed = (i: number) => process.argv[7] === "sealed" && i % 2 === 1

const numberOf = (n: number, bytes: number) =>
  toHex(Buffer.from(n.toString(16).padStart(2 * bytes, "0"), "hex"))
const one = testMeter("bench")
const meters = Array.from({ length: count }, (_, i) => ({
  ...one,
  key: { ...one.key, meterId: numberOf(i + 1, 32) },
  household: numberOf(i + 1, 20),
}))
const time = start + seconds * (readings - 1)
const journal = openJournal(folder, meters)
if (what === "fill") fill()
else await build()
journal.close()

/** Signing them all is not what is measured: each reading has bytes of its own, which nobody verifies here. */
function fill(): void {
  const registers = (i: number, n: number): Registers =>
    isSealed(i)
      ? { importedWh: 9_000_000n + BigInt(n >> 2), exportedWh: 7_000_000n + BigInt(n >> 3) }
      : { generatedWh: BigInt(n >> 1) }
  const [open, sealed] = [0, 1].map((i) => one.says(70_000, { time, ...registers(i, readings) }))
  const perCommit = 1000
  for (let first = 0; first < readings * count; first += perCommit)
    journal.commit(() => {
      for (let k = first; k < Math.min(first + perCommit, readings * count); k++) {
        const [i, sequence] = [k % count, Math.floor(k / count)]
        const bytes = Uint8Array.from(isSealed(i) ? sealed! : open!)
        new DataView(bytes.buffer).setUint32(bytes.length - 4, k)
        const at = { time: start + seconds * sequence, registers: registers(i, sequence) }
        const reading = {
          sequence,
          time: at.time,
          clock: 2 as const,
          clockSets: 1,
          boots: 1,
          ...at.registers,
        }
        const state = { ...newMeterState, sequence, anchor: at }
        const signed = { bytes, reading } as Parameters<typeof journal.readings.add>[0]["signed"]
        journal.readings.add(
          { kind: "authentic", meter: meters[i]!, signed, keyIndex: 0, verdict: { accepted: true }, state },
          at.time,
        )
      }
    })
  process.send!({})
}

async function build(): Promise<void> {
  const auditor = await newIdentity()
  const timed = async <T>(work: () => T | Promise<T>): Promise<[T, number]> => {
    const from = performance.now()
    const result = await work()
    return [result, performance.now() - from]
  }
  const before = process.resourceUsage().maxRSS
  const [batch, buildMs] = await timed(async () => {
    const batch = await buildBatch(journal, {
      chainId: 1,
      oracle: numberOf(1, 20),
      site: 1,
      number: 1n,
      time: time - (time % rules.intervalSeconds),
      rules: { sharingKey: { name: "proportional", version: 1 }, ...rules },
      meters,
      recipientsOf: () => [auditor.recipient],
    })
    if (!batch) throw new Error("There was nothing to state.")
    journal.batches.add(batch)
    return batch
  })
  const maxMB = process.resourceUsage().maxRSS / 1024
  const stated = batch.statements.length
  const [, proofMs] = await timed(() => {
    const tree = buildTree(batch.statements.map(leafOf))
    for (let i = 0; i < stated; i++) proofOf(tree, i)
    for (let i = 0; i < stated; i += 100)
      multiProofOf(
        tree,
        Array.from({ length: Math.min(100, stated - i) }, (_, k) => i + k),
      )
  })
  // The root alone: whoever reads all of it has all of it in memory.
  const head = await readRoot(batch.evidence, async (cid) => journal.batches.block(cid))
  if (head.meters.length + head.sealed.length !== count) throw new Error("The evidence lacks meters.")
  let evidenceBytes = 0
  for (const { bytes } of journal.batches.blocksOf(batch.evidence)!) evidenceBytes += bytes.length
  process.send!({
    buildMs,
    proofMs,
    maxMB,
    grownMB: maxMB - before / 1024,
    evidenceBytes,
  })
}
