import { spawn } from "node:child_process"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { openJournal } from "../gateway/journal/journal.ts"
import type { Options, Row } from "./row.ts"
import { inFolder, metersOf } from "./site.ts"

const process = fileURLToPath(new URL("kills-process.js", import.meta.url))
const longestLifeMs = 100

/** Kills a process that stores readings, again and again, and looks for those that it had acknowledged. */
export async function kills({ quick, alone }: Options): Promise<Row[]> {
  const times = quick ? 10 : alone ? 1000 : 50
  return inFolder(async (folder) => {
    let acknowledged = 0
    for (let i = 0; i < times; i++) acknowledged = Math.max(acknowledged, await lifeAndDeath(folder))
    const [meter] = metersOf(1)
    const journal = openJournal(folder, [meter!])
    const stored = new Set(journal.readings.after(meter!.key.meterId, 0n).map(({ sequence }) => sequence))
    journal.close()
    const lost = Array.from({ length: acknowledged }, (_, i) => i + 1).filter((n) => !stored.has(n)).length
    return [
      {
        what: "acknowledged readings lost by kill -9",
        ours: lost,
        unit: "readings",
        better: "lower",
        budget: { of: "ours", bound: 0 },
        note: `${times} kills, ${acknowledged.toLocaleString("en-US")} readings acknowledged; --only kills makes it 1,000`,
      },
    ]
  })
}

/** @returns the highest sequence number that was acknowledged; 0 if none was. */
async function lifeAndDeath(folder: string): Promise<number> {
  const child = spawn(globalThis.process.execPath, [process, folder], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  const ended = new Promise((resolve) => child.once("close", resolve))
  let said = ""
  const first = new Promise((resolve) => child.stdout.once("data", resolve))
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text
  })
  await Promise.race([first, ended])
  await sleep(Math.random() * longestLifeMs)
  child.kill("SIGKILL")
  await ended
  // The last line may be cut.
  return Math.max(0, ...said.split("\n").slice(0, -1).map(Number))
}
