import { spawn } from "node:child_process"
import { createHash, randomBytes } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { get } from "node:http"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import Database from "better-sqlite3"
import { stringify } from "yaml"
import { createSigningKey } from "../device-sim/signing-key.ts"
import { toHex } from "../protocol/hex.ts"
import { newIdentity } from "../protocol/seal.ts"
import { isInstalled, message, run, start, stop, type Usage, usageOf } from "./process.ts"
import { median, notMeasured, type Options, type Row } from "./row.ts"
import { inFolder } from "./site.ts"

const packed = fileURLToPath(new URL("../packed/gateway.js", import.meta.url))
const unpacked = fileURLToPath(new URL("../cli/gateway.js", import.meta.url))
const meterCount = 4
/** What the package's service starts the gateway with (systemd/package/start). Without its optimising compiler Node is slower. */
export const gatewayFlags = ["--max-old-space-size=64", "--max-semi-space-size=1", "--no-opt"]
const secondsPerDay = 86_400

/** A gateway as it is run, with four plain meters at one second: how soon it reads, what it holds, what it writes. */
export async function gateway(options: Options): Promise<Row[]> {
  const server = start("bus-server.js", [String(meterCount)])
  try {
    const port = await message<number>(server)
    return [
      ...(await startAndMemory(port, options)),
      ...(await disk(port, options)),
      ...(await month(options)),
    ]
  } finally {
    await stop(server)
  }
}

interface Running {
  pid: number
  firstReadingMs: number
  web: number
  readings(): number
  file: string
  stop(): Promise<void>
}

/** Starts `commonwatt run` on a fresh journal. The chain is away: what is measured needs none. */
async function startGateway(
  folder: string,
  busPort: number,
  { everySeconds = 1, flags = gatewayFlags, program = packed, wrapper = [] as string[] } = {},
): Promise<Running> {
  mkdirSync(folder, { recursive: true })
  const households = [`0x${"11".repeat(20)}`]
  const meters = Array.from({ length: meterCount }, (_, i) => {
    const secret = createHash("sha256").update(`bench meter ${i}`).digest()
    const keyFile = join(folder, `meter-${i}.key`)
    writeFileSync(keyFile, toHex(secret))
    return {
      name: `Meter ${i + 1}`,
      household: households[0],
      scheme: "ed25519",
      publicKey: toHex(createSigningKey(secret).publicKey),
      ratedW: 5000,
      startTime: Math.floor(Date.now() / 1000) - secondsPerDay,
      startWh: 1000,
      modbus: { bus: "bench", unit: i + 1, profile: "sdm630", measures: "generation", everySeconds, keyFile },
    }
  })
  const keyFile = join(folder, "account.key")
  writeFileSync(keyFile, toHex(randomBytes(32)))
  const configFile = join(folder, "gateway.yaml")
  const config = {
    site: 1,
    dataDir: "data",
    timeSync: "trusted",
    mqtt: { host: "127.0.0.1", port: 0 },
    web: { host: "127.0.0.1", port: 0 },
    chain: { rpc: "http://127.0.0.1:9", chainId: 1, oracle: `0x${"22".repeat(20)}`, keyFile },
    settlement: { everySeconds: 3600 },
    rules: {},
    validators: [],
    auditors: [(await newIdentity()).recipient],
    buses: [{ name: "bench", tcp: { host: "127.0.0.1", port: busPort } }],
    households: households.map((address) => ({ name: "Home", address })),
    meters,
  }
  writeFileSync(configFile, stringify(config))
  const file = join(folder, "data", "journal.sqlite")
  const from = performance.now()
  const command = [...wrapper, process.execPath, ...flags, program, "--config", configFile, "--log", "error"]
  const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "ignore", "inherit", "ipc"] })
  const up = message<{ web: number }>(child)
  let db: Database.Database | undefined
  const readings = () => {
    if (!existsSync(file)) return 0
    try {
      db ??= new Database(file, { readonly: true })
      return Number(db.prepare("SELECT count(*) FROM readings").pluck().get())
    } catch {
      return 0 // The schema is not there yet.
    }
  }
  while (readings() === 0) {
    if (child.exitCode !== null) throw new Error(`The gateway ended with ${child.exitCode}.`)
    await sleep(5)
  }
  const firstReadingMs = performance.now() - from
  const { web } = await up
  return {
    pid: child.pid!,
    firstReadingMs,
    web,
    readings,
    file,
    async stop() {
      db?.close()
      await stop(child)
    },
  }
}

/** The page, and the stream of its changes, which stays open. */
async function openPage(web: number): Promise<() => void> {
  for (const path of ["/", "/style.css", "/app.js"])
    await (await fetch(`http://127.0.0.1:${web}${path}`)).text()
  const request = get({ host: "127.0.0.1", port: web, path: "/events" })
  await new Promise((resolve, reject) => request.once("response", resolve).once("error", reject))
  request.once("response", (response) => response.resume())
  return () => request.destroy()
}

