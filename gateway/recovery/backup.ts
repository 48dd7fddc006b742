import { createHash } from "node:crypto"
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs"
import { join } from "node:path"
import { pipeline, Readable } from "node:stream"
import { createGunzip, createGzip } from "node:zlib"
import { Decrypter, Encrypter } from "age-encryption"
import Database from "better-sqlite3"
import { z } from "zod"
import { syncDirectory } from "../../evidence/folder.ts"
import { backupName, readBackupName } from "../../protocol/backup-file.ts"
import { PersonError } from "../../protocol/error.ts"
import type { Identity, Recipient } from "../../protocol/seal.ts"
import { pagesDamage } from "../journal/health.ts"
import { type ArchiveEntry, tarOf, untar } from "./archive.ts"
import { packConfig, packedDataDir } from "./configured-files.ts"

const manifestName = "manifest.json"
const configName = "gateway.yaml"
/** 500 kB: readings come in between. */
const pagesAtOnce = 500

const manifestShape = z.object({
  format: z.literal("commonwatt/backup/1"),
  site: z.int().positive(),
  /** Unix seconds. */
  made: z.int().nonnegative(),
  config: z.string(),
  journal: z.string(),
  files: z.record(z.string(), z.object({ bytes: z.int().nonnegative(), sha256: z.string() })),
})

export type Manifest = z.output<typeof manifestShape>

export interface MadeBackup {
  file: string
  bytes: number
  /** Files that the configuration names and that were not there. */
  absent: string[]
}

/**
 * Makes a back-up while the gateway runs: a copy of the journal as it is at one moment, the configuration and the files
 * that it names, keys among them, encrypted before a byte of it leaves the journal's own directory.
 * @param now Unix seconds.
 * @throws PersonError when the journal that was copied is damaged.
 */
