import t from "tap"
import { judge, newMeterState } from "../energy/judge.ts"
import { BrokenBlock, blocksInMemory, CID } from "../protocol/block.ts"
import { readCar } from "../protocol/car.ts"
import { readEvidence } from "../protocol/evidence.ts"
import { fromHex } from "../protocol/hex.ts"
import { meterKey } from "../protocol/meter.ts"
import { keyIndexAt, keysSince, signedWith } from "../protocol/meter-keys.ts"
import { decodeReading } from "../protocol/reading.ts"
import type { LaterKeyVectors } from "../protocol/vectors/later-keys.ts"
import { loadVectors } from "../protocol/vectors/load.ts"
import type { RegisteredMeter } from "./meter-life.ts"
import { emptySite, recompute } from "./recompute.ts"

const vectors = loadVectors<LaterKeyVectors>("later-keys")
const { meter } = vectors
const [first, ...later] = vectors.keys
const limits = { ...meter, startWh: BigInt(meter.startWh) }
const rules = { headroomBasisPoints: 1000, clockToleranceSeconds: 120 }

const opened = async ({ root, car }: { root: string; car: string }) => {
  const { blocks } = await readCar(
    (async function* () {
      yield new Uint8Array(Buffer.from(car, "base64"))
    })(),
  )
  return readEvidence(CID.parse(root), blocksInMemory(blocks), [vectors.identity.identity])
}

t.test(
  "each reading of a meter with three keys is signed with the key, and judged, as the vectors say",
  async (t) => {
    const keys = keysSince(meterKey(first!.scheme, fromHex(first!.publicKey)), later)
    let state = newMeterState
    for (const { name, received, bytes, key, verdict } of vectors.readings) {
      const signed = decodeReading(fromHex(bytes))
      const index = signedWith(keys, signed)
      t.equal(index ?? null, key, name)
      if (index === undefined) continue
      const use = { signed: index, inForce: keyIndexAt(keys, signed.reading.time) }
      const judged = judge(state, signed.reading, received, limits, rules, use)
      state = judged.state
      t.equal(judged.verdict.accepted ? "counts" : judged.verdict.reason, verdict, name)
    }
  },
)

t.test("a batch that names a meter's keys otherwise than the registry has them is refused", async (t) => {
  for (const { name, registered, holds, ...file } of vectors.batches) {
    const evidence = await opened(file)
    const known: RegisteredMeter = {
      ...limits,
      scheme: first!.scheme,
      publicKey: first!.publicKey,
      site: 1,
      household: evidence.households[0]?.household ?? `0x${"11".repeat(20)}`,
      assurance: 1,
      restarts: [],
      laterKeys: registered,
      at: { block: 1n, log: 0, transaction: "0x" },
    }
    const { findings } = recompute(evidence, emptySite, new Map([[meter.meterId, known]]))
    if (holds) t.same(findings, [], name)
    else t.match(findings[0], { check: "meters", what: /is (not )?said to have had the key/ }, name)
  }
})

t.test("later keys that are not in the form are refused", async (t) => {
  for (const { name, ...file } of vectors.damaged) await t.rejects(opened(file), BrokenBlock, name)
})
