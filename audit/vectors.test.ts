import t from "tap"
import { keccak256, stringToHex } from "viem"
import { blocksInMemory, CID } from "../protocol/block.ts"
import { readCar } from "../protocol/car.ts"
import { type OpenedEvidence, readEvidence } from "../protocol/evidence.ts"
import { fromHex, type Hex } from "../protocol/hex.ts"
import type { AuditVectors, Change } from "../protocol/vectors/audits.ts"
import type { EvidenceVectors } from "../protocol/vectors/evidence.ts"
import { loadVectors } from "../protocol/vectors/load.ts"
import {
  checkMints,
  checkRetirements,
  checkSettlements,
  checkSupply,
  keyOf,
  type ProvenBatch,
} from "./books.ts"
import { type CheckName, type CheckResult, checks } from "./checks.ts"
import { headerFaults } from "./header.ts"
import type { RegisteredMeter } from "./meter-life.ts"
import { checkPolicies } from "./policies.ts"
import { emptySite, recompute } from "./recompute.ts"
import type { History } from "./record.ts"
import { checkContracts, checkProposals } from "./standing-checks.ts"
import { checkTransfers } from "./transfers.ts"
import { checkWindows } from "./windows.ts"

const vectors = loadVectors<AuditVectors>("audits")
const evidence = loadVectors<EvidenceVectors>("evidence")

/** Puts each change into a copy; a value that is a pointer of its own copies what stands there. */
function changed<T>(base: T, changes: readonly Change[]): T {
  const copy = structuredClone(base)
  for (const [pointer, value] of changes) {
    const path = pointer.slice(1).split("/")
    const last = path.pop()!
    const holder = path.reduce<never>((place, name) => place[name as never], copy as never) as Record<
      string,
      unknown
    >
    if (value === null && Array.isArray(holder)) holder.splice(Number(last), 1)
    else if (value === null) holder[last] = undefined
    else if (typeof value === "string" && /^\/[a-z]+\/\d+$/.test(value)) {
      const [, list, i] = value.split("/") as [string, string, string]
      holder[last] = structuredClone((copy as Record<string, unknown[]>)[list]![Number(i)])
    } else holder[last] = typed(holder[last], value)
  }
  return copy
}

/** A value from JSON as the one in its place has it: bytes, or a whole number of 64 bits. */
function typed(old: unknown, value: unknown): unknown {
  if (old instanceof Uint8Array) return fromHex(value as string)
  if (typeof old === "bigint") return BigInt(value as string)
  return value
}

/** Decimal text is a whole number of 64 bits. */
const whole = (_key: string, value: unknown) =>
  typeof value === "string" && /^\d+$/.test(value) ? BigInt(value) : value

async function opened(name: string): Promise<OpenedEvidence> {
  const { root, car } = evidence.valid.find((valid) => valid.name === name)!
  const stream = async function* () {
    yield new Uint8Array(Buffer.from(car, "base64"))
  }
  const { blocks } = await readCar(stream())
  const identities = evidence.identities.map(({ identity }) => identity)
  return readEvidence(CID.parse(root), blocksInMemory(blocks), identities)
}

t.test("each batch of the public corpus holds, or is found false by the check that it names", async (t) => {
  for (const { name, batches, changes, check } of vectors.batches) {
    let memory = emptySite
    const registered = vectors.registered.map((meter) => ({
      ...(JSON.parse(JSON.stringify(meter), whole) as RegisteredMeter),
      restarts: [],
    }))
    const byId = (list: readonly RegisteredMeter[]) => new Map(list.map((meter) => [meter.meterId, meter]))
    for (const earlier of batches.slice(0, -1)) {
      const result = recompute(await opened(earlier), memory, byId(registered))
      t.same(result.findings, [], `${name}: ${earlier}`)
      memory = result.memory
    }
    const last = await opened(batches.at(-1)!)
    const { chainId, oracle, site, number, time, root, statements, rules } = last
    const proposal = {
      chainId,
      oracle,
      site,
      number,
      time: BigInt(time),
      root,
      leafCount: statements.length,
      headroom: rules.headroomBasisPoints,
      sharingKey: keccak256(stringToHex(rules.sharingKey.name)) as Hex,
      evidence: root,
      validatorSet: 1,
    }
    const { cid, previous, ...plain } = last
    const base = changed({ evidence: plain, registered, proposal }, changes)
    const batch = { ...base.evidence, cid, previous }
    const found = new Set(
      recompute(batch, memory, byId(base.registered)).findings.map((finding) => finding.check),
    )
    const expected = { ...base.proposal, headroomBasisPoints: base.proposal.headroom }
    if (headerFaults(batch, base.proposal, expected).length > 0) found.add("evidence")
    if (check === null) t.same([...found], [], name)
    else t.ok(found.has(check), `${name}: ${[...found].join(", ") || "nothing"} found`)
  }
})

t.test("each history of the public corpus holds, or is found false by the check that it names", async (t) => {
  type Written = History & { times: Record<string, number> }
  const base = JSON.parse(JSON.stringify(vectors.history), whole) as Written
  const life = {
    restarts: [],
    ratings: [],
    moves: [],
    households: [],
    keys: [],
    statuses: [],
    certificates: [],
    end: undefined,
    replacedBy: undefined,
  }
  for (const { name, changes, check } of vectors.histories) {
    const written = changed(base, JSON.parse(JSON.stringify(changes), whole) as Change[])
    const { standing } = written
    const history: History = {
      ...written,
      meters: written.meters.map((meter) => ({ ...life, ...meter })),
      fromBlock: 0n,
      policyOf: new Map(written.policyOf),
      standing: {
        ...standing,
        certificatesWh: new Map(standing.certificatesWh),
        retiredForWh: new Map(standing.retiredForWh),
      },
    }
    const results = new Map(
      (Object.keys(checks) as CheckName[]).map((title): [CheckName, CheckResult] => [
        title,
        { name: title, title, examined: 0, findings: [], skipped: [] },
      ]),
    )
    const result = (title: CheckName) => results.get(title)!
    const timeOf = async (block: bigint) => written.times[String(block)] ?? 0
    const proven = new Map<string, ProvenBatch>(
      base.settled.map(({ number, meterId, toWh, toTime }) => [
        keyOf({ oracle: base.oracle, site: 1, number }),
        {
          statements: [
            { kind: 1, meterId, generatedWh: toWh, time: toTime, reading: history.proposals[0]!.root },
          ],
          unproven: new Set<Hex>(),
          accounts: [],
        },
      ]),
    )
    checkContracts(history, result("contracts"))
    await checkPolicies(history, timeOf, result("policy"))
    checkProposals(history, result("proposals"))
    await checkWindows(history, timeOf, result("proposals"))
    checkSettlements(history, proven, true, result("settlements"))
    checkMints(history, result("mints"), result("certificates"))
    checkTransfers(history, result("transfers"))
    checkSupply(history, result("supply"))
    checkRetirements(history, result("retirements"))
    const found = [...results.values()].filter(({ findings }) => findings.length > 0).map((r) => r.name)
    if (check === null) t.same(found, [], name)
    else t.ok(found.includes(check as CheckName), `${name}: ${found.join(", ") || "nothing"} found`)
  }
})

t.test("every check of the audit has a case that it must find", async (t) => {
  const named = new Set([...vectors.batches, ...vectors.histories].map(({ check }) => check))
  const proven = {
    attestations: "attestations.json and proposals.json",
    pool: "pool.test.ts: no contract of the oracle's knows a pool",
  } as Record<string, string>
  for (const name of Object.keys(checks)) t.ok(named.has(name) || proven[name], name)
})
