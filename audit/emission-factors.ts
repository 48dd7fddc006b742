import { CID, fetchRaw } from "../protocol/block.ts"
import { type EmissionFactors, readEmissionFactors } from "../protocol/emission-factors.ts"
import { type NamedFactors, tableCid } from "../protocol/factors-in-evidence.ts"
import type { Hex } from "../protocol/hex.ts"
import { evidenceOf, holds } from "./checked-batch.ts"
import type { EvidenceSource } from "./evidence-source.ts"
import type { Proposed } from "./record.ts"
import type { KeptBatch } from "./sites.ts"

/** A table of emission factors, and from which batch on a site's evidence names it. */
export interface FactorsInForce extends Omit<NamedFactors, "table"> {
  site: number
  /** The first batch that names it. */
  number: bigint
  /** Where that batch's intervals begin, Unix seconds. */
  from: number
  /** The CID of the evidence that has the table's bytes. */
  evidence: string
}

/** Goes along with a site's batches in their order, and notes where the table is another. */
export function followFactors() {
  const changes: FactorsInForce[] = []
  /** Of each site, the table that its last batch names. */
  const current = new Map<number, Hex | undefined>()
  const kept = new Map<string, string>()
  return {
    changes,
    /** A batch that stands. */
    note(proposal: Proposed, checked: KeptBatch): void {
      if (!holds(checked)) return
      const { site, number } = proposal
      const { factors, from } = checked
      if (factors?.isHere) kept.set(`${site} ${factors.sha256}`, evidenceOf(proposal).toString())
      const evidence = factors && kept.get(`${site} ${factors.sha256}`)
      if (factors && evidence !== undefined && current.get(site) !== factors.sha256) {
        const { grid, source, version, sha256 } = factors
        changes.push({ site, number, from, grid, source, version, sha256, evidence })
      }
      current.set(site, factors?.sha256)
    },
  }
}

/** Gets the tables that an audit found, by their hash. @throws BrokenBlock */
export async function fetchTables(
  named: readonly FactorsInForce[],
  evidence: EvidenceSource,
): Promise<Map<Hex, EmissionFactors>> {
  const tables = new Map<Hex, EmissionFactors>()
  for (const { sha256, evidence: root } of named)
    if (!tables.has(sha256))
      tables.set(
        sha256,
        readEmissionFactors(await fetchRaw(await evidence(CID.parse(root)), tableCid(sha256))),
      )
  return tables
}

/**
 * The factor of an interval: that of the first table that says something of its hour, from the one that its batch names
 * on. A table of what was measured comes after the hours that it is about; what an earlier one said of an hour, no later
 * one changes.
 * @param number the interval's batch.
 */
export function factorAt(
  changes: readonly FactorsInForce[],
  tables: ReadonlyMap<Hex, EmissionFactors>,
  { site, number, start }: { site: number; number: bigint; start: number },
): { milligramsPerKwh: bigint; table: FactorsInForce } | undefined {
  const own = changes.filter((change) => change.site === site)
  const inForce = Math.max(
    0,
    own.findLastIndex((change) => change.number <= number),
  )
  for (const table of own.slice(inForce)) {
    const milligramsPerKwh = tables.get(table.sha256)?.milligramsPerKwh(start)
    if (milligramsPerKwh !== undefined) return { milligramsPerKwh, table }
  }
  return undefined
}
