import { type ChildProcess, spawn } from "node:child_process"

/** A chain for a test, as of today's rules or older ones, on any free port. */
export async function startAnvil(hardfork = "osaka"): Promise<{ url: string; stop: () => void }> {
  const anvil: ChildProcess = spawn(
    "node_modules/.bin/anvil",
    ["--port", "0", "--hardfork", hardfork, "--prune-history", "--enable-tx-gas-limit"],
    { stdio: ["ignore", "pipe", "inherit"] },
  )
  const port = await new Promise<string>((resolve, reject) => {
    let said = ""
    anvil.stdout!.on("data", (data) => {
      said += data
      const found = /Listening on [\d.]+:(\d+)/.exec(said)?.[1]
      if (found) resolve(found)
    })
    anvil.once("exit", (code) => reject(new Error(`anvil stopped with ${code} before it listened: ${said}`)))
  })
  return { url: `http://127.0.0.1:${port}`, stop: () => anvil.kill() }
}
