import { createHash } from "node:crypto"
import { appendFileSync, existsSync, mkdirSync, renameSync, statSync } from "node:fs"
import { join } from "node:path"
import { readBackupName } from "../../protocol/backup-file.ts"
import { PersonError } from "../../protocol/error.ts"
import { type Keeper, KeeperProblem } from "./client.ts"

/** So often in a row a piece may fail to come. */
const patience = 5

/** What a keeper has of this site, the one that came last first. @throws PersonError */
export async function backupsAt(keeper: Keeper): Promise<{ name: string; bytes: number }[]> {
  const { kept } = await keeper.list().catch((error) => {
    throw inWords(keeper, error)
  })
  const ours = kept.filter(({ name }) => readBackupName(name))
  if (ours.length > 0) return ours
  throw new PersonError(`The gateway at ${keeper.url} has no back-up of this site.`, {
    next: "Ask another gateway that was to keep them, or take the stick.",
  })
}

/**
 * Fetches a back-up into a directory; where the line was cut, by an earlier run too, it goes on.
 * @returns the file. @throws PersonError
 */
export async function fetchBackup(
  keeper: Keeper,
  { name, bytes }: { name: string; bytes: number },
  directory: string,
  pause: () => Promise<void>,
): Promise<string> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const file = join(directory, name)
  if (existsSync(file)) return file
  // Another keeper may call something else by this name.
  const from = createHash("sha256").update(`${keeper.url} ${bytes}`).digest("hex").slice(0, 8)
  const part = `${file}.${from}.part`
  let failed = 0
  for (let at = statSync(part, { throwIfNoEntry: false })?.size ?? 0; at < bytes; ) {
    try {
      const piece = await keeper.piece(name, at)
      appendFileSync(part, piece.subarray(0, bytes - at), { mode: 0o600 })
      at += piece.length
      failed = 0
    } catch (error) {
      if (!(error instanceof KeeperProblem) || error.refused || ++failed >= patience)
        throw inWords(keeper, error)
      await pause()
    }
  }
  renameSync(part, file)
  return file
}

function inWords(keeper: Keeper, error: unknown): unknown {
  if (!(error instanceof KeeperProblem)) return error
  return new PersonError(`The gateway at ${keeper.url} does not give the back-up.`, {
    context: [error.message],
    next: error.refused
      ? "Is that the site's key, and does keepBackups.for of that gateway name its address?"
      : "Check the address and the line, and give the same command again: it goes on where it was.",
    cause: error,
  })
}
