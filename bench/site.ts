import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { rules, start, type TestMeter, testClock, testMeter } from "../gateway/intake.test.support.ts"
import { createIntake } from "../gateway/intake.ts"
import { openJournal } from "../gateway/journal/journal.ts"

/** Far behind all that the bench's meters say. */
const later = 1e9

export function metersOf(count: number): TestMeter[] {
  return Array.from({ length: count }, (_, i) => testMeter(`bench ${i}`))
}

/** What the meters say in turn, each its next reading, from `first` on. */
export function readingsOf(meters: readonly TestMeter[], first: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) =>
    meters[i % meters.length]!.says(first + Math.floor(i / meters.length)),
  )
}

/** Runs the work with a folder of its own on the disk of TMPDIR. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "commonwatt-bench-"))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A real journal and the way into it. */
export function openStore(folder: string, meters: readonly TestMeter[]) {
  const journal = openJournal(folder, meters)
  const intake = createIntake(meters, journal, rules, testClock(start + later))
  return { journal, intake }
}
