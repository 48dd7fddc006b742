import { readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const keptStarts = 20

function startsFile(dataDir: string): string {
  return join(dataDir, "starts.json")
}

/** When the gateway was started the last times, Unix seconds; empty where nobody knows. */
export function readStarts(dataDir: string): number[] {
  try {
    const starts: unknown = JSON.parse(readFileSync(startsFile(dataDir), "utf8"))
    return Array.isArray(starts) ? starts.filter((at): at is number => Number.isSafeInteger(at)) : []
  } catch {
    return []
  }
}

/** Writes down a start. It is for people alone: a full disk does not keep the gateway from starting. */
export function noteStart(dataDir: string, at: number): void {
  const file = startsFile(dataDir)
  try {
    writeFileSync(`${file}.new`, JSON.stringify([...readStarts(dataDir), at].slice(-keptStarts)), {
      mode: 0o600,
    })
    renameSync(`${file}.new`, file)
  } catch {
    return
  }
}
