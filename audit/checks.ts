import type { Finding } from "./recompute.ts"

/** Every check of an audit, in the order of the report. */
export const checks = {
  contracts:
    "Each contract runs the code that this program knows of it; GREEN and certificates can be minted by this oracle's issuance alone and burned by one retirement contract, and each meter was registered once",
  policy: "Each oracle's rules are those that were announced, in force when it took them over",
  proposals:
    "Each site's proposals are numbered without a gap, go forward in time, and could be doubted for as long as the rules promise",
  attestations: "Each proposal was signed by enough validators of the set in force",
  evidence:
    "The evidence of each batch is there, whole, unchanged, linked to the one before, under the rules in force",
  meters: "Each meter in the evidence is registered for its site with the key that signed",
  readings: "Each reading is in its one form and signed by its meter; none is left out of its order",
  generation: "Each interval's generation follows from the readings",
  households: "Each household's intervals and shares follow from the readings",
  statements: "Each statement follows from the last reading that counts",
  accounts:
    "Each account statement follows from what the households shared, and all credits together are zero",
  root: "Each root is that of the batch's statements",
  settlements:
    "Each settlement states a proven statement, continues where the last one ended, and keeps the ceiling",
  mints: "Each mint of GREEN is what a settlement is due, to the Wh: to its household, and to the commons",
  certificates: "Each certificate minted is what a settlement is due, of the right site, month and kind",
  transfers:
    "Nobody gave GREEN or certificates that it had not, and each balance is what its transfers come to",
  supply: "The supply of GREEN and of certificates is what was due less what was retired, to the Wh",
  pool: "Each sharing pool's accounts are those of proven statements, deposits and payments, and it owes no more than was paid in and is owed",
  retirements: "Each retirement burned what it says, and each beneficiary's sum is that of its retirements",
} as const

export type CheckName = keyof typeof checks

export interface CheckResult {
  name: CheckName
  title: string
  examined: number
  findings: Finding[]
  /** Why part of it, or all of it, could not be checked. */
  skipped: string[]
}
