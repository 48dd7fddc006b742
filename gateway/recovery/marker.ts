import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs"
import { join } from "node:path"
import { syncDirectory } from "../../evidence/folder.ts"

/** A loss that was noticed and is not made good yet; it outlives a restart in any state of the recovery. */
export interface Loss {
  /** What was noticed, in words. */
  why: string
  /** When, Unix seconds. */
  since: number
  /** Whether the journal that is there is what was written, and only lacks what came since. */
  sound: boolean
  /** Journals that were set aside, in the journal's directory, the newest last. */
  aside: string[]
}

const name = "recovery.json"

export function readLoss(directory: string): Loss | undefined {
  const file = join(directory, name)
  if (!existsSync(file)) return undefined
  try {
    const loss = JSON.parse(readFileSync(file, "utf8")) as Loss
    return {
      why: String(loss.why),
      since: Number(loss.since),
      sound: loss.sound === true,
      aside: [...loss.aside].map(String),
    }
  } catch {
    return { why: "the note about an earlier loss cannot be read", since: 0, sound: false, aside: [] }
  }
}

export function noteLoss(directory: string, loss: Loss): void {
  const file = join(directory, name)
  const handle = openSync(`${file}.new`, "w", 0o600)
  try {
    writeSync(handle, `${JSON.stringify(loss)}\n`)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(`${file}.new`, file)
  syncDirectory(directory)
}

export function forgetLoss(directory: string): void {
  rmSync(join(directory, name), { force: true })
  syncDirectory(directory)
}
