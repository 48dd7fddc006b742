#!/usr/bin/env node
// The npm package solc (WebAssembly) behind the command line that forge expects of a compiler, so that the
// contracts build wherever npm can install, without a native compiler and without a download.
import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { resolve } from "node:path"

const [...options] = process.argv.slice(2)

if (options.includes("--version")) {
  // Answered without loading the compiler: forge asks on every run, and loading takes a second.
  process.stdout.write("solc, the solidity compiler commandline interface\nVersion: 0.8.37+commit.f401782d.Emscripten.clang\n")
} else if (options.includes("--standard-json")) {
  const folders = options.flatMap((option, i) =>
    option === "--base-path" || option === "--include-path" ? [options[i + 1]] : [],
  )
  const found = (path) => folders.map((folder) => resolve(folder, path)).find(existsSync)
  const solc = createRequire(import.meta.url)("solc")
  const output = solc.compile(readFileSync(0, "utf8"), {
    import(path) {
      const file = found(path)
      return file ? { contents: readFileSync(file, "utf8") } : { error: `${path} is in none of ${folders.join(", ")}` }
    },
  })
  process.stdout.write(output)
} else {
  process.stderr.write(`solc.js answers --version and --standard-json, not: ${options.join(" ")}\n`)
  process.exitCode = 1
}
