import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import Database from "better-sqlite3"
import { syncDirectory } from "../../evidence/folder.ts"
import type { ProposedBatch } from "../../evidence/proposed.ts"
import type { EvidenceStore } from "../../evidence/store.ts"
import { stamp } from "../../protocol/backup-file.ts"
import { type BlockSource, BrokenBlock, type CID } from "../../protocol/block.ts"
import { PersonError } from "../../protocol/error.ts"
import { readEvidence } from "../../protocol/evidence.ts"
import type { Hex } from "../../protocol/hex.ts"
import type { Identity } from "../../protocol/seal.ts"
import type { Config } from "../config.ts"
import { contentDamage, isDamage, pagesDamage } from "../journal/health.ts"
import { type Journal, openJournal } from "../journal/journal.ts"
import { lastNumber } from "../journal/readings.ts"
import { createAdoption, OtherHistory } from "./adopt.ts"
import { backupsIn, unpackBackup } from "./backup.ts"
import { forgetLoss, type Loss, noteLoss } from "./marker.ts"
import { salvage, salvageKeys } from "./salvage.ts"

/** What came back and what did not, for people. */
export interface RecoveryReport {
  why: string
  /** What it began with: "the journal itself", a back-up's file, or "nothing". */
  base: string
  batches: number
  newest: number
  salvaged: number
  /** What is lost or in doubt, in words. */
  lost: string[]
  aside: string[]
}

export interface RecoveryOptions {
  config: Config
  store: EvidenceStore
  /** Where evidence may be that is not in the store: peers and validators. */
  elsewhere: readonly BlockSource[]
  /** The newest proposal of the site as the chain has it; undefined where it has none. @throws when it does not answer. */
  proposed: () => Promise<ProposedBatch | undefined>
  identities: readonly Identity[]
  /** Unix seconds of the wall clock. */
  now: () => number
  /** Before it looks again whether chain or evidence are there. @throws to give up. */
  pause: () => Promise<void>
  log: (what: string, details: Record<string, unknown>) => void
}

const rebuilding = "rebuilding"
/** Numbers under which lost readings of plain meters may have been signed: never signed again. */
const skippedSequences = 1_000_000

/**
 * Brings a journal back that is damaged, gone or behind the chain: from itself where it is whole, from the last back-up,
 * the site's evidence, and whatever a damaged file still gives away. Nothing that was damaged is deleted.
 */
export async function recover(loss: Loss, options: RecoveryOptions): Promise<RecoveryReport> {
  const { config, log } = options
  log("the journal needs to be brought back", { why: loss.why })
  noteLoss(config.dataDir, loss)
  const report = await rebuild(loss, options)
  log("the journal is back", { ...report })
  return report
}

async function rebuild(loss: Loss, options: RecoveryOptions): Promise<RecoveryReport> {
  const { config, now, log } = options
  const { dataDir, meters } = config
  const work = join(dataDir, rebuilding)
  const current = join(dataDir, "journal.sqlite")
  const whole = loss.sound && isUsable(current)
  if (existsSync(current) && !whole) setAside(dataDir, loss, now())
  const head = await findHead(options)
  const salvageFrom = loss.aside.map((name) => join(dataDir, name)).filter((file) => existsSync(file))

  for (const base of bases(whole ? current : undefined, options)) {
    rmSync(work, { recursive: true, force: true })
    mkdirSync(work, { mode: 0o700 })
    let journal: Journal | undefined
    try {
      if (!(await base.into(work))) continue
      journal = openJournal(work, meters)
      const damage = contentDamage(
        journal,
        meters.map(({ key }) => key.meterId),
      )
      if (damage !== undefined) throw new OtherHistory(damage)
      const others = salvageFrom.concat(whole && base.name !== itself ? [current] : [])
      for (const file of others) salvageKeys(file, { journal, meters })
      const inError = meters.find(({ key }) => journal!.keys.takenInError(key.meterId) > 0)
      if (inError) throw new OtherHistory(`it counted ${inError.name} by a key that was not in force`)
      const { batches, lost, unopened } = await adoptAll(journal, head, options)
      const found = others.map((file) => salvage(file, { journal: journal!, meters, rules: config.rules }))
      completeSealed(journal, config, unopened)
      const unreadable = found.reduce((sum, { unreadable }) => sum + unreadable, 0)
      if (unreadable > 0) lost.push(`${unreadable} places in the damaged journal could not be read`)
      skipSequences(journal, config, now())
      const newest = journal.batches.newest(1)[0]
      const report: RecoveryReport = {
        why: loss.why,
        base: base.name,
        batches,
        newest: Number(newest?.number ?? 0n),
        salvaged: found.reduce((sum, { readings }) => sum + readings, 0),
        lost,
        aside: loss.aside,
      }
      if (whole && base.name !== itself) setAside(dataDir, loss, now())
      journal.noteRecovery(now(), JSON.stringify(report))
      journal.close()
      journal = undefined
      takeOver(work, dataDir)
      forgetLoss(dataDir)
      return report
    } catch (error) {
      if (!(error instanceof OtherHistory || isDamage(error))) throw error
      log("a journal could not be completed", { base: base.name, why: (error as Error).message })
    } finally {
      journal?.close()
      rmSync(work, { recursive: true, force: true })
    }
  }
  throw new PersonError("The journal cannot be brought back.", {
    context: [loss.why],
    next: "Keep the data directory as it is, and ask for help.",
  })
}

