// Breaks the contracts in one place at a time, in a copy, and runs the tests that should notice. A test suite that lets
// a broken contract pass proves nothing about the one that is not. npm run mutations [words of a name…]
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join, resolve } from "node:path"
import { type Mutation, mutations } from "./mutations.ts"

interface Suite {
  test_results: Record<string, { status: string }>
}

const folder = resolve(".forge/mutations")
const done = join(folder, "done.jsonl")

// Compiling is nearly all of the time, and optimising is half of that. Yul's optimiser stays on without any step: it
// alone finds room on the stack for what is written in assembly.
const unoptimised = `
[profile.default.optimizer_details]
peephole = false
inliner = false
jumpdestRemover = false
orderLiterals = false
deduplicate = false
cse = false
constantOptimizer = false
yul = true

[profile.default.optimizer_details.yulDetails]
stackAllocation = true
optimizerSteps = "u"
`

/** A copy with this test alone, in which the compiler's cache goes on from one mutation to the next. */
function copy(test: string, optimised: boolean): string {
  const root = join(folder, test)
  for (const path of ["contracts", "protocol/vectors"]) {
    rmSync(join(root, path), { recursive: true, force: true })
    cpSync(path, join(root, path), { recursive: true, filter: (name) => !name.endsWith(".ts") })
  }
  const settings = readFileSync("foundry.toml", "utf8")
  const off =
    settings
      .replace(/^optimizer = true$/m, "optimizer = false")
      .replace(/\[profile\.default\.optimizer_details[^[]*/g, "") + unoptimised
  writeFileSync(join(root, "foundry.toml"), optimised ? settings : off)
  for (const name of readdirSync("contracts/test")) {
    // What others import from Signatures.t.sol stays.
    const needed = name === `${test}.t.sol` || (name === "Signatures.t.sol" && test === "Reading")
    if (name.endsWith(".t.sol") && !needed) rmSync(join(root, "contracts/test", name))
  }
  if (!existsSync(join(root, "node_modules"))) {
    const contracts = "node_modules/@openzeppelin/contracts"
    cpSync(contracts, join(root, contracts), { recursive: true })
    symlinkSync(resolve("node_modules/solc"), join(root, "node_modules/solc"))
  }
  return root
}

/** The first test that fails; undefined where all pass, with few tries of what is fuzzed and with many. */
function caughtBy(root: string): string | undefined {
  return firstFailing(root, 16) ?? firstFailing(root, 256)
}

function firstFailing(root: string, fuzzRuns: number): string | undefined {
  const run = spawnSync(resolve("node_modules/.bin/forge"), ["test", "--json", "--fail-fast"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    env: { ...process.env, FOUNDRY_FUZZ_RUNS: String(fuzzRuns) },
  })
  const json = run.stdout.slice(run.stdout.indexOf("{"))
  if (!json.startsWith("{")) throw new Error(`does not compile:\n${run.stdout}${run.stderr}`)
  for (const { test_results } of Object.values<Suite>(JSON.parse(json))) {
    for (const [name, { status }] of Object.entries(test_results)) {
      if (status === "Failure") return name.replace(/\(.*/, "")
    }
  }
  return undefined
}

/** The copy for a test, in which it passes: what fails anyway catches nothing. */
function copyThatPasses(test: string, optimised = false): string {
  const root = copy(test, optimised)
  let failing: string | undefined
  try {
    failing = firstFailing(root, 16)
  } catch (error) {
    // What only the optimiser finds room for on the stack.
    if (optimised) throw error
    return copyThatPasses(test, true)
  }
  if (failing) throw new Error(`${test}.t.sol fails with nothing broken: ${failing}`)
  return root
}

/** What a mutation's verdict is known by: itself, the file that it breaks, and the test that should notice. */
function keyOf(mutation: Mutation): string {
  const texts = [`contracts/${mutation.file}`, `contracts/test/${mutation.test}.t.sol`]
  const said = [JSON.stringify(mutation), ...texts.map((path) => readFileSync(path, "utf8"))]
  return createHash("sha256").update(JSON.stringify(said)).digest("hex")
}

function broken(root: string, { file, find, replace }: Mutation): string | undefined {
  const path = join(root, "contracts", file)
  const text = readFileSync(path, "utf8")
  // A function, or a replacement's dollar signs would mean something.
  writeFileSync(
    path,
    text.replace(find, () => replace),
  )
  try {
    return caughtBy(root)
  } finally {
    writeFileSync(path, text)
  }
}

const words = process.argv.slice(2)
const chosen = mutations.filter(({ file, breaks }) =>
  words.every((word) => `${file} ${breaks}`.toLowerCase().includes(word.toLowerCase())),
)
for (const { file, find, breaks } of mutations) {
  const places = readFileSync(`contracts/${file}`, "utf8").split(find).length - 1
  if (places !== 1) throw new Error(`${file}, ${breaks}: found ${places} times, not once: ${find}`)
}
mkdirSync(folder, { recursive: true })
const known = new Set(existsSync(done) ? readFileSync(done, "utf8").split("\n") : [])
const survivors: Mutation[] = []
const roots = new Map<string, string>()
for (const mutation of chosen) {
  const { file, breaks, test } = mutation
  const key = keyOf(mutation)
  if (known.has(key)) continue
  const root = roots.get(test) ?? copyThatPasses(test)
  roots.set(test, root)
  const by = broken(root, mutation)
  if (by) appendFileSync(done, `${key}\n`)
  else survivors.push(mutation)
  console.log(`${by ? "caught  " : "SURVIVED"} ${file}: ${breaks}${by ? ` (${by})` : ""}`)
}
console.log(`${chosen.length} mutations of ${mutations.length}, ${survivors.length} survived`)
process.exitCode = survivors.length === 0 ? 0 : 1
