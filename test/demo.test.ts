import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import t from "tap"
import type { DemoSummary } from "../demo/run.ts"

const shared = resolve(process.env.COMMONWATT_SHARED ?? "../shared")
const realHomes = join(shared, "data/sierra-crest-17-homes-hourly.csv")

/** Runs the demonstration as a person would; `during` may do things to it meanwhile. */
async function demo(args: string[], during: (directory: string) => Promise<void> = async () => {}) {
  const directory = mkdtempSync(join(tmpdir(), "commonwatt-demo-test-"))
  const command = ["dist/cli/commonwatt.js", "demo", "--once", "--dir", directory, "--port", "18080", ...args]
  const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "pipe"] })
  let out = ""
  let talk = ""
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk
  })
  child.stderr.on("data", (chunk: Buffer) => {
    talk += chunk
  })
  const ended = new Promise<number | null>((done) => child.once("exit", done))
  await Promise.race([during(directory), ended])
  const code = await ended
  const last = out.trimEnd().split("\n").at(-1) ?? ""
  rmSync(directory, { recursive: true, force: true })
  return { code, talk, summary: last.startsWith("{") ? (JSON.parse(last) as DemoSummary) : undefined }
}

t.test(
  "one day with every fault: each lie is caught for its own reason, and no wrong Wh is minted",
  async (t) => {
    const { code, summary, talk } = await demo(["--days", "1", "--speed", "8640", "--fault"])
    t.equal(code, 0, talk)
    t.equal(summary?.auditOk, true)
    t.ok(summary!.generatedWh > 1000)
    t.equal(summary?.mintedWh, summary?.generatedWh)
    t.equal(summary?.auditedWh, summary?.generatedWh)
    t.match(
      talk,
      /Home 2 roof signs with another key from \S+T12:00Z on/,
      "and it is minted before and after",
    )
    const credits = Object.values(summary!.credits)
    t.equal(
      credits.reduce((sum, units) => sum + units, 0),
      0,
      "what one is owed others owe",
    )
    t.ok(
      credits.some((units) => units < 0),
      "and somebody used a neighbour's energy",
    )
    t.equal(summary?.readings, summary!.accepted + summary!.quarantined)
    const reasons = summary?.quarantinedByReason ?? {}
    for (const reason of [
      "bad-signature",
      "replayed",
      "register-fell",
      "clock-implausible",
      "over-rated",
      "register-jumped",
      "equivocation",
      "malformed",
      "oversized",
    ])
      t.ok(reasons[reason], `${reason}: ${reasons[reason]}`)
  },
)

t.test("kill -9 of any process at any moment loses no Wh and mints none twice", async (t) => {
  const { code, summary, talk } = await demo(["--days", "1"], async (directory) => {
    const ids = () =>
      JSON.parse(readFileSync(join(directory, "processes.json"), "utf8")) as Record<string, number>
    while (!isRunning(directory)) await sleep(200)
    for (const name of ["gateway", "validator-2", "gateway", "simulator", "gateway", "validator-1"]) {
      await sleep(1000 + Math.random() * 2500)
      const id = ids()[name]
      if (id) process.kill(id, "SIGKILL")
    }
  })
  t.equal(code, 0, talk)
  t.match(talk, /gateway ended \(SIGKILL\); starting it again/)
  t.equal(summary?.auditOk, true)
  t.equal(summary?.mintedWh, summary?.generatedWh)
  t.equal(summary?.auditedWh, summary?.generatedWh)
})

const skip = existsSync(realHomes) ? false : `${realHomes} is not there`
t.test("17 real homes are settled to the Wh of their file", { skip }, async (t) => {
  const { code, summary, talk } = await demo(["--days", "1", "--data", realHomes, "--speed", "8640"])
  t.equal(code, 0, talk)
  const [header = "", ...rows] = readFileSync(realHomes, "utf8").trim().split("\n")
  const names = header.split(",")
  const days = rows.filter((row) => row.startsWith("2016-08-01"))
  const sum = (column: RegExp) =>
    days
      .flatMap((row) => row.split(",").filter((_, i) => column.test(names[i]!)))
      .reduce((total, value) => total + Number(value), 0)
  t.equal(summary?.from, "2016-08-01T00:00:00.000Z")
  t.equal(summary?.homes, 17)
  t.equal(summary?.mintedWh, sum(/_pv_wh$/))
  t.equal(summary?.usedWh, sum(/_load_wh$/))
})

/** Whether all processes of the run are there. */
function isRunning(directory: string): boolean {
  const file = join(directory, "processes.json")
  return existsSync(file) && "gateway" in (JSON.parse(readFileSync(file, "utf8")) as object)
}

function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms))
}
