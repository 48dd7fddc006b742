import { existsSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import { eraseFrom, type FolderErasure, newestOf, wouldErase } from "../evidence/erase.ts"
import { noteErased } from "../evidence/erased.ts"
import { evidenceFolder } from "../evidence/folder.ts"
import { openEvidenceStore } from "../evidence/store.ts"
import { readConfig } from "../gateway/config.ts"
import { eraseHousehold, type HouseholdErasure } from "../gateway/erase.ts"
import { evidenceDirectory } from "../gateway/evidence.ts"
import { PersonError } from "../protocol/error.ts"
import type { Hex } from "../protocol/hex.ts"
import { parseAddress } from "../provisioning/operator.ts"
import { optional, readGiven, required, type Values } from "./command.ts"
import { readValidatorConfig } from "./validator-config.ts"

const say = (line: string) => process.stderr.write(`${line}\n`)

/** Erases a household's consumption: from a gateway, from a validator's evidence, or from a directory. */
export function erase(values: Values): number {
  const household = parseAddress(required(values, "household", "the household's address"))
  const config = optional(values, "config")
  const from = optional(values, "from")
  if ((config === undefined) === (from === undefined))
    throw new PersonError("Say either --config FILE or --from DIR.", { next: "See --help for an example." })
  const dryRun = values["dry-run"] === true
  if (dryRun) say("Nothing is changed: this is what would go.")
  if (from !== undefined) return eraseDirectory(existing(from), household, dryRun)
  const value = parse(readGiven(config!, "configuration")) as Record<string, unknown> | null
  if (value && "sites" in value)
    return eraseDirectory(evidenceDirectory(readValidatorConfig(config!).dataDir), household, dryRun)
  return tell(eraseHousehold(readConfig(config!), household, dryRun), dryRun)
}

function existing(directory: string): string {
  if (existsSync(directory)) return directory
  throw new PersonError(`There is no directory ${directory}.`, {
    next: "Is the stick mounted? Try: lsblk -f",
  })
}

/** A directory of evidence, with an index or without. */
function eraseDirectory(directory: string, household: Hex, dryRun: boolean): number {
  const folder = evidenceFolder(directory)
  const upTo = newestOf(folder, household) ?? Math.floor(Date.now() / 1000)
  const erased = { household, upTo }
  const evidence = wouldErase(folder, erased)
  if (!dryRun) {
    noteErased(directory, [erased])
    evidence.aside = eraseHere(directory).aside
  }
  sayEvidence(evidence)
  for (const file of evidence.aside) say(`may have it still, for it is damaged; delete it by hand: ${file}`)
  if (!dryRun) say(`${join(directory, "erased.json")} says so from now on: it is not fetched again.`)
  process.stdout.write(`${JSON.stringify({ household, upTo, dryRun, evidence })}\n`)
  return 0
}

function eraseHere(directory: string): FolderErasure {
  if (!existsSync(join(directory, "index.sqlite"))) return eraseFrom(evidenceFolder(directory))
  const store = openEvidenceStore(directory)
  try {
    return store.erase()
  } finally {
    store.close()
  }
}

function sayEvidence({ batches, bytes }: FolderErasure): void {
  say(`evidence: its sealed parts of ${batches} batches, ${bytes} bytes, with the salts in them`)
}

function tell(erasure: HouseholdErasure, dryRun: boolean): number {
  const { evidence, journal, devices, copies, elsewhere } = erasure
  sayEvidence(evidence)
  say(`journal: ${journal.readings} readings, ${journal.days} days, ${journal.blocks} blocks of evidence,`)
  say(`  ${journal.refused} refused messages, what it gave and received in ${journal.accountings} batches`)
  if (!dryRun) say(`devices: ${devices} logged out`)
  say(`up to ${iso(erasure.upTo)}, the last batch that is settled`)
  say("")
  say("What is left, and where it may be still:")
  if (journal.readingsLeft > 0)
    say(
      `  ${journal.readingsLeft} of its readings: where each register stood at the end, and what is not settled`,
    )
  say("  what was public before: its address, its meters, what its roof made, what it was paid")
  for (const file of [...evidence.aside, ...copies]) say(`  a copy, until you delete it: ${file}`)
  for (const url of elsewhere)
    say(`  ${url}: give there: commonwatt evidence erase --household ${erasure.household} --config …`)
  say("  auditors and the household itself, who keep what they fetched; USB sticks: --from DIR")
  process.stdout.write(`${JSON.stringify({ ...erasure, dryRun })}\n`)
  return 0
}

const iso = (time: number) => new Date(time * 1000).toISOString().replace(".000", "")
