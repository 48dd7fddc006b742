import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const pathOf = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** Starts a file of ours as a process of its own, with a channel for messages. */
export function start(file: string, args: readonly string[], flags: readonly string[] = []): ChildProcess {
  return spawn(process.execPath, [...flags, pathOf(file), ...args], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  })
}

/** The process's next message. @throws Error when it ends without one. */
export function message<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`A process of the bench ended with ${code}.`))
    child.once("exit", ended)
    child.once("message", (it) => {
      child.off("exit", ended)
      resolve(it as T)
    })
  })
}

/** Runs a file of ours to its one message. */
export async function run<T>(
  file: string,
  args: readonly string[],
  flags: readonly string[] = [],
): Promise<T> {
  const child = start(file, args, flags)
  const it = await message<T>(child)
  await stop(child)
  return it
}

export async function stop(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once("exit", resolve))
  child.kill(signal)
  await ended
}

export function isInstalled(program: string): boolean {
  const { status, error } = spawnSync("sh", ["-c", `PATH="$PATH:/usr/sbin" command -v ${program}`])
  return !error && status === 0
}

export interface Usage {
  rssMB: number
  /** User and system time, seconds. */
  cpuSeconds: number
  /** What it handed to write calls, and what the kernel counts as dirtied for the disk. */
  handedBytes: number
  writtenBytes: number
}

/** What Linux says of a process. @throws Error on other systems. */
export function usageOf(pid: number): Usage {
  const line = (file: string, name: string) => {
    const found = readFileSync(`/proc/${pid}/${file}`, "utf8").match(new RegExp(`^${name}:\\s*(\\d+)`, "m"))
    return Number(found?.[1] ?? Number.NaN)
  }
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  const ticksPerSecond = 100 // Linux shows it so to programs on every architecture that Node runs on
  return {
    rssMB: line("status", "VmRSS") / 1024,
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    handedBytes: line("io", "wchar"),
    writtenBytes: line("io", "write_bytes"),
  }
}
