import { z } from "zod"
import type { Credential } from "../protocol/credential.ts"
import type { EmissionFactors } from "../protocol/emission-factors.ts"
import { PersonError } from "../protocol/error.ts"
import type { Hex } from "../protocol/hex.ts"
import type { AuditReport } from "./audit.ts"
import type { ClaimPeriod, createClaimant } from "./claim.ts"
import type { FactorsInForce } from "./emission-factors.ts"

const time = z
  .string()
  .refine((text) => Number.isInteger(Date.parse(text) / 1000), "must be a time")
  .transform((text) => Date.parse(text) / 1000)
const claimed = z.object({
  credentialSubject: z.object({
    id: z.string().regex(/^did:pkh:eip155:\d+:0x[0-9a-f]{40}$/),
    periodFrom: time,
    periodTo: time,
    emissionFactors: z.array(
      z.object({
        grid: z.string(),
        source: z.string(),
        version: z.string(),
        sha256: z.string(),
        evidenceRoot: z.string(),
      }),
    ),
  }),
  evidence: z.object({ chainId: z.number(), oracle: z.string() }),
})

/** Whose energy of what time a claim is about. @throws PersonError when it is none of ours. */
export function periodOf(credential: Credential): ClaimPeriod {
  const { credentialSubject } = read(credential)
  const { id, periodFrom: from, periodTo: to } = credentialSubject
  return { household: id.slice(id.lastIndexOf(":") + 1) as Hex, from, to }
}

function read(credential: Credential): z.output<typeof claimed> {
  const result = claimed.safeParse(credential)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new PersonError("This is not a claim that commonwatt claim made.", {
    context: [`${issue?.path.join(".")}: ${issue?.message}`],
  })
}

/** What does not hold of a claim, and what could not be checked, in words. */
export interface CheckedClaim {
  holds: boolean
  findings: string[]
  skipped: string[]
}

/**
 * Holds a claim against an audit: each table is one that the evidence names, and the figures are those that the
 * household's records give by the tables that were named when it was made.
 * @param claimant whose reader went along with the audit, for the claim's period.
 */
export function checkClaim(
  credential: Credential,
  report: AuditReport,
  claimant: ReturnType<typeof createClaimant>,
  tables: ReadonlyMap<Hex, EmissionFactors>,
): CheckedClaim {
  const { credentialSubject, evidence } = read(credential)
  const findings: string[] = []
  const skipped: string[] = []
  if (evidence.chainId !== report.chainId || evidence.oracle !== report.oracle)
    findings.push(
      `it is about the oracle ${evidence.oracle} on chain ${evidence.chainId}, not about this one`,
    )
  for (const { grid, version, sha256, evidenceRoot, source } of credentialSubject.emissionFactors) {
    const isNamed = (one: FactorsInForce) =>
      one.sha256 === sha256 && one.grid === grid && one.version === version && one.source === source
    if (!report.emissionFactors.some((one) => isNamed(one) && evidenceRoot === `ipfs://${one.evidence}`))
      findings.push(`no evidence names its table "${grid}", version "${version}" (SHA-256 ${sha256})`)
  }
  if (!report.ok) findings.push("the audit that it rests on does not hold")
  else if (findings.length === 0) {
    // Tables that were named since may fill hours that none had then.
    const made = report.emissionFactors.map((_, i, all) => {
      try {
        const sofar = { ...report, emissionFactors: all.slice(0, i + 1) }
        return figures(claimant.claim(sofar, tables, credential.issuer, 0))
      } catch (error) {
        if (!(error instanceof PersonError)) throw error
        skipped.push([error.message, error.next].filter(Boolean).join(" "))
        return undefined
      }
    })
    if (made.includes(undefined)) skipped.splice(1)
    else if (!made.includes(figures(credential)))
      findings.push("its figures or its batches are not what the household's records give")
  }
  return { holds: findings.length === 0 && skipped.length === 0, findings, skipped }
}

function figures({ credentialSubject, evidence, relatedResource }: Credential): string {
  return JSON.stringify(sorted([credentialSubject, evidence, relatedResource]))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, part]) => [name, sorted(part)]),
  )
}
