import { type ChildProcess, spawn } from "node:child_process"
import { createWriteStream, existsSync, renameSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { spawnChain } from "./chain.ts"

const cli = fileURLToPath(new URL("../cli/commonwatt.js", import.meta.url))
const restartAfterMs = 500

/** The processes of a run. Each writes a log of its own; one that ends unasked is started again. */
export class Processes {
  readonly #directory: string
  readonly #say: (line: string) => void
  readonly #running = new Map<string, ChildProcess>()
  #stopping = false

  constructor(directory: string, say: (line: string) => void) {
    this.#directory = directory
    this.#say = say
  }

  /** Starts `commonwatt ARGS` under a name and keeps it running, as systemd would. */
  keepRunning(name: string, args: readonly string[]): void {
    const log = createWriteStream(join(this.#directory, `${name}.log`), { flags: "a" })
    // In a group of its own: a Ctrl-C is for the demonstration, which ends the others in order.
    const child = spawn(process.execPath, [cli, ...args], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      detached: true,
    })
    child.stdout?.pipe(log)
    child.stderr?.pipe(log)
    this.#running.set(name, child)
    this.#note()
    child.on("exit", (code, signal) => {
      this.#running.delete(name)
      if (this.#stopping) return
      this.#say(`${name} ended (${signal ?? `code ${code}`}); starting it again`)
      setTimeout(() => {
        if (!this.#stopping) this.keepRunning(name, args)
      }, restartAfterMs)
    })
  }

  /**
   * Starts a local chain that keeps its state in the run's directory.
   * @param from its time where it is a new one, Unix seconds.
   */
  startChain(port: number, from: number): void {
    // A block each second, as a chain has, and one at once for each transaction.
    const mining = ["--block-time", "1", "--mixed-mining"]
    const file = join(this.#directory, "chain.json")
    const state = ["--state", file, "--state-interval", "2"]
    const time = existsSync(file) ? [] : ["--timestamp", String(from)]
    const child = spawnChain(port, [...mining, ...state, ...time])
    this.#running.set("chain", child)
    child.on("exit", () => {
      this.#running.delete("chain")
      if (this.#stopping) return
      this.#say("chain ended; starting it again")
      setTimeout(() => {
        if (!this.#stopping) this.startChain(port, from)
      }, restartAfterMs)
    })
    this.#note()
  }

  /** Which process is which, for whoever wants to see one die. */
  #note(): void {
    const ids = Object.fromEntries([...this.#running].map(([name, child]) => [name, child.pid]))
    const file = join(this.#directory, "processes.json")
    // Whoever reads it meanwhile sees the one before, and never half of one.
    writeFileSync(`${file}.new`, JSON.stringify(ids))
    renameSync(`${file}.new`, file)
  }

  /** Ends all of them, the chain last, and waits. */
  async stop(): Promise<void> {
    this.#stopping = true
    const chain = this.#running.get("chain")
    const others = [...this.#running].filter(([name]) => name !== "chain")
    await Promise.all(others.map(([, child]) => end(child, () => child.kill("SIGTERM"))))
    if (chain) await end(chain, () => chain.stdin?.end())
  }
}

const patienceMs = 10_000

async function end(child: ChildProcess, ask: () => void): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs)
    child.once("exit", () => {
      clearTimeout(timer)
      resolve()
    })
    ask()
  })
}

/** The wanted port if it is free, else any that is. */
export async function freePort(wanted: number): Promise<number> {
  return (await tryPort(wanted)) ?? (await tryPort(0))!
}

function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(undefined))
    server.listen(port, "127.0.0.1", () => {
      const { port: got } = server.address() as { port: number }
      server.close(() => resolve(got))
    })
  })
}
