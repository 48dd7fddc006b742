import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { PersonError } from "../../protocol/error.ts"
import type { Identity } from "../../protocol/seal.ts"
import { type Config, readConfig } from "../config.ts"
import { openDatabase } from "../journal/database.ts"
import { contentDamage, pagesDamage } from "../journal/health.ts"
import { journalIn } from "../journal/journal.ts"
import { type Manifest, unpackBackup } from "./backup.ts"
import { noteLoss } from "./marker.ts"

/** What a gateway does with the files that its configuration names. Each returns in words what it lacks. */
export type Uses = readonly ((config: Config) => readonly string[] | Promise<readonly string[]>)[]

/** What is in a back-up, as it was found when it was opened and used. */
export interface Restored {
  site: number
  /** When the back-up was made, Unix seconds. */
  made: number
  files: string[]
  meters: number
  readings: number
  /** Its last batch; 0 if it has none. */
  batch: number
  /** What will have to be put there by hand, in words. */
  lacking: string[]
}

/**
 * Puts a back-up onto a new board: a directory from which `commonwatt run` starts. There the gateway first fetches what
 * was settled since, and reads nothing before it has it.
 * @throws PersonError; nothing is left behind then.
 */
export async function restore(
  file: string,
  identities: readonly Identity[],
  to: string,
  now: number,
  uses: Uses,
): Promise<Restored> {
  mustBeEmpty(to)
  const part = `${to}.part`
  rmSync(part, { recursive: true, force: true })
  const manifest = await unpackBackup(file, identities, part)
  try {
    const restored = await look(part, manifest, uses)
    const why = `restored from the back-up of ${new Date(manifest.made * 1000).toISOString().slice(0, 16)}Z`
    noteLoss(join(part, dirname(manifest.journal)), { why, since: now, sound: true, aside: [] })
    if (existsSync(to)) rmSync(to, { recursive: true })
    renameSync(part, to)
    return restored
  } catch (error) {
    rmSync(part, { recursive: true, force: true })
    throw error
  }
}

/** @throws PersonError where something is in the directory. */
export function mustBeEmpty(to: string): void {
  if (existsSync(to) && readdirSync(to).length > 0)
    throw new PersonError(`The directory ${to} is not empty.`, {
      next: "Name one that does not exist: a running gateway is never overwritten.",
    })
}

/** The same without leaving anything: opens all of it as a new board would, in a directory of its own, and removes it. */
export async function drill(file: string, identities: readonly Identity[], uses: Uses): Promise<Restored> {
  const work = mkdtempSync(join(tmpdir(), "commonwatt-drill-"))
  try {
    const directory = join(work, "restored")
    return await look(directory, await unpackBackup(file, identities, directory), uses)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Opens what was unpacked as the gateway would. @throws PersonError at what it could not start with. */
async function look(directory: string, manifest: Manifest, uses: Uses): Promise<Restored> {
  const config = readConfig(join(directory, manifest.config))
  const lacking: string[] = []
  for (const use of uses) lacking.push(...(await use(config)))
  const db = openDatabase(join(directory, dirname(manifest.journal)))
  try {
    const journal = journalIn(db, config.meters)
    const damage =
      pagesDamage(db) ??
      contentDamage(
        journal,
        config.meters.map(({ key }) => key.meterId),
      )
    if (damage !== undefined)
      throw new PersonError("The journal in this back-up is damaged.", {
        context: [damage],
        next: "Take an earlier back-up.",
      })
    const { accepted, doubtful } = journal.readings.counts()
    return {
      site: config.site,
      made: manifest.made,
      files: Object.keys(manifest.files),
      meters: config.meters.length,
      readings: accepted + [...doubtful.values()].reduce((sum, n) => sum + n, 0),
      batch: Number(journal.batches.newest(1)[0]?.number ?? 0n),
      lacking,
    }
  } finally {
    db.close()
  }
}
