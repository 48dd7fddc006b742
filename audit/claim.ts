import { type Impact, impactOf } from "../energy/impact.ts"
import type { Credential } from "../protocol/credential.ts"
import type { EmissionFactors } from "../protocol/emission-factors.ts"
import { PersonError } from "../protocol/error.ts"
import type { HouseholdRecord } from "../protocol/evidence.ts"
import { fromHex, type Hex } from "../protocol/hex.ts"
import type { AuditReport } from "./audit.ts"
import { evidenceOf, holds } from "./checked-batch.ts"
import { type FactorsInForce, factorAt } from "./emission-factors.ts"
import type { History, Proposed } from "./record.ts"
import type { Reader } from "./sites.ts"

/** Whose energy of what time is claimed. Unix seconds, the end is not included. */
export interface ClaimPeriod {
  household: Hex
  from: number
  to: number
}

/** Collects a household's records while an audit checks them, and makes a claim of them when it held. */
export function createClaimant({ household, from, to }: ClaimPeriod) {
  const records: (HouseholdRecord & Pick<Proposed, "site" | "number">)[] = []
  const batches: Proposed[] = []
  let sealed = 0

  return {
    reader(history: History): Reader {
      const wanted = new Set<Proposed>()
      const before = new Map<number, number>()
      for (const proposal of history.proposals) {
        if (proposal.cancelled !== undefined) continue
        const begins = before.get(proposal.site) ?? 0
        if (Number(proposal.time) > from && begins < to) wanted.add(proposal)
        before.set(proposal.site, Number(proposal.time))
      }
      return {
        wants: (proposal) => wanted.has(proposal),
        read(proposal, opened, checked) {
          if (opened.sealed.includes(household)) sealed++
          const part = opened.households.find((one) => one.household === household)
          if (!part || !holds(checked)) return
          const inTime = part.records.filter(({ start }) => start >= from && start < to)
          if (inTime.length === 0) return
          const { site, number } = proposal
          for (const record of inTime) records.push({ ...record, site, number })
          batches.push(proposal)
        },
      }
    },

    /**
     * @param report of the audit that this claimant's reader was part of. @param tables that it names, by their hash.
     * @param at when it is issued, Unix seconds.
     * @throws PersonError when nothing can be claimed.
     */
    claim(
      report: AuditReport,
      tables: ReadonlyMap<Hex, EmissionFactors>,
      issuer: string,
      at: number,
    ): Credential {
      if (!report.ok)
        throw new PersonError("The audit does not hold, so nothing is claimed.", {
          context: report.checks
            .flatMap(({ findings }) => findings)
            .slice(0, 1)
            .map(({ where, what }) => `${where}: ${what}`),
          next: "Run commonwatt audit with the same options to see what is wrong.",
        })
      if (sealed > 0)
        throw new PersonError(`The household's records are sealed in ${sealed} batch(es).`, {
          next: "Give --key: the household's own, or an auditor's.",
        })
      const [first] = batches
      if (!first)
        throw new PersonError(`There are no records of household ${household} in this time.`, {
          next: "Check the address and the days; only what was proposed on chain can be claimed.",
        })
      const { chainId, oracle, emissionFactors } = report
      if (emissionFactors.length === 0)
        throw new PersonError("The evidence names no table of emission factors, so no CO2 can be counted.", {
          next: "The operator names one in the gateway's configuration (emissionFactors): docs/impact.md.",
        })
      const used = new Map<Hex, FactorsInForce>()
      const impact = impactOf(records, (record) => {
        const found = factorAt(emissionFactors, tables, record)
        if (found) used.set(found.table.sha256, found.table)
        return found?.milligramsPerKwh
      })
      return {
        "@context": ["https://www.w3.org/ns/credentials/v2", { "@vocab": "urn:commonwatt:impact:1#" }],
        type: ["VerifiableCredential", "ImpactClaim"],
        issuer,
        validFrom: iso(at),
        credentialSubject: {
          // CAIP-10, as a DID: an account on a chain.
          id: `did:pkh:eip155:${chainId}:${household}`,
          periodFrom: iso(from),
          periodTo: iso(to),
          ...inText(impact),
          method:
            "generation times the grid's factor of its hour; energy received from neighbours avoids nothing a second time",
          emissionFactors: [...used.values()].map(({ grid, source, version, sha256, evidence }) => ({
            ...{ grid, source, version, sha256 },
            evidenceRoot: `ipfs://${evidence}`,
          })),
        },
        evidence: { type: "CommonwattBatches", chainId, oracle, sites: sitesOf(batches) },
        relatedResource: [...used.keys()].map((sha256) => ({
          id: `urn:sha256:${sha256.slice(2)}`,
          mediaType: "text/csv",
          digestSRI: `sha256-${Buffer.from(fromHex(sha256)).toString("base64")}`,
        })),
      }
    },
  }
}

/** Each batch's evidence links to the one before: the last one's address stands for all of them. */
function sitesOf(batches: readonly Proposed[]) {
  return [...new Set(batches.map(({ site }) => site))].map((site) => {
    const own = batches.filter((batch) => batch.site === site)
    const [first, last] = [own[0]!, own.at(-1)!]
    return { site, batches: own.length, firstBatch: quoted(first), lastBatch: quoted(last) }
  })
}

function quoted(proposal: Proposed) {
  const { number, root, at } = proposal
  return {
    number: number.toString(),
    root,
    evidenceRoot: `ipfs://${evidenceOf(proposal)}`,
    transaction: at.transaction,
    block: at.block.toString(),
  }
}

/** Whole numbers as text: JSON's numbers are not exact everywhere. */
function inText(impact: Impact): Record<string, string> {
  return Object.fromEntries(Object.entries(impact).map(([name, value]) => [name, String(value)]))
}

const iso = (time: number) => new Date(time * 1000).toISOString().replace(".000", "")