async function startAndMemory(busPort: number, { quick }: Options): Promise<Row[]> {
  const times: number[] = []
  const rows: Row[] = []
  await inFolder(async (folder) => {
    for (let i = 0; i < (quick ? 2 : 5); i++) {
      const one = await startGateway(join(folder, `start-${i}`), busPort)
      times.push(one.firstReadingMs / 1000)
      await one.stop()
    }
    const idle = await loaded(join(folder, "idle"), busPort, quick, { everySeconds: 900 })
    const flagged = await loaded(join(folder, "flags"), busPort, quick, {})
    const plain = await loaded(join(folder, "plain"), busPort, quick, { flags: [], program: unpacked })
    const memory = (what: string, { usage }: typeof idle, note?: string): Row => ({
      what,
      ours: usage.rssMB,
      unit: "MB RSS",
      better: "lower",
      budget: { of: "ours", bound: 100 },
      ...(note !== undefined && { note }),
    })
    rows.push(
      memory("memory, idle, page open", idle, gatewayFlags.join(" ")),
      memory("memory, 4 meters at 1 s, page open", flagged, gatewayFlags.join(" ")),
      {
        what: "memory with neither flags nor packing",
        ours: plain.usage.rssMB,
        unit: "MB RSS",
        better: "lower",
      },
      {
        what: "CPU of one core, 4 meters at 1 s, page open",
        ours: 100 * flagged.cpuShare,
        unit: "%",
        better: "lower",
        note: `at this rate a core bears about ${Math.floor(meterCount / flagged.cpuShare).toLocaleString("en-US")} such meters at 1 s; their bus bears as many as its round trips allow`,
      },
    )
  })
  return [
    {
      what: "start, from exec to the first reading on the disk",
      ours: median(times),
      unit: "s",
      better: "lower",
      budget: { of: "ours", bound: 3 },
    },
    ...rows,
  ]
}

async function loaded(
  folder: string,
  busPort: number,
  quick: boolean,
  options: { everySeconds?: number; flags?: string[]; program?: string },
): Promise<{ usage: Usage; cpuShare: number }> {
  const one = await startGateway(folder, busPort, options)
  const closePage = await openPage(one.web)
  await sleep(quick ? 3_000 : 8_000)
  const before = usageOf(one.pid)
  const seconds = quick ? 4 : 10
  await sleep(seconds * 1000)
  const usage = usageOf(one.pid)
  closePage()
  await one.stop()
  return { usage, cpuShare: (usage.cpuSeconds - before.cpuSeconds) / seconds }
}

/** Polls every second what a site polls every ten: commits hold as many readings, and so cost as much. */
async function disk(busPort: number, { quick }: Options): Promise<Row[]> {
  const seconds = quick ? 6 : 40
  return inFolder(async (folder) => {
    const one = await startGateway(join(folder, "disk"), busPort)
    await sleep(2000)
    const [before, first] = [usageOf(one.pid), one.readings()]
    await sleep(seconds * 1000)
    const [after, last] = [usageOf(one.pid), one.readings()]
    await one.stop()
    const readings = last - first
    const perReading = (after.writtenBytes - before.writtenBytes) / readings
    const handed = (after.handedBytes - before.handedBytes) / readings
    const perDay = (meterCount * secondsPerDay) / 10
    const syncs = await syncsPerReading(join(folder, "syncs"), busPort, seconds / 2)
    return [
      {
        what: "written to disk, 4 meters at 10 s",
        ours: (perReading * perDay) / 1e6,
        unit: "MB a day",
        better: "lower",
        budget: { of: "ours", bound: 40 },
        note: `${Math.round(perReading)} bytes a reading in whole pages as the kernel counts them, ${Math.round(handed)} handed to write calls`,
      },
      syncs === undefined
        ? {
            what: "syncs per reading",
            ours: 0,
            unit: notMeasured,
            better: "lower",
            note: "strace is not installed here",
          }
        : { what: "syncs per reading", ours: syncs, unit: "fsync and fdatasync", better: "lower" },
    ]
  })
}

async function syncsPerReading(
  folder: string,
  busPort: number,
  seconds: number,
): Promise<number | undefined> {
  if (!isInstalled("strace")) return undefined
  const counts = `${folder}-syncs.txt`
  // -D: strace is the child, and the gateway stays ours to talk to and to end.
  const wrapper = ["strace", "-D", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", counts]
  const one = await startGateway(folder, busPort, { wrapper })
  const syncs = () => readFileSync(counts, "utf8").match(/(fsync|fdatasync)\(/g)?.length ?? 0
  await sleep(2000)
  const [before, first] = [syncs(), one.readings()]
  await sleep(seconds * 1000)
  const [after, last] = [syncs(), one.readings()]
  await one.stop()
  return (after - before) / (last - first)
}

/** A month of four meters at a minute through intake and journal, as fast as it goes. */
async function month({ quick }: Options): Promise<Row[]> {
  const minutes = quick ? 2_000 : 30 * 24 * 60
  return inFolder(async (folder) => {
    const { rssMB } = await run<{ rssMB: number[] }>("month.js", [folder, String(minutes)], gatewayFlags)
    const { size } = statSync(join(folder, "journal.sqlite"))
    const bytes = size / (meterCount * minutes)
    return [
      {
        what: "memory after a month of readings, to that after a tenth of it",
        ours: rssMB.at(-1)!,
        unit: "MB RSS",
        against: { what: "after a tenth", value: rssMB[0]! },
        better: "lower",
        budget: { of: "ratio", bound: 1.1 },
        note: `intake and journal alone, ${meterCount} meters at a minute, ${(meterCount * minutes).toLocaleString("en-US")} readings`,
      },
      {
        what: "size of a year, 4 meters at 10 s",
        ours: (bytes * meterCount * 365 * secondsPerDay) / 10 / 1e9,
        unit: "GB",
        better: "lower",
        note: `${Math.round(bytes)} bytes a reading with all indexes, where all are kept; with diskBudgetMB set, what is settled and kept by others leaves the journal`,
      },
    ]
  })
}
