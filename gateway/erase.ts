import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { type FolderErasure, wouldErase } from "../evidence/erase.ts"
import { noteErased } from "../evidence/erased.ts"
import { openEvidenceStore } from "../evidence/store.ts"
import { PersonError } from "../protocol/error.ts"
import type { Hex } from "../protocol/hex.ts"
import { type Config, validatorUrls } from "./config.ts"
import { evidenceDirectory } from "./evidence.ts"
import { openDatabase } from "./journal/database.ts"
import { erasing, type JournalErasure } from "./journal/erase.ts"
import { backupsIn } from "./recovery/backup.ts"
import { openSessions } from "./web/session/store.ts"

/** What of a household goes from a gateway, and where it may be still. */
export interface HouseholdErasure {
  household: Hex
  /** Up to which batch's time, Unix seconds. */
  upTo: number
  evidence: FolderErasure
  journal: JournalErasure
  /** Devices that were logged in for it. */
  devices: number
  /** Files on this machine that may have it still, and that nobody but you may delete. */
  copies: string[]
  /** Who else keeps this community's evidence. */
  elsewhere: string[]
}

/**
 * Erases a household's consumption from a gateway that does not run, as far as it is settled.
 * @param dryRun only says what would go.
 * @throws PersonError
 */
export function eraseHousehold(config: Config, household: Hex, dryRun: boolean): HouseholdErasure {
  const { dataDir, meters, replicate } = config
  const own = meters.filter((meter) => meter.household === household).map(({ key }) => key.meterId)
  if (own.length === 0)
    throw new PersonError(`The configuration has no meter of household ${household}.`, {
      next: "Check the address; erase a household before its meters are taken out of the configuration.",
    })
  const db = openDatabase(dataDir)
  const store = openEvidenceStore(evidenceDirectory(dataDir))
  try {
    const journal = erasing(db)
    const plan = journal.plan(household, own)
    if (!plan)
      throw new PersonError("Nothing is settled yet, so nothing can be erased.", {
        next: "What is not settled is needed: erase once commonwatt doctor says that all is settled.",
      })
    const erased = { household, upTo: plan.upTo }
    const evidence = wouldErase(store.folder, erased)
    let devices = 0
    if (!dryRun) {
      journal.takeAlone()
      // Before all else: what others still have must not come back.
      noteErased(store.directory, [erased])
      evidence.aside = store.erase().aside
      journal.erase(household, own)
      devices = logOut(dataDir, household)
    }
    return {
      ...{ household, upTo: plan.upTo, evidence, journal: plan, devices },
      copies: copiesOf(config),
      elsewhere: [...new Set([...(replicate?.peers ?? []), ...validatorUrls(config)])],
    }
  } finally {
    store.close()
    db.close()
  }
}

function logOut(dataDir: string, household: Hex): number {
  const sessions = openSessions(dataDir, () => Math.floor(Date.now() / 1000))
  try {
    sessions.removePasskeys(household)
    return sessions.endAll(household)
  } finally {
    sessions.close()
  }
}

/** Back-ups, and journals and evidence that were set aside because they were damaged. */
function copiesOf({ dataDir, backup, site }: Config): string[] {
  const set = (directory: string, name: RegExp) =>
    existsSync(directory)
      ? readdirSync(directory)
          .filter((file) => name.test(file))
          .map((file) => join(directory, file))
      : []
  return [
    ...(backup ? backupsIn(backup.directory, site) : []),
    ...set(dataDir, /^(journal-damaged-.*|backup-.*)$/),
    ...set(evidenceDirectory(dataDir), /\.damaged$/),
  ]
}
