import { createHash } from "node:crypto"
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs"
import { join } from "node:path"
import { syncDirectory } from "../../evidence/folder.ts"
import { readBackupName } from "../../protocol/backup-file.ts"
import type { Hex } from "../../protocol/hex.ts"
import { Refusal } from "./refusal.ts"
import type { KeepBackups } from "./settings.ts"

/** A back-up that is on its way: as it was announced, and how much of it is here. */
export interface Part {
  name: string
  sha256: string
  bytes: number
  at: number
}

/** What is kept for a gateway, the one that came last first. */
export interface KeptFor {
  kept: { name: string; bytes: number }[]
  part?: Part
}

/** A keeper's own journal must never want for room because of what it keeps for others. */
const reservedBytes = 500_000_000

/** Others' back-ups on disk: whole ones under their names, and one for each gateway that is on its way. */
export function openShelf(
  { directory, keep, eachMB }: Pick<KeepBackups, "directory" | "keep" | "eachMB">,
  freeBytes: () => number = () => freeIn(directory),
) {
  const mostBytes = eachMB * 1_000_000
  const folderOf = (account: Hex) => join(directory, account)
  const partFile = (account: Hex, { name, sha256, bytes }: Omit<Part, "at">) =>
    join(folderOf(account), `${name}.${sha256}.${bytes}.part`)

  function list(account: Hex): KeptFor {
    const folder = folderOf(account)
    if (!existsSync(folder)) return { kept: [] }
    const names = readdirSync(folder)
    const kept = names
      .filter((name) => readBackupName(name))
      .map((name) => ({ name, ...statSync(join(folder, name)) }))
      .sort((a, b) => b.mtimeMs - a.mtimeMs || (a.name < b.name ? 1 : -1))
      .map(({ name, size }) => ({ name, bytes: size }))
    const [part] = names.flatMap((file) => {
      const [, name = "", sha256 = "", bytes] = /^(.*)\.([0-9a-f]{64})\.(\d+)\.part$/.exec(file) ?? []
      if (!readBackupName(name)) return []
      return [{ name, sha256, bytes: Number(bytes), at: statSync(join(folder, file)).size }]
    })
    return part ? { kept, part } : { kept }
  }

  function refuse({ name, bytes }: Omit<Part, "at">): void {
    if (!readBackupName(name)) throw new Refusal(400, "That is not the name of a back-up.")
    if (bytes > mostBytes) throw new Refusal(413, `No back-up of more than ${eachMB} MB is kept here.`)
  }

  /**
   * Adds to a back-up that is on its way; the last piece makes it a whole one, if it is what was announced.
   * @returns how much of it is here.
   * @throws Refusal
   */
  async function add(
    account: Hex,
    announced: Omit<Part, "at">,
    from: number,
    piece: Uint8Array,
  ): Promise<number> {
    refuse(announced)
    const { kept, part } = list(account)
    if (kept.some(({ name, bytes }) => name === announced.name && bytes === announced.bytes))
      return announced.bytes
    const file = partFile(account, announced)
    const isSame =
      part?.name === announced.name && part.sha256 === announced.sha256 && part.bytes === announced.bytes
    const at = isSame ? part.at : 0
    if (from !== at) throw new Refusal(409, `There are ${at} bytes of it here.`)
    if (at + piece.length > announced.bytes) throw new Refusal(400, "That is more than was announced.")
    if (freeBytes() < announced.bytes - at + reservedBytes)
      throw new Refusal(507, "There is no room left on the disk here.")
    mkdirSync(folderOf(account), { recursive: true, mode: 0o700 })
    if (part && !isSame) rmSync(partFile(account, part), { force: true })
    append(file, piece)
    if (at + piece.length < announced.bytes) return at + piece.length
    if ((await sha256Of(file)) !== announced.sha256) {
      rmSync(file, { force: true })
      throw new Refusal(422, "What came is not what was announced; it was thrown away.")
    }
    renameSync(file, join(folderOf(account), announced.name))
    syncDirectory(folderOf(account))
    for (const { name } of list(account)
      .kept.filter(({ name }) => name !== announced.name)
      .slice(keep - 1))
      rmSync(join(folderOf(account), name), { force: true })
    return announced.bytes
  }

  /** @throws Refusal where it is not here. */
  function fileOf(account: Hex, name: string): string {
    const file = join(folderOf(account), name)
    if (!readBackupName(name) || !existsSync(file)) throw new Refusal(404, "That back-up is not here.")
    return file
  }

  return {
    list,
    add,
    /** A piece of a back-up. @throws Refusal */
    read(account: Hex, name: string, from: number, length: number): Uint8Array {
      const handle = openSync(fileOf(account, name), "r")
      try {
        const piece = Buffer.alloc(length)
        return piece.subarray(0, readSync(handle, piece, 0, length, from))
      } finally {
        closeSync(handle)
      }
    },
    /** Only who has all of it knows this. @throws Refusal */
    proof(account: Hex, name: string, salt: string): Promise<string> {
      return sha256Of(fileOf(account, name), salt)
    },
  }
}

export type Shelf = ReturnType<typeof openShelf>

/** SHA-256 of a file, behind a salt where there is one. */
export async function sha256Of(file: string, salt = ""): Promise<string> {
  const hash = createHash("sha256").update(salt)
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest("hex")
}

function append(file: string, piece: Uint8Array): void {
  const handle = openSync(file, "a", 0o600)
  try {
    for (let at = 0; at < piece.length; ) at += writeSync(handle, piece, at)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** What an ordinary user may still write where the directory is, or will be. */
function freeIn(directory: string): number {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const { bavail, bsize } = statfsSync(directory)
  return bavail * bsize
}
