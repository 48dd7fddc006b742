import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { join } from "node:path"
import { PersonError } from "../protocol/error.ts"
import type { Hex } from "../protocol/hex.ts"

/** What was signed for one number. */
export interface Signed {
  /** What the last signature is over: the proposal with its validator set. */
  digest: Hex
  /** The batch alone: the same under every validator set. Books of earlier versions do not have it. */
  batch?: Hex
}

/**
 * What was signed, kept across restarts: a line for each, on the disk before the signature leaves. A torn last line
 * is of a signature that never left. One process at a time has it: two would not know of each other's signatures.
 * @throws PersonError where another process has it, or a line of it was lost.
 */
export function openSigned(dataDir: string) {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  lock(join(dataDir, "lock"))
  const file = join(dataDir, "signed.jsonl")
  const book = new Map<string, Signed>()
  if (existsSync(file)) {
    const text = readFileSync(file, "utf8")
    const whole = text.slice(0, text.lastIndexOf("\n") + 1)
    for (const [i, line] of whole.split("\n").entries()) {
      if (line === "") continue
      const { key, ...signed } = readLine(file, i, line)
      book.set(key, signed)
    }
    if (whole.length < text.length) truncateSync(file, Buffer.byteLength(whole))
  }
  return {
    get: (key: string) => book.get(key),
    put(key: string, signed: Required<Signed>) {
      const isNew = !existsSync(file)
      const handle = openSync(file, "a", 0o600)
      try {
        writeSync(handle, `${JSON.stringify({ key, ...signed })}\n`)
        fsyncSync(handle)
      } finally {
        closeSync(handle)
      }
      if (isNew) syncFolder(dataDir)
      book.set(key, signed)
    },
  }
}

/** A line that cannot be read is a signature that may be given a second time, for something else. */
function readLine(file: string, i: number, line: string): Signed & { key: string } {
  const isWord = (value: unknown) => typeof value === "string" && /^0x[0-9a-f]{64}$/.test(value)
  try {
    const { key, digest, batch } = JSON.parse(line) as Signed & { key: string }
    if (typeof key === "string" && isWord(digest) && (batch === undefined || isWord(batch)))
      return { key, digest, ...(batch !== undefined && { batch }) }
  } catch {
    // Told below.
  }
  throw new PersonError(`Line ${i + 1} of ${file} cannot be read.`, {
    context: ["Without it this validator could sign two roots for one number, and lose its stake."],
    next: "Restore the file from a back-up, or start with a new key and an empty directory.",
  })
}

/** A file that is there but whose name is not on the disk yet is gone after a power cut. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, "r")
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

function lock(file: string): void {
  const mine = nameOf(process.pid) ?? `${process.pid}`
  const holder = existsSync(file) ? readFileSync(file, "utf8") : undefined
  const pid = Number(holder?.split(" ")[0])
  if (holder !== undefined && holder !== mine && pid > 0 && nameOf(pid) === holder)
    throw new PersonError(`Another process (${pid}) is the validator of this directory.`, {
      context: [`${file} says so. Two at once could sign two roots for one number.`],
      next: `Stop process ${pid}, or use another directory with another key.`,
    })
  writeFileSync(file, mine, { mode: 0o600 })
}

/** A process by its number and when it began: numbers are used again. Where there is no /proc, by its number alone. */
function nameOf(pid: number): string | undefined {
  if (!existsSync("/proc/self/stat")) return alive(pid) ? `${pid}` : undefined
  try {
    // Behind the name in brackets, which may itself hold anything, the start time is the 20th field (proc(5)).
    const behind = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)
    return `${pid} ${behind?.split(" ")[19]}`
  } catch {
    return undefined
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as { code?: string }).code === "EPERM"
  }
}
