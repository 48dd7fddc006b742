import { existsSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { keepChecks } from "../audit/cache/checks.ts"
import { checkBatch, evidenceOf } from "../audit/checked-batch.ts"
import type { RegisteredMeter } from "../audit/history.ts"
import { emptySite, type SiteMemory } from "../audit/recompute.ts"
import type { History, Proposed } from "../audit/record.ts"
import { start, type TestMeter, testMeter } from "../gateway/intake.test.support.ts"
import type { NewBatch } from "../gateway/journal/batches.ts"
import { buildBatch } from "../gateway/settlement/build.ts"
import { blocksInMemory, evidenceDigest } from "../protocol/block.ts"
import { readEvidence } from "../protocol/evidence.ts"
import { type Hex, toHex } from "../protocol/hex.ts"
import { newIdentity } from "../protocol/seal.ts"
import type { Options, Row } from "./row.ts"
import { inFolder, openStore } from "./site.ts"

const oracle: Hex = `0x${"22".repeat(20)}`
const homes = 17
const hoursPerBatch = 24 * 7
const dataFile = resolve(
  process.env.COMMONWATT_SHARED ?? "../shared",
  "data/sierra-crest-17-homes-hourly.csv",
)
const rules = {
  version: 1 as const,
  intervalSeconds: 3600,
  sharingKey: { name: "proportional" as const, version: 1 as const },
  headroomBasisPoints: 1000,
  clockToleranceSeconds: 120,
}

interface HomeMeters {
  roof: TestMeter
  grid: TestMeter
  /** Wh of each hour. */
  hours: readonly { load: number; pv: number }[]
}

/** Half a year of 17 homes, a roof and a grid meter each with a reading an hour, in weekly batches, recomputed as by auditors. */
export async function audit({ quick }: Options): Promise<Row[]> {
  const hours = hoursPerBatch * (quick ? 2 : 26)
  const { source, meters } = homesOf(hours)
  return inFolder(async (folder) => {
    const all = meters.flatMap(({ roof, grid }) => [roof, grid])
    const { journal, intake } = openStore(folder, all)
    const auditor = await newIdentity()
    const proposals: Proposed[] = []
    const registers = new Map(meters.map((home) => [home, { generated: 0n, imported: 0n, exported: 0n }]))
    for (let hour = 0; hour <= hours; hour++) {
      const time = start + 3600 * hour
      const readings = meters.flatMap((home) => {
        const at = registers.get(home)!
        if (hour > 0) count(at, home.hours[hour - 1]!)
        return [
          home.roof.says(hour, { time, generatedWh: at.generated }),
          home.grid.says(hour, { time, importedWh: at.imported, exportedWh: at.exported }),
        ]
      })
      for (const outcome of await Promise.all(
        readings.map((bytes) => intake.submit({ source: "bench", bytes })),
      ))
        if (outcome.kind !== "authentic" || !outcome.verdict.accepted)
          throw new Error("A reading did not count.")
      if (hour === 0 || hour % hoursPerBatch !== 0) continue
      const built = await buildBatch(journal, {
        ...{ chainId: 1, oracle, site: 1 },
        number: BigInt(proposals.length + 1),
        time,
        rules,
        meters: all,
        recipientsOf: () => [auditor.recipient],
      })
      if (!built) throw new Error("There was nothing to state.")
      journal.batches.add(built)
      proposals.push(proposalOf(built))
    }

    const history = historyOf(all, proposals)
    const checks = () =>
      keepChecks(join(folder, "checks"), history, [auditor.identity], async (block) => `0x${block}`)
    const keeping = checks()
    let memory: SiteMemory = emptySite
    let readings = 0
    const from = performance.now()
    for (const proposal of proposals) {
      const evidence = evidenceOf(proposal)
      const source = blocksInMemory(journal.batches.blocksOf(evidence) ?? [])
      const checked = checkBatch(
        proposal,
        await readEvidence(evidence, source, [auditor.identity]),
        memory,
        history,
      )
      if (checked.findings.length > 0) throw new Error(`The audit found: ${checked.findings[0]!.what}`)
      await keeping.put(proposal, checked)
      memory = checked.memory
      readings += checked.examined.readings
    }
    const seconds = (performance.now() - from) / 1000
    const again = performance.now()
    const known = await checks().before(proposals)
    const secondsAgain = (performance.now() - again) / 1000
    if (known.checks.size !== proposals.length) throw new Error("The second audit found less than was kept.")
    journal.close()
    const year = (homes * 2 * 24 * 365) / (readings / seconds)
    return [
      {
        what: "audit, from sealed evidence to verdicts",
        ours: readings / seconds,
        unit: "readings/s",
        better: "higher",
        note: `${readings.toLocaleString("en-US")} readings in ${proposals.length} weekly batches, with --cache; ${source}; without the calls to the chain`,
      },
      {
        what: "audit of a year of 17 homes, hourly",
        ours: year,
        unit: "s",
        better: "lower",
        note: "computed from the rate",
      },
      {
        what: "the same audit once more with --cache, nothing new",
        ours: secondsAgain,
        unit: "s",
        against: { what: "the first", value: seconds },
        better: "lower",
        note: `what was kept of ${proposals.length} batches; a new one is checked at the rate above`,
      },
    ]
  })
}

function count(
  at: { generated: bigint; imported: bigint; exported: bigint },
  { load, pv }: { load: number; pv: number },
) {
  at.generated += BigInt(pv)
  if (pv > load) at.exported += BigInt(pv - load)
  else at.imported += BigInt(load - pv)
}

function homesOf(hours: number): { source: string; meters: HomeMeters[] } {
  const real = existsSync(dataFile)
  const columns = real ? columnsOf(readFileSync(dataFile, "utf8")) : undefined
  const meters = Array.from({ length: homes }, (_, i) => {
    const household: Hex = `0x${(i + 1).toString(16).padStart(40, "0")}`
    const rated = { household, ratedW: 50_000 }
    return {
      roof: testMeter(`home ${i} roof`, rated),
      grid: testMeter(`home ${i} grid`, rated),
      hours: Array.from({ length: hours }, (_, hour) => ({
        load: columns?.get(`home${i + 1}_load_wh`)?.[hour] ?? 300 + 100 * (hour % 7),
        pv: columns?.get(`home${i + 1}_pv_wh`)?.[hour] ?? Math.max(0, 200 * (6 - Math.abs((hour % 24) - 12))),
      })),
    }
  })
  return { source: real ? "energy of 17 real homes, readings signed here" : "simulated energy", meters }
}

function columnsOf(csv: string): Map<string, number[]> {
  const [head, ...lines] = csv.trim().split(/\r?\n/)
  const rows = lines.map((line) => line.split(","))
  return new Map(head!.split(",").map((name, i) => [name, rows.map((row) => Number(row[i]))]))
}

function proposalOf({ number, time, root, evidence, statements }: NewBatch): Proposed {
  return {
    ...{ oracle, site: 1, number, time: BigInt(time), root, evidence: evidenceDigest(evidence) },
    ...{ leafCount: statements.length, validatorSet: 1, signers: 1n, validAt: time },
    ...{ cancelled: undefined, signersFault: false },
    at: { block: number, log: 0, transaction: root },
  }
}

/** What recomputing looks at of a chain's history: meters without later changes, no announced policy. */
function historyOf(meters: readonly TestMeter[], proposals: Proposed[]): History {
  const changes = { ratings: [], moves: [], households: [], keys: [], statuses: [], certificates: [] }
  const life = { ...changes, source: 0, end: undefined, replacedBy: undefined }
  const looked = {
    ...{ chainId: 1, oracle, proposals, rules: [], policies: [], policyOf: new Map() },
    meters: meters.map((meter) => ({ ...registeredMeter(meter), ...life })),
  }
  return looked as unknown as History
}

function registeredMeter({
  key,
  household,
  assurance,
  ratedW,
  startWh,
  startTime,
}: TestMeter): RegisteredMeter {
  return {
    meterId: key.meterId,
    site: 1,
    household,
    scheme: key.scheme,
    publicKey: toHex(key.publicKey),
    assurance,
    ratedW,
    startWh,
    startTime,
    restarts: [],
    at: { block: 0n, log: 0, transaction: "0x" },
  }
}
