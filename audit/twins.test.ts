import t from "tap"
import { blocksInMemory, type CID } from "../protocol/block.ts"
import { judgeEquivocation } from "../protocol/equivocation.ts"
import { buildEvidence, type Evidence } from "../protocol/evidence.ts"
import { Clock, encodeReading, type Reading } from "../protocol/reading.ts"
import { ed25519Meter } from "../protocol/vectors/fixed-keys.ts"
import type { BatchLine, BatchNotes } from "./ledger.ts"
import { findTwins } from "./twins.ts"

const meter = ed25519Meter("twins in evidence")
const { meterId, scheme, publicKey, kid } = meter.key
const noon = 1_780_315_200

const reading = (sequence: number, generatedWh: bigint) =>
  encodeReading(
    { sequence, time: noon, clock: Clock.synchronised, clockSets: 1, boots: 1, generatedWh } as Reading,
    scheme,
    kid,
    meter.sign,
  )

/** A batch of these readings, and what an audit noted of it. */
async function batch(number: number, readings: Uint8Array[], outOfOrder: number[]) {
  const evidence: Evidence = {
    chainId: 1,
    oracle: `0x${"ab".repeat(20)}`,
    site: 1,
    number: BigInt(number),
    from: noon,
    time: noon + 900,
    previous: null,
    rules: {
      version: 1,
      intervalSeconds: 900,
      sharingKey: { name: "equal", version: 1 },
      headroomBasisPoints: 0,
      clockToleranceSeconds: 120,
    },
    meters: [{ meterId, scheme, publicKey, readings: readings.map((bytes) => ({ received: noon, bytes })) }],
    generation: [],
    statements: [],
    root: `0x${"00".repeat(32)}`,
    households: [],
  }
  const { root, blocks } = await buildEvidence(evidence, () => [])
  const notes: BatchNotes = {
    line: { evidence: root.toString(), verdict: "holds" } as BatchLine,
    readingsOf: [],
    doubtful: outOfOrder.map((sequence) => ({ meterId, sequence, reason: "out-of-order" })),
    missing: [],
  }
  return { notes, blocks }
}

t.test("a second reading with a sequence number is found, in whatever batches the two stand", async (t) => {
  const first = await batch(1, [reading(5, 1000n), reading(6, 2000n)], [])
  const second = await batch(2, [reading(5, 1001n), reading(4, 1n)], [5, 4])
  const source = async (_root: CID) => blocksInMemory([...first.blocks, ...second.blocks])
  const twins = await findTwins([first.notes, second.notes], source, [])
  t.equal(twins.length, 1, "a reading that only came late is no fraud")
  t.match(await judgeEquivocation(twins[0]!), { proven: true, by: meterId, sequence: 5 })
})

t.test(
  "a reading that came twice is no fraud, and an orderly history is not read a second time",
  async (t) => {
    const twice = await batch(1, [reading(5, 1000n), reading(5, 1000n)], [5])
    t.same(await findTwins([twice.notes], async () => blocksInMemory(twice.blocks), []), [])
    const orderly = await batch(1, [reading(5, 1000n)], [])
    const never = async (): Promise<never> => t.fail("it was read") as never
    t.same(await findTwins([orderly.notes], never, []), [])
  },
)

t.test("what cannot be had is passed over", async (t) => {
  const first = await batch(1, [reading(5, 1000n)], [])
  const second = await batch(2, [reading(5, 1001n)], [5])
  const twins = await findTwins([first.notes, second.notes], async () => blocksInMemory(second.blocks), [])
  t.same(twins, [])
})
