import { chmodSync, existsSync, mkdirSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import Database from "better-sqlite3"
import { type Block, type BlockSource, BrokenBlock, CID } from "../protocol/block.ts"
import type { Hex } from "../protocol/hex.ts"
import { type BatchPlace, placeOf } from "./batch-links.ts"
import { eraseFrom, type FolderErasure } from "./erase.ts"
import { evidenceFolder } from "./folder.ts"

/** A batch that is here whole. */
export interface KeptBatch extends BatchPlace {
  root: CID
  bytes: number
  /** When all of it was last read and compared with its hashes, Unix seconds. */
  checked: number
}

export type EvidenceStore = ReturnType<typeof openEvidenceStore>

/**
 * Evidence on disk: a folder of CAR files, and an index that finds a block in them. The files are what counts; the
 * index can be thrown away at any time and is made again from them.
 */
export function openEvidenceStore(directory: string) {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const folder = evidenceFolder(directory)
  const db = openIndex(join(directory, "index.sqlite"))
  const addBatch = db.prepare(
    `INSERT INTO batches (root, chain, oracle, site, number, time, previous, bytes, checked)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
  )
  const addBlock = db.prepare(
    "INSERT INTO blocks (digest, batch, place, length) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
  )
  const dropBatch = db.prepare("DELETE FROM batches WHERE root = ?")
  const find = db.prepare(
    `SELECT b.root, k.place, k.length FROM blocks k JOIN batches b ON b.id = k.batch WHERE k.digest = ?`,
  )
  const known = db.prepare("SELECT root FROM batches").pluck()
  const byRoot = db.prepare("SELECT * FROM batches WHERE root = ?")
  const ofSite = db.prepare("SELECT * FROM batches WHERE oracle = ? AND site = ? ORDER BY number, time")
  const all = db.prepare("SELECT * FROM batches ORDER BY site, number")
  const longestUnchecked = db.prepare("SELECT * FROM batches ORDER BY checked, id LIMIT 1")
  const setChecked = db.prepare("UPDATE batches SET checked = ? WHERE root = ?")
  const noteCopy = db.prepare(
    `INSERT INTO copies (root, peer, checked) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET checked = excluded.checked`,
  )
  const dropCopy = db.prepare("DELETE FROM copies WHERE root = ? AND peer = ?")
  const copies = db.prepare("SELECT peer, checked FROM copies WHERE root = ?")

  const index = db.transaction((root: CID): void => {
    const sections = folder.sections(root)
    const own = sections.find(({ cid }) => cid.equals(root))
    const bytes = own && folder.read(root, own)
    if (!bytes) throw new BrokenBlock(root, "is missing in its own file")
    const { chainId, oracle, site, number, time, previous } = placeOf(root, bytes)
    const { size } = statSync(join(directory, `${root}.car`))
    dropBatch.run(root.toString())
    const { id } = addBatch.get(
      root.toString(),
      chainId,
      oracle,
      site,
      number,
      time,
      previous?.toString() ?? null,
      size,
      0,
    ) as { id: bigint }
    for (const { cid, offset, length } of sections) addBlock.run(cid.multihash.digest, id, offset, length)
  })

  /** Brings the index up to what the folder holds. @returns files that could not be read, set aside. */
  function sync(): { root: CID; aside: string; why: string }[] {
    const here = new Map(folder.roots().map((root) => [root.toString(), root]))
    const indexed = new Set(known.all() as string[])
    const aside: { root: CID; aside: string; why: string }[] = []
    for (const text of indexed) if (!here.has(text)) dropBatch.run(text)
    for (const [text, root] of here)
      if (!indexed.has(text))
        try {
          index(root)
        } catch (error) {
          if (!(error instanceof BrokenBlock)) throw error
          aside.push({ root, aside: folder.setAside(root), why: error.message })
        }
    return aside
  }

  /** A block's bytes, checked; undefined when no file here has it whole. */
  function block(cid: CID): Uint8Array | undefined {
    for (const { root, place, length } of find.all(cid.multihash.digest) as FoundRow[])
      try {
        const bytes = folder.read(CID.parse(root), { cid, offset: Number(place), length: Number(length) })
        if (bytes) return bytes
      } catch (error) {
        if (!(error instanceof BrokenBlock)) throw error
      }
    return undefined
  }

  return {
    directory,
    folder,
    sync,
    block,
    source: (async (cid) => block(cid)) as BlockSource,

    has: folder.has,

    /** The blocks of a batch, one at a time; undefined when it is not here. */
    blocksOf(root: CID): Iterable<Block> | undefined {
      return folder.has(root) ? folder.blocksOf(root) : undefined
    },

    /** Takes a batch from a source, only what is not here yet. @throws BrokenBlock */
    async take(root: CID, source: BlockSource): Promise<{ blocks: number; bytes: number }> {
      const came = await folder.take(root, source)
      if (!byRoot.get(root.toString())) index(root)
      return came
    },

    /** Takes the parts of those who are erased out of every file. */
    erase: (): FolderErasure =>
      eraseFrom(folder, index, (root) => {
        dropBatch.run(root.toString())
      }),

    get(root: CID): KeptBatch | undefined {
      const row = byRoot.get(root.toString()) as BatchRow | undefined
      return row && fromRow(row)
    },

    batches(of?: { oracle: Hex; site: number }): KeptBatch[] {
      const rows = of ? ofSite.all(of.oracle, of.site) : all.all()
      return (rows as BatchRow[]).map(fromRow)
    },

    /**
     * Compares the batch that was not looked at for the longest time with its hashes, and sets it aside if it is
     * damaged. @returns what was found; undefined when there is no batch.
     */
    checkNext(now: number): { batch: KeptBatch; faults: string[] } | undefined {
      const row = longestUnchecked.get() as BatchRow | undefined
      if (!row) return undefined
      const batch = fromRow(row)
      const faults = folder.has(batch.root) ? folder.faults(batch.root) : ["its file is gone"]
      if (faults.length === 0) setChecked.run(now, row.root)
      else {
        if (folder.has(batch.root)) folder.setAside(batch.root)
        dropBatch.run(row.root)
      }
      return { batch, faults }
    },

    /** Somebody else was seen to have this batch, or not to have it any more. */
    noteCopy(root: CID, peer: string, seen: boolean, now: number): void {
      if (seen) noteCopy.run(root.toString(), peer, now)
      else dropCopy.run(root.toString(), peer)
    },

    /** Who else has it, and when that was last seen, Unix seconds. */
    copiesOf(root: CID): Map<string, number> {
      const rows = copies.all(root.toString()) as { peer: string; checked: bigint }[]
      return new Map(rows.map(({ peer, checked }) => [peer, Number(checked)]))
    },

    close(): void {
      db.close()
    },
  }
}

interface FoundRow {
  root: string
  place: bigint
  length: bigint
}

interface BatchRow {
  root: string
  chain: bigint
  oracle: Hex
  site: bigint
  number: bigint
  time: bigint
  previous: string | null
  bytes: bigint
  checked: bigint
}

function fromRow(row: BatchRow): KeptBatch {
  return {
    root: CID.parse(row.root),
    chainId: Number(row.chain),
    oracle: row.oracle,
    site: Number(row.site),
    number: row.number,
    time: Number(row.time),
    previous: row.previous === null ? undefined : CID.parse(row.previous),
    bytes: Number(row.bytes),
    checked: Number(row.checked),
  }
}

const schemaVersion = 1
const schema = `
  CREATE TABLE batches (
    id INTEGER PRIMARY KEY,
    root TEXT NOT NULL UNIQUE,
    chain INTEGER NOT NULL, oracle TEXT NOT NULL, site INTEGER NOT NULL, number INTEGER NOT NULL,
    time INTEGER NOT NULL,
    previous TEXT,
    bytes INTEGER NOT NULL,
    checked INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX batches_of_site ON batches (oracle, site, number);
  CREATE TABLE blocks (
    digest BLOB NOT NULL,
    batch INTEGER NOT NULL REFERENCES batches(id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    length INTEGER NOT NULL,
    PRIMARY KEY (digest, batch)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX blocks_of_batch ON blocks (batch);
  CREATE TABLE copies (
    root TEXT NOT NULL,
    peer TEXT NOT NULL,
    checked INTEGER NOT NULL,
    PRIMARY KEY (root, peer)
  ) STRICT, WITHOUT ROWID;
`

/** An index that is damaged or of another version is thrown away: it says nothing that the files do not say. */
function openIndex(file: string): Database.Database {
  if (existsSync(file))
    try {
      return prepare(new Database(file))
    } catch (error) {
      if (!isDamage(error)) throw error
      for (const ending of ["", "-wal", "-shm"]) rmSync(`${file}${ending}`, { force: true })
    }
  return prepare(new Database(file))
}

function prepare(db: Database.Database): Database.Database {
  try {
    db.pragma("busy_timeout = 5000")
    db.defaultSafeIntegers()
    db.pragma("journal_mode = WAL")
    db.pragma("synchronous = NORMAL")
    db.pragma("foreign_keys = ON")
    const version = Number(db.pragma("user_version", { simple: true }))
    if (version !== 0 && version !== schemaVersion) throw new OtherVersion()
    if (db.pragma("quick_check(1)", { simple: true }) !== "ok") throw new OtherVersion()
    if (version === 0)
      db.transaction(() => {
        db.exec(schema)
        db.pragma(`user_version = ${schemaVersion}`)
      }).immediate()
    chmodSync(db.name, 0o600)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

class OtherVersion extends Error {}

function isDamage(error: unknown): boolean {
  const { code } = error as { code?: string }
  return error instanceof OtherVersion || /^SQLITE_(CORRUPT|NOTADB)/.test(code ?? "")
}