const itself = "the journal itself"

interface Base {
  name: string
  /** Puts a journal into a directory. @returns false when there is none to be had from here. */
  into: (directory: string) => Promise<boolean>
}

/** What a journal can be completed from, the best first. The last one always works. */
function* bases(current: string | undefined, { config, identities, log }: RecoveryOptions): Generator<Base> {
  if (current !== undefined)
    yield {
      name: itself,
      into: async (directory) => {
        copyWithLog(current, join(directory, "journal.sqlite"))
        return true
      },
    }
  for (const file of config.backup ? backupsIn(config.backup.directory, config.site) : [])
    yield {
      name: file,
      into: async (directory) => {
        const unpacked = join(directory, "backup")
        try {
          const { journal } = await unpackBackup(file, identities, unpacked)
          renameSync(join(unpacked, journal), join(directory, "journal.sqlite"))
          rmSync(unpacked, { recursive: true })
          return true
        } catch (error) {
          if (!(error instanceof PersonError)) throw error
          log("a back-up cannot be used", { file, why: error.context.join("; ") })
          return false
        }
      },
    }
  yield { name: "nothing", into: async () => true }
}

/** The newest batch: as the chain has it, or, while that does not answer, as the files here have it. */
async function findHead({ config, store, proposed, log, pause }: RecoveryOptions): Promise<CID | undefined> {
  const { chain, site } = config
  for (;;)
    try {
      return (await proposed())?.root
    } catch (error) {
      const own = store.batches({ oracle: chain.oracle, site }).at(-1)
      if (own) return own.root
      log("waiting for the chain, to learn what was settled; nothing is read meanwhile", {
        why: (error as Error).message.split("\n")[0],
      })
      await pause()
    }
}

/** From the last batch that the journal knows up to the head. */
async function adoptAll(
  journal: Journal,
  head: CID | undefined,
  options: RecoveryOptions,
): Promise<{ batches: number; lost: string[]; unopened: Unopened[] }> {
  const { config, store, identities } = options
  const missing: CID[] = []
  for (let root = head; root; ) {
    await fetchBatch(root, options)
    const { number, previous } = store.get(root)!
    const known = journal.batches.get(number)
    if (known?.evidence.equals(root) && known.state !== "superseded") break
    missing.push(root)
    root = previous
  }
  const adopt = createAdoption({ journal, meters: config.meters, rules: config.rules })
  const lost: string[] = []
  const unopened: Unopened[] = []
  for (const root of missing.reverse()) {
    const evidence = await readEvidence(root, store.source, identities)
    const { number, time, sealed } = evidence
    if (sealed.length > 0) {
      unopened.push({ number, time, households: new Set(sealed) })
      lost.push(
        `batch ${number}: readings of ${sealed.length} household(s) are not sealed to this site's key`,
      )
      if (evidence.rules.version === 2 && evidence.rules.accounts)
        lost.push(`batch ${number}: what those households shared is not in the accounts`)
    }
    lost.push(...adopt(evidence, head && root.equals(head) ? "mined" : "settled"))
  }
  return { batches: missing.length, lost, unopened }
}

