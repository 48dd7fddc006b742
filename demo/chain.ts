import { type ChildProcess, spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import type { Client } from "viem"
import { PersonError } from "../protocol/error.ts"

/**
 * Starts a local chain (anvil). A shell holds it, and ends it when this process is gone, however it went: the shell
 * waits for its standard input to close. Ask it to end by closing that.
 * @throws PersonError where there is no anvil for this machine.
 */
export function spawnChain(port: number, more: readonly string[] = []): ChildProcess {
  const command = [
    anvilBinary(),
    ...["--host", "127.0.0.1", "--port", String(port), "--silent"],
    // What a transaction may use at most on a real chain (EIP-7825).
    ...["--enable-tx-gas-limit", "--prune-history", "1000"],
    ...more,
  ]
  const holder = 'trap : TERM; "$@" & chain=$!; cat >/dev/null; kill $chain; wait $chain'
  return spawn("sh", ["-c", holder, "sh", ...command], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  })
}

/** @throws PersonError where there is no anvil for this machine. */
function anvilBinary(): string {
  const name = `@foundry-rs/anvil-${process.platform}-${process.arch === "x64" ? "amd64" : process.arch}`
  const require = createRequire(import.meta.url)
  try {
    const manifest = require.resolve(`${name}/package.json`)
    const { bin } = JSON.parse(readFileSync(manifest, "utf8")) as { bin?: string | Record<string, string> }
    const path = typeof bin === "string" ? bin : Object.values(bin ?? {})[0]
    return join(dirname(manifest), path ?? "bin/anvil")
  } catch (cause) {
    throw new PersonError("The demonstration needs anvil, a local chain, and it is not installed.", {
      context: [`The package ${name} is missing.`],
      next: "Run npm ci without --omit=dev. On a machine that anvil is not made for, run the demo on another.",
      cause,
    })
  }
}

/** Lets time pass on this machine's own chain. */
export async function passOnChain(client: { request: Client["request"] }, seconds: number): Promise<void> {
  const request = client.request as (call: { method: string; params: unknown[] }) => Promise<unknown>
  await request({ method: "evm_increaseTime", params: [seconds] })
  await request({ method: "evm_mine", params: [] })
}