export async function makeBackup({
  configFile,
  site,
  dataDir,
  directory,
  recipients,
  now,
}: {
  configFile: string
  site: number
  dataDir: string
  directory: string
  recipients: readonly Recipient[]
  now: number
}): Promise<MadeBackup> {
  const { text, files, absent } = packConfig(configFile)
  const work = mkdtempSync(join(dataDir, "backup-"))
  try {
    const copy = join(work, "journal.sqlite")
    await copyJournal(join(dataDir, "journal.sqlite"), copy)
    const journal = join(packedDataDir, "journal.sqlite")
    // A board without them is one where households must be invited anew; a board without the journal is none.
    const sessions = await copySessions(dataDir, work).catch(() => {
      absent.push("sessions.sqlite")
      return undefined
    })
    const entries: ArchiveEntry[] = [
      { name: configName, content: Buffer.from(text) },
      ...[...files].map(([name, file]) => ({ name, content: readFileSync(file) })),
      ...(sessions === undefined ? [] : [{ name: join(packedDataDir, "sessions.sqlite"), file: sessions }]),
      { name: journal, file: copy },
    ]
    const manifest: Manifest = {
      format: "commonwatt/backup/1",
      site,
      made: now,
      config: configName,
      journal,
      files: {},
    }
    for (const entry of entries) manifest.files[entry.name] = await describe(entry)
    entries.unshift({ name: manifestName, content: Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`) })

    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const file = join(directory, backupName(site, now))
    const bytes = await writeEncrypted(file, entries, recipients)
    return { file, bytes, absent }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** The back-ups of a site in a directory, the newest first. */
export function backupsIn(directory: string, site: number): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory)
    .filter((name) => readBackupName(name)?.site === site)
    .sort()
    .reverse()
    .map((name) => join(directory, name))
}

/** Removes all but the newest. */
export function keepNewest(directory: string, site: number, keep: number): void {
  for (const file of backupsIn(directory, site).slice(keep)) rmSync(file, { force: true })
}

/**
 * Decrypts a back-up into a new directory, and compares each file with what was packed.
 * @throws PersonError; nothing is left behind then.
 */
export async function unpackBackup(
  file: string,
  identities: readonly Identity[],
  directory: string,
): Promise<Manifest> {
  const wrong = (why: string, next: string, cause?: unknown) =>
    new PersonError(`The back-up ${file} cannot be restored.`, { context: [why], next, cause })
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  try {
    const decrypter = new Decrypter()
    try {
      for (const identity of identities) decrypter.addIdentity(identity)
    } catch (cause) {
      throw wrong("what was given as an identity is none", "It begins with AGE-SECRET-KEY-1.", cause)
    }
    let opened: ReadableStream<Uint8Array>
    try {
      opened = await decrypter.decrypt(Readable.toWeb(createReadStream(file)) as ReadableStream<Uint8Array>)
    } catch (cause) {
      const { message, code } = cause as NodeJS.ErrnoException
      throw code
        ? wrong(message, "Check the path.", cause)
        : wrong(
            `it is not for this key, or damaged at its head (${message})`,
            "Give the identity of one of its recipients, or the site's key.",
            cause,
          )
    }
    try {
      const plain = pipeline(Readable.fromWeb(opened as never), createGunzip(), () => {})
      await untar(plain, directory)
    } catch (cause) {
      throw wrong(`it is damaged: ${(cause as Error).message}`, "Take an earlier one.", cause)
    }
    const manifest = manifestShape.parse(JSON.parse(readFileSync(join(directory, manifestName), "utf8")))
    for (const [name, { bytes, sha256 }] of Object.entries(manifest.files)) {
      const found = await describe({ name, file: join(directory, name) })
      if (found.bytes !== bytes || found.sha256 !== sha256)
        throw wrong(`${name} in it is not what was packed`, "Take an earlier one.")
    }
    rmSync(join(directory, manifestName))
    return manifest
  } catch (error) {
    rmSync(directory, { recursive: true, force: true })
    throw error
  }
}

/**
 * Households' passkeys, so that they need no invitation to a new board. Devices that were logged in are left out: one that
 * was logged out since would be in again.
 */
async function copySessions(dataDir: string, work: string): Promise<string | undefined> {
  const from = join(dataDir, "sessions.sqlite")
  if (!existsSync(from)) return undefined
  const to = join(work, "sessions.sqlite")
  await copyDatabase(from, to)
  const copy = new Database(to)
  try {
    copy.pragma("journal_mode = DELETE")
    copy.exec("DELETE FROM sessions; VACUUM")
  } finally {
    copy.close()
  }
  return to
}

async function copyDatabase(from: string, to: string): Promise<void> {
  const source = new Database(from, { readonly: true, fileMustExist: true })
  try {
    // A commit in between would begin it anew, were this not a look at one moment; readers hold nobody up.
    source.exec("BEGIN")
    source.prepare("SELECT count(*) FROM sqlite_schema").get()
    await source.backup(to, { progress: () => pagesAtOnce })
  } finally {
    source.close()
  }
}

async function copyJournal(from: string, to: string): Promise<void> {
  await copyDatabase(from, to)
  const copy = new Database(to)
  try {
    copy.pragma("journal_mode = DELETE")
    const damage = pagesDamage(copy)
    if (damage !== undefined)
      throw new PersonError("The journal is damaged; no back-up was made of it.", {
        context: [damage],
        next: "Restart the gateway: it brings the journal back from the last back-up and the evidence.",
      })
  } finally {
    copy.close()
  }
}

async function describe(entry: ArchiveEntry): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash("sha256")
  if ("content" in entry)
    return { bytes: entry.content.length, sha256: hash.update(entry.content).digest("hex") }
  for await (const chunk of createReadStream(entry.file)) hash.update(chunk as Buffer)
  return { bytes: statSync(entry.file).size, sha256: hash.digest("hex") }
}

/** Under its name once all of it is on the disk. */
async function writeEncrypted(
  file: string,
  entries: readonly ArchiveEntry[],
  recipients: readonly Recipient[],
): Promise<number> {
  const encrypter = new Encrypter()
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  // What goes wrong in one of them comes out of the last.
  const packed = pipeline(Readable.from(tarOf(entries)), createGzip({ level: 1 }), () => {})
  const sealed = await encrypter.encrypt(Readable.toWeb(packed) as ReadableStream<Uint8Array>)
  const part = `${file}.part`
  const handle = openSync(part, "w", 0o600)
  let bytes = 0
  try {
    for await (const chunk of sealed as unknown as AsyncIterable<Uint8Array>)
      for (let at = 0; at < chunk.length; ) {
        const written = writeSync(handle, chunk, at)
        at += written
        bytes += written
      }
    fsyncSync(handle)
  } catch (error) {
    rmSync(part, { force: true })
    throw error
  } finally {
    closeSync(handle)
  }
  renameSync(part, file)
  syncDirectory(join(file, ".."))
  return bytes
}
