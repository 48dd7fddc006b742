// Compiles the contracts and writes their ABI and bytecode to contracts/generated, so that a gateway never compiles.
// Not forge's own output: a compilation that includes the tests may number things otherwise and so order code otherwise.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { posix, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import solc from "solc"
import { concat, type Hex, keccak256, toBytes } from "viem"

const command = "npx tsc && node dist/contracts/generate.js"
const folder = "contracts/generated"
const snapshots = "contracts/snapshots"
export const recordFile = `${snapshots}/generated.json`
/** What each contract keeps where, and how large its code on chain is: a change of either shows in review. */
const layoutFile = `${snapshots}/layout.json`

const contracts = {
  accessManager: "@openzeppelin/contracts/access/manager/AccessManager.sol",
  certificates: "contracts/Certificates.sol",
  greenToken: "contracts/GreenToken.sol",
  impactOracle: "contracts/ImpactOracle.sol",
  issuance: "contracts/Issuance.sol",
  meterPicture: "contracts/MeterPicture.sol",
  meterRegistry: "contracts/MeterRegistry.sol",
  policyRegistry: "contracts/PolicyRegistry.sol",
  readingVerifier: "contracts/ReadingVerifier.sol",
  retirements: "contracts/Retirements.sol",
  sharingPool: "contracts/SharingPool.sol",
  stakes: "contracts/Stakes.sol",
}

/** Not by way of the IR: through it the verifier is larger than a contract may be. */
const direct = new Set(["accessManager", "readingVerifier"])

interface Variable {
  slot: string
  offset: number
  label: string
  type: string
}

interface Compiled {
  abi: unknown[]
  storageLayout: { storage: Variable[]; types: Record<string, { label: string }> | null }
  evm: {
    bytecode: { object: string }
    deployedBytecode: { object: string; immutableReferences: Record<string, { start: number }[]> }
  }
}

interface Output {
  errors?: { severity: string; formattedMessage: string }[]
  sources: Record<string, { ast: unknown }>
  contracts: Record<string, Record<string, Compiled>>
}

/** What was compiled from what: the way through the IR takes minutes, comparing this takes none. */
export interface Recorded {
  /** keccak256 of all that decides the bytecode: the compiler, its settings, every source file. */
  sources: Hex
  /** keccak256 of each generated file. */
  files: { [name: string]: Hex }
}