async function fetchBatch(root: CID, { store, elsewhere, log, pause }: RecoveryOptions): Promise<void> {
  for (;;) {
    const problems: string[] = []
    for (const source of [store.source, ...elsewhere])
      try {
        await store.take(root, source)
        return
      } catch (error) {
        problems.push((error as Error).message)
        if (!(error instanceof BrokenBlock) && (error as { code?: string }).code === "ENOSPC") throw error
      }
    log("waiting for evidence that neither this disk nor anybody else gives", {
      root: root.toString(),
      why: problems.at(-1),
      help: "commonwatt evidence import brings it from a stick",
    })
    await pause()
  }
}

/** A batch with parts that are sealed to others. */
interface Unopened {
  number: bigint
  time: number
  households: ReadonlySet<Hex>
}

/**
 * What such a batch held of a meter is what the rules put into a batch of its time, as far as the meter's readings are
 * back from elsewhere.
 */
function completeSealed(journal: Journal, { meters }: Config, unopened: readonly Unopened[]): void {
  for (const { number, time, households } of unopened)
    for (const { key } of meters.filter((meter) => households.has(meter.household))) {
      const meter = journal.readings.rowId(key.meterId)
      const before = journal.batches.lastReading(meter, number)
      if (journal.batches.lastReading(meter, number + 1n) !== before) continue
      const last = journal.readings.lastForBatch(key.meterId, before, time)
      if (last !== undefined) journal.batches.setLastReading(number, meter, last)
    }
}

/** The gateway may have signed readings for plain meters that are lost: their numbers must not be given out again. */
function skipSequences(journal: Journal, { meters }: Config, now: number): void {
  for (const { modbus, key } of meters) {
    if (modbus?.keyFile === undefined) continue
    const { anchor, ...seen } = journal.readings.state(key.meterId)
    const { keyIndex, sequence } = lastNumber(seen)
    const elapsed = Math.max(0, now - (anchor?.time ?? now))
    journal.readings.skipTo(key.meterId, { keyIndex, sequence: sequence + skippedSequences + elapsed })
  }
}

function isUsable(file: string): boolean {
  if (!existsSync(file)) return false
  let db: Database.Database | undefined
  try {
    db = new Database(file)
    return pagesDamage(db) === undefined && db.prepare("SELECT count(*) FROM readings").get() !== undefined
  } catch {
    return false
  } finally {
    db?.close()
  }
}

/** Copies a journal with what its log holds and the file does not. */
function copyWithLog(from: string, to: string): void {
  const db = new Database(from)
  try {
    db.pragma("wal_checkpoint(TRUNCATE)")
  } finally {
    db.close()
  }
  copyFileSync(from, to)
}

/** Gives the journal's files a dated name. It is written down first, so that an end in between forgets nothing. */
function setAside(dataDir: string, loss: Loss, now: number): void {
  const taken = new Set(readdirSync(dataDir))
  let name = `journal-damaged-${stamp(now)}.sqlite`
  for (let n = 2; taken.has(name); n++) name = `journal-damaged-${stamp(now)}-${n}.sqlite`
  loss.aside.push(name)
  noteLoss(dataDir, loss)
  for (const end of ["-wal", "-shm", ""])
    if (existsSync(join(dataDir, `journal.sqlite${end}`)))
      renameSync(join(dataDir, `journal.sqlite${end}`), join(dataDir, `${name}${end}`))
  syncDirectory(dataDir)
}

function takeOver(work: string, dataDir: string): void {
  for (const end of ["-wal", "-shm"]) rmSync(join(dataDir, `journal.sqlite${end}`), { force: true })
  renameSync(join(work, "journal.sqlite"), join(dataDir, "journal.sqlite"))
  syncDirectory(dataDir)
}
