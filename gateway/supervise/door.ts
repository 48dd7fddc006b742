import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { z } from "zod"

/** Where a running gateway lets in whoever may read its data directory. */
export interface Door {
  url: string
  token: string
}

const doorShape = z.object({ url: z.url(), token: z.string().min(1) })
const doorFile = (dataDir: string) => join(dataDir, "operator.json")

/** Written at each start, for the directory's owner alone; a full disk does not keep the gateway from starting. */
export function writeDoor(dataDir: string, { url, token }: Door): void {
  const file = doorFile(dataDir)
  try {
    // Never over a file that others may read: the new one is made with its rights.
    rmSync(`${file}.new`, { force: true })
    writeFileSync(`${file}.new`, JSON.stringify({ url, token }), { mode: 0o600, flag: "wx" })
    renameSync(`${file}.new`, file)
  } catch {
    return
  }
}

export function removeDoor(dataDir: string): void {
  try {
    rmSync(doorFile(dataDir), { force: true })
  } catch {
    return
  }
}

/** What the last start left; the gateway may be gone. @throws Error where the file is there and may not be read. */
export function readDoor(dataDir: string): Door | undefined {
  let text: string
  try {
    text = readFileSync(doorFile(dataDir), "utf8")
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined
    throw error
  }
  try {
    return doorShape.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** A listener's own address, from this machine. */
export function localUrl(host: string, port: number): string {
  const local = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host
  return `http://${local.includes(":") ? `[${local}]` : local}:${port}`
}
