import { existsSync, mkdirSync, statSync } from "node:fs"
import { join } from "node:path"
import Database from "better-sqlite3"
import type { EvidenceStore } from "../../evidence/store.ts"
import type { Config } from "../config.ts"
import { isDamage, pagesDamage } from "../journal/health.ts"
import { type Loss, readLoss } from "./marker.ts"

/** A journal of this size is looked at in a second, from an SD card too. */
const checkedAlwaysBytes = 32 * 1024 * 1024

/**
 * Looks at the journal before it is used: at all of its pages if it is small, or if it was not closed in order.
 * @param now Unix seconds. @returns what is wrong with it, or was when it was last used; undefined when nothing is.
 */
export function noticeLoss(
  { dataDir, chain, site }: Pick<Config, "dataDir" | "chain" | "site">,
  store: EvidenceStore,
  now: number,
): Loss | undefined {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const earlier = readLoss(dataDir)
  if (earlier) return earlier
  const file = join(dataDir, "journal.sqlite")
  const loss = (why: string): Loss => ({ why, since: now, sound: false, aside: [] })
  if (!existsSync(file)) {
    return store.batches({ oracle: chain.oracle, site }).length > 0 ? loss("the journal is gone") : undefined
  }
  const closedInOrder = !existsSync(`${file}-wal`) || statSync(`${file}-wal`).size === 0
  if (closedInOrder && statSync(file).size > checkedAlwaysBytes) return undefined
  let db: Database.Database | undefined
  try {
    db = new Database(file)
    const damage = pagesDamage(db)
    return damage === undefined ? undefined : loss(`the journal is damaged: ${damage}`)
  } catch (error) {
    // Anything else is said by whoever opens it next.
    return isDamage(error) ? loss(`the journal is damaged: ${(error as Error).message}`) : undefined
  } finally {
    db?.close()
  }
}
