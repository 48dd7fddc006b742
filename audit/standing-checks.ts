import type { Hex } from "../protocol/hex.ts"
import type { CheckResult } from "./checks.ts"
import { before } from "./meter-life.ts"
import type { History, Proposed } from "./record.ts"

/** Who may mint and burn, and that no meter was registered twice. */
export function checkContracts(history: History, check: CheckResult): void {
  check.examined = history.meters.length
  const find = (where: string, what: string) => check.findings.push({ check: "contracts", where, what })
  const { mayMint, mayBurn, issuance, token, certificates, retirements } = history
  if (mayMint.token !== issuance) find(`token ${token}`, `can be minted by ${mayMint.token}`)
  if (mayMint.certificates !== issuance)
    find(`certificates ${certificates}`, `can be minted by ${mayMint.certificates}`)
  if (mayBurn.certificates !== retirements)
    find(`certificates ${certificates}`, `can be burned by ${mayBurn.certificates}, GREEN by ${retirements}`)
  if (history.oracles.at(-1)?.oracle !== history.oracle)
    check.skipped.push(
      `the oracle ${history.oracle} is not in office: ${history.oracles.at(-1)?.oracle ?? "nobody"} is`,
    )
  const seen = new Set<Hex>()
  for (const { meterId } of history.meters) {
    if (seen.has(meterId)) find(`meter ${meterId}`, "was registered twice")
    seen.add(meterId)
  }
}

/** Numbers without a gap, and times that go forward. */
export function checkProposals(history: History, check: CheckResult): void {
  check.examined = history.proposals.length
  const last = new Map<string, Proposed>()
  for (const proposal of history.proposals) {
    const where = `site ${proposal.site} proposal ${proposal.number}`
    const previous = last.get(`${proposal.oracle} ${proposal.site}`) ?? lastOfPredecessor(history, proposal)
    if (proposal.number !== (previous?.number ?? 0n) + 1n)
      check.findings.push({ check: "proposals", where, what: `follows number ${previous?.number ?? 0n}` })
    if (previous && proposal.time <= previous.time)
      check.findings.push({
        check: "proposals",
        where,
        what: `its time ${proposal.time} is not after ${previous.time}`,
      })
    last.set(`${proposal.oracle} ${proposal.site}`, proposal)
  }
}

/** A site's numbers go on where they were in the oracle before. */
function lastOfPredecessor(history: History, { oracle, site, at }: Proposed): Proposed | undefined {
  const i = history.oracles.findIndex((inOffice) => inOffice.oracle === oracle)
  const predecessor = history.oracles[i - 1]?.oracle
  return history.proposals
    .filter((p) => p.oracle === predecessor && p.site === site && before(p.at, at))
    .at(-1)
}
