import { rules, start } from "../gateway/intake.test.support.ts"
import { buildBatch } from "../gateway/settlement/build.ts"
import { newIdentity } from "../protocol/seal.ts"
import type { Row } from "./row.ts"
import { inFolder, metersOf, openStore } from "./site.ts"

const homes = 20
const quarters = 4
const bytesPerDayAt1kbit = (1000 / 8) * 86_400

/**
 * Bytes on the wire for a village of 20 homes, two meters each with a reading a quarter of an hour, a batch an hour. An
 * MQTT packet is the reading and its topic with QoS 1's four bytes and the acknowledgement's four, TCP's 40 each way.
 */
export async function wire(): Promise<Row[]> {
  const meters = metersOf(2 * homes).map((meter, i) => ({
    ...meter,
    startWh: 40_000_000n,
    household: `0x${(Math.floor(i / 2) + 1).toString(16).padStart(40, "0")}` as const,
  }))
  const auditor = await newIdentity()
  return inFolder(async (folder) => {
    const { journal, intake } = openStore(folder, meters)
    let readingBytes = 0
    let packetBytes = 0
    let readings = 0
    for (let quarter = 0; quarter <= quarters; quarter++)
      for (const [i, meter] of meters.entries()) {
        const time = start + 900 * quarter
        const registers =
          i % 2 === 0
            ? { generatedWh: 40_000_000n + BigInt(200 * quarter), powerW: 1234 }
            : {
                importedWh: 9_000_000n + BigInt(50 * quarter),
                exportedWh: 7_000_000n + BigInt(90 * quarter),
                powerW: -321,
              }
        const bytes = meter.says(100_000 + quarter, { time, ...registers })
        const topic = `meters/${meter.key.meterId}/readings`
        readings++
        readingBytes += bytes.length
        packetBytes += bytes.length + topic.length + 2 + 2 + 3 + 4 + 2 * 40
        await intake.submit({ source: "bench", bytes })
      }
    const built = await buildBatch(journal, {
      chainId: 1,
      oracle: `0x${"22".repeat(20)}`,
      site: 1,
      number: 1n,
      time: start + 900 * quarters,
      rules: { sharingKey: { name: "proportional", version: 1 }, ...rules },
      meters,
      recipientsOf: () => [auditor.recipient],
    })
    if (!built) throw new Error("There was nothing to state.")
    journal.batches.add(built)
    const blocks = [...journal.batches.blocksOf(built.evidence)!]
    journal.close()
    const evidence = blocks.reduce((sum, { bytes }) => sum + bytes.length, 0)
    const readingsADay = 2 * homes * 96
    const day = readingsADay * (packetBytes / readings) + 24 * evidence
    const evidenceDay = 24 * evidence
    return [
      {
        what: "wire, a reading",
        ours: readingBytes / readings,
        unit: "bytes",
        better: "lower",
        against: { what: "its signature alone", value: 64 },
        note: `${Math.round(packetBytes / readings)} with MQTT's and TCP's own`,
      },
      {
        what: "wire, evidence of an hourly batch of 20 homes",
        ours: evidence,
        unit: "bytes",
        better: "lower",
        note: `${blocks.length} blocks, ${meters.length * (quarters + 1)} readings sealed and open; a full first batch`,
      },
      {
        what: "wire, a village of 20 homes, readings and evidence",
        ours: day / 1e6,
        unit: "MB a day",
        better: "lower",
        against: { what: "what 1 kbit/s carries in a day", value: bytesPerDayAt1kbit / 1e6 },
        budget: { of: "ratio", bound: 1 },
        note: `of it evidence ${(evidenceDay / 1e6).toFixed(2)} MB; meters at a quarter of an hour`,
      },
    ]
  })
}