/** The record that belongs to the sources and the generated files in the repository at `root`. */
export function record(root = "."): Recorded {
  const read = reader(root)
  const sources = new Map<string, string>()
  const follow = (path: string) => {
    if (sources.has(path)) return
    const text = read(path)
    sources.set(path, text)
    for (const [, imported] of text.matchAll(/^import [^"]*"([^"]+)";/gm)) {
      follow(imported!.startsWith(".") ? posix.join(posix.dirname(path), imported!) : imported!)
    }
  }
  for (const path of Object.values(contracts)) follow(path)
  const said = [
    solc.version(),
    JSON.stringify(settingsOf(read("foundry.toml"))),
    JSON.stringify([contracts, [...direct]]),
    ...[...sources.keys()].sort().flatMap((path) => [path, sources.get(path)!]),
  ]
  const files = [...readdirSync(resolve(root, folder)).map((name) => `${folder}/${name}`), layoutFile].sort()
  return {
    sources: keccak256(concat(said.map((text) => keccak256(toBytes(text))))),
    files: Object.fromEntries(files.map((name) => [name, keccak256(toBytes(read(name)))])),
  }
}

function reader(root: string) {
  return (path: string) =>
    readFileSync(resolve(root, path.startsWith("@") ? `node_modules/${path}` : path), "utf8")
}

/** The generated files' texts by path, compiled afresh from the repository at `root`. */
export function generate(root = "."): Map<string, string> {
  const read = reader(root)
  const outputs = [
    compile((name) => !direct.has(name), true, read),
    compile((name) => direct.has(name), false, read),
  ]
  const files = new Map<string, string>()
  const layout: Record<string, { bytes: number; storage: string[] }> = {}
  for (const [name, path] of Object.entries(contracts)) {
    const contractName = name[0]!.toUpperCase() + name.slice(1)
    const output = outputs[direct.has(name) ? 1 : 0]!
    const { abi, evm, storageLayout } = output.contracts[path]![contractName]!
    layout[contractName] = {
      bytes: evm.deployedBytecode.object.length / 2,
      storage: storageLayout.storage.map(
        ({ slot, offset, label, type }) => `${slot}+${offset} ${storageLayout.types![type]!.label} ${label}`,
      ),
    }
    files.set(
      `${folder}/${name}.ts`,
      [
        `// Generated from ${path} by: ${command}`,
        `export const ${name}Abi = [`,
        ...abi.map((item) => `  ${JSON.stringify(item)},`),
        "] as const",
        "",
        `export const ${name}Bytecode =`,
        `  "0x${evm.bytecode.object}" as const`,
        "",
        "/** The code on chain: which bytes of the bytecode it is, and where in it each immutable stands, 32 bytes each. */",
        `export const ${name}Runtime = ${JSON.stringify(runtimeOf(evm, output))} as const`,
        "",
      ].join("\n"),
    )
  }
  files.set(layoutFile, `${JSON.stringify(layout, null, 2)}\n`)
  return files
}

/** Where in the bytecode the code stands that its constructor returns. */
function runtimeOf({ bytecode, deployedBytecode }: Compiled["evm"], { sources }: Output) {
  const at = bytecode.object.indexOf(deployedBytecode.object)
  if (at < 0 || at % 2 !== 0) throw new Error("the bytecode does not hold the code that it deploys")
  const names = new Map<string, string>()
  for (const { ast } of Object.values(sources)) nameVariables(ast, names)
  const immutables = Object.entries(deployedBytecode.immutableReferences).map(([id, places]) => [
    names.get(id)!,
    places.map(({ start }) => start),
  ])
  return {
    start: at / 2,
    length: deployedBytecode.object.length / 2,
    immutables: Object.fromEntries(immutables.sort()) as Record<string, number[]>,
  }
}

/** Finds the variables in a syntax tree: their names by their ids. */
function nameVariables(node: unknown, names: Map<string, string>): void {
  if (typeof node !== "object" || node === null) return
  const { nodeType, id, name } = node as Record<string, unknown>
  if (nodeType === "VariableDeclaration") names.set(String(id), String(name))
  for (const child of Object.values(node)) nameVariables(child, names)
}

function compile(isIn: (name: string) => boolean, viaIR: boolean, read: (path: string) => string): Output {
  const chosen = Object.entries(contracts).filter(([name]) => isIn(name))
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(chosen.map(([, path]) => [path, { content: read(path) }])),
    settings: {
      ...settingsOf(read("foundry.toml")),
      viaIR,
      metadata: { bytecodeHash: "none", appendCBOR: false },
      outputSelection: {
        "*": {
          "": ["ast"],
          "*": [
            "abi",
            "storageLayout",
            "evm.bytecode.object",
            "evm.deployedBytecode.object",
            "evm.deployedBytecode.immutableReferences",
          ],
        },
      },
    },
  }
  const output: Output = JSON.parse(
    solc.compile(JSON.stringify(input), { import: (path: string) => ({ contents: read(path) }) }),
  )
  const errors = output.errors?.filter((error) => error.severity === "error") ?? []
  if (errors.length > 0) throw new Error(errors.map((error) => error.formattedMessage).join("\n"))

  return output
}

/** What foundry.toml says of the compiler, so that it is said once. */
function settingsOf(toml: string) {
  const value = (key: string) => {
    const found = new RegExp(`^${key} = "?([\\w]+)"?$`, "m").exec(toml)?.[1]
    if (!found) throw new Error(`foundry.toml does not say ${key}`)
    return found
  }
  return {
    evmVersion: value("evm_version"),
    optimizer: {
      enabled: value("optimizer") === "true",
      runs: Number(value("optimizer_runs").replaceAll("_", "")),
    },
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(folder, { recursive: true })
  for (const [path, text] of generate()) {
    writeFileSync(path, text)
    console.error(`${path}: ${(text.length / 1024).toFixed(0)} KiB`)
  }
  writeFileSync(recordFile, `${JSON.stringify(record(), null, 2)}\n`)
}
